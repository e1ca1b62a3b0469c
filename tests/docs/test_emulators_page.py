"""The page of the emulated companies names what each can be told, and where it is."""

import re
from pathlib import Path
from typing import Final

import pytest
from starlette.routing import Route

from emulators.__main__ import REGISTRY, create
from emulators.common import EmulatorConfig
from emulators.common.control import control_app
from ordersaga.embedded import StackOptions
from tests.docs.pages import ROOT

PAGE: Final = (ROOT / "docs" / "emulators.md").read_text(encoding="utf-8")
HEADINGS: Final = {
    "stripe": "Stripe",
    "shipbob": "ShipBob",
    "easypost": "EasyPost",
    "newegg": "Newegg",
    "amazon_mcf": "Amazon MCF",
    "ups": "UPS",
    "courier": "Courier",
    "tiktok_shop": "TikTok Shop",
    "stall": "Stall",
}
COMMON: Final = PAGE.partition("## The control API\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_control_is_named(name: str, tmp_path: Path) -> None:
    """Those of all companies in their part of the page, its own in the company's."""
    section = PAGE.partition(f"\n## {HEADINGS[name]}\n")[2].partition("\n## ")[0]
    emulator = create(EmulatorConfig(name=name, host="127.0.0.1", port=1, data=tmp_path))
    paths = [route.path for route in control_app(emulator).routes if isinstance(route, Route)]
    controls = {re.sub(r"\{\w+\}", "ID", path.removeprefix("/_control/")) for path in paths}
    emulator.store.close()
    assert len(controls) > 8
    assert sorted(each for each in controls if each not in section and each not in COMMON) == []


def test_every_company_is_where_the_page_says() -> None:
    """The ports that `ordersaga up` takes, and the variables that `ordersaga env` prints."""
    rows = dict(re.findall(r"^\| `(\w+)` \| .+ \| (\d{4}) \| ", PAGE, re.MULTILINE))
    options = StackOptions(_env_file=None)
    assert {name: int(port) for name, port in rows.items()} == {name: options.port(name) for name in REGISTRY}
    assert [name for name in REGISTRY if f"`${name.upper()}`" not in PAGE] == []
