"""docs/whatif.md: it names every field there is, and its answer is that of the example beside it."""

import tomllib
from pathlib import Path

from ordersaga.whatif.scenario import Outage, ProviderPlan, Scenario

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "whatif.md").read_text(encoding="utf-8")


def test_every_field_is_explained() -> None:
    """Of a scenario, a provider and an outage."""
    fields = {*Scenario.model_fields, *ProviderPlan.model_fields, *Outage.model_fields} - {"providers"}
    assert {field for field in fields if f"`{field}`" not in PAGE} == set()


def test_its_answer_and_its_chart_are_the_examples() -> None:
    """The variants of the example are those in the table, and in the picture."""
    told = tomllib.loads((ROOT / "examples" / "whatif.toml").read_text(encoding="utf-8"))
    drawn = (ROOT / "docs" / "whatif.svg").read_text(encoding="utf-8")
    for name in (told["name"], *told["variants"]):
        assert f"┃ {name} " in PAGE
        assert f">{name}<" in drawn
