"""What a figure says, and when a measurement is refused."""

from pathlib import Path

import pytest

from benchmarks.figures import (
    Figure,
    InvalidMeasurementError,
    Row,
    at_most,
    divided,
    keep,
    kept,
    quantile,
    ratio_at_least,
    ratio_at_most,
    require,
    told,
)
from benchmarks.report import write_report
from benchmarks.rows.registry import MODULES, measure_of


def _row(quick: bool, *figures: Figure) -> Row:
    return Row(
        row="B1",
        title="Cost",
        beside="a peer",
        quick=quick,
        load="one order",
        figures=list(figures),
        checks=["all well"],
    )


def test_a_mark_is_reached_or_not() -> None:
    """On both sides of each kind of mark; a figure without one spoils nothing."""
    assert ratio_at_least("rate", "/s", 30, 1, 30).reached
    assert not ratio_at_least("rate", "/s", 29, 1, 30).reached
    assert ratio_at_most("time", "ms", 20, 10, 2).reached
    assert not ratio_at_most("time", "ms", 21, 10, 2).reached
    assert not at_most("bytes", "KB", 13, 12).reached
    assert _row(False, at_most("bytes", "KB", 12, 12), told("seen", "", 1)).reached
    assert not _row(False, at_most("bytes", "KB", 13, 12), told("seen", "", 1)).reached


@pytest.mark.parametrize(("product", "peer"), [(1.0, 0.0), (float("nan"), 1.0), (float("inf"), 1.0)])
def test_what_is_no_number_is_refused(product: float, peer: float) -> None:
    """A peer that did nothing, or a time that was never taken, makes no ratio."""
    with pytest.raises(InvalidMeasurementError):
        divided(product, peer)


def test_what_does_not_hold_is_refused() -> None:
    """A count that is wrong, and a quantile of nothing."""
    assert require(True, "all sold") == "all sold"
    with pytest.raises(InvalidMeasurementError, match="all sold"):
        require(False, "all sold")
    with pytest.raises(InvalidMeasurementError):
        quantile([], 0.99)


def test_quantiles_are_by_nearest_rank() -> None:
    """p99 of a hundred is the second longest, of twenty the longest."""
    assert quantile([float(number) for number in range(1, 101)], 0.99) == 99
    assert quantile([float(number) for number in range(1, 21)], 0.99) == 20
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2


def test_a_quick_row_never_takes_the_place_of_a_full_one(tmp_path: Path) -> None:
    """Both are kept; the full one is told, also in a quick run."""
    keep(tmp_path, _row(False, told("seen", "", 1)))
    keep(tmp_path, _row(True, told("seen", "", 2)))
    assert kept(tmp_path, ["B1", "B2"], quick=True)["B1"].figures[0].product == 1
    assert list(kept(tmp_path, ["B2"], quick=True)) == []
    (tmp_path / "B1.json").unlink()
    assert kept(tmp_path, ["B1"], quick=False) == {}
    assert kept(tmp_path, ["B1"], quick=True)["B1"].quick


def test_the_page_says_what_was_not_reached(tmp_path: Path) -> None:
    """Both verdicts stand in the table, and what was checked below it."""
    row = _row(True, at_most("bytes", "KB", 13, 12), ratio_at_least("rate", "/s", 30, 1, 30))
    page = write_report(tmp_path, [row]).read_text()
    assert "| 13 KB |  |  | ≤ 12 KB | not reached |" in page
    assert "| 30 /s | 1 /s | 30.00x | ≥ 30x | reached |" in page
    assert "- all well" in page


@pytest.mark.parametrize("name", MODULES)
def test_every_row_can_be_measured(name: str) -> None:
    """Its module imports and has what a row needs."""
    assert callable(measure_of(name))
