"""`ordersaga whatif`: the question on the command line or in a file, and the answer as a table, JSON and a chart."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.terminal import Outcome, exit_code

EXAMPLE = Path(__file__).parents[2] / "examples" / "whatif.toml"
Whatif = Callable[..., Outcome]
SMALL = ("--orders", "60", "--within", "1m", "--seed", "3")


@pytest.fixture
def whatif(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Whatif:
    """The command."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Outcome:
        code = exit_code(["whatif", *words])
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return run


def test_the_answer_is_a_table_and_two_curves(whatif: Whatif) -> None:
    """How many missed ship-by, how long hand-offs waited, which lane filled up, and what it stands for."""
    told = whatif(*SMALL, "--provider", "shipbob=20/min,30/day", "--sample", "30")
    assert (told.code, told.err) == (0, "")
    for words in ("missed ship-by", "hand-off wait p95", "shipbob: ", "ship_by_missed: ", "money captured", "█"):
        assert words in told.out
    assert told.out.endswith("30 of 60 orders were played; --whole plays all\n")
    assert "were played" not in whatif(*SMALL, "--whole").out


def test_json_is_the_same_each_time_and_a_chart_is_drawn(whatif: Whatif, tmp_path: Path) -> None:
    """A program reads counts, and the same seed gives the same bytes of both."""
    first, again = (
        whatif(*SMALL, "--provider", "shipbob=20/min", "--json", "--chart", str(tmp_path / name))
        for name in ("a.svg", "b.svg")
    )
    assert first == again
    variant = json.loads(first.out)["variants"][0]
    assert variant["confirmed"] == variant["on_time"] + variant["missed"]
    assert variant["confirmed"] + variant["declined"] + variant["sold_out"] == 60
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "hours after the first order" in (tmp_path / "a.svg").read_text()


def test_without_the_extra_for_charts_the_rest_is_answered(
    whatif: Whatif, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is told how to get it."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    told = whatif(*SMALL, "--chart", str(tmp_path / "a.svg"))
    assert (told.code, "missed ship-by" in told.out) == (0, True)
    assert "no chart was drawn: charts need the extra `charts`: pip install 'ordersaga[charts]'" in told.err


def test_compare_plays_what_would_help_beside_it(whatif: Whatif, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another provider, a higher rate, a longer time; with two, the first alone. In processes of their own too."""
    few = ("--orders", "20", "--within", "1m", "--compare", "--json")
    names = [each["name"] for each in json.loads(whatif(*few).out)["variants"]]
    helps = ["twice the calls at shipbob", "the same orders in 6 min"]
    assert names == ["as asked", "a second provider like it", *helps]
    both = (*few, "--provider", "shipbob=150/min", "--provider", "b=99/min")
    two = whatif(*both)
    assert [each["name"] for each in json.loads(two.out)["variants"]] == ["as asked", "shipbob alone", *helps]
    monkeypatch.setattr("ordersaga.commands.whatif.LONG", 0)
    assert whatif(*both) == two


def test_a_scenario_file_names_its_variants_and_options_replace_what_it_says(whatif: Whatif) -> None:
    """The example of the documents, in small: every variant is answered, in its order."""
    told = json.loads(whatif("--scenario", str(EXAMPLE), "--sample", "25", "--orders", "500", "--json").out)
    assert told["title"] == "20,000 orders in 10 minutes"
    names = [each["name"] for each in told["variants"]]
    assert names[:3] == ["ShipBob at 150/min", "600 calls/min", "a second provider"]
    assert {(each["orders"], each["simulated"]) for each in told["variants"]} == {(500, 25)}
    assert "provider-second" in told["variants"][2]["lanes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--provider", "shipbob=fast"), "--provider 'shipbob=fast': 'fast' is no rate; write 150/min"),
        (("--provider", "Ship Bob=9/min"), "options: providers.Ship Bob"),
        (("--within", "soon"), "options: within: 'soon' is no duration; write 90s, 10m, 2h or 2d"),
        (("--ship-within", "0d"), "options: within, ship_within and operator must be longer than nothing"),
        (("--scenario", "nowhere.toml"), "--scenario: cannot read nowhere.toml: No such file or directory"),
        (("--chart", "/nowhere/a.svg"), "--chart: there is no folder /nowhere; name one that exists"),
    ],
)
def test_wrong_usage_names_the_option_and_the_remedy(whatif: Whatif, words: tuple[str, ...], said: str) -> None:
    """One line, exit code 2, and no table."""
    told = whatif(*words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("orders = ", "is not TOML"),
        ("ordres = 5", "ordres is unknown; fields: orders, within"),
        ("[variants.x]\nwithin = '1y'", "variants.x: within: '1y' is no duration"),
        ("[providers.shipbob]\ncals = '9/min'", "providers.shipbob.cals is unknown; fields: calls, parcels"),
        ("variants = 3", "variants: write each as a table"),
        ("[providers.shipbob]\ncalls = '0/min'", "providers.shipbob.calls: '0/min' is no rate"),
        (
            "[providers.shipbob]\ncalls = '9/min'\noutages = [{begins = '2h', ends = '1h'}]",
            "begins must come before ends",
        ),
    ],
)
def test_a_wrong_scenario_file_names_the_field_and_the_remedy(
    whatif: Whatif, tmp_path: Path, text: str, said: str
) -> None:
    """Whoever wrote it finds the place."""
    (tmp_path / "s.toml").write_text(text)
    told = whatif("--scenario", str(tmp_path / "s.toml"))
    assert told.code == 2
    assert str(tmp_path / "s.toml") in told.err
    assert said in told.err
