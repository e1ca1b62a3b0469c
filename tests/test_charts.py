"""Charts: what is in the picture, and that the same numbers give the same picture."""

import sys
from pathlib import Path

import pytest

from ordersaga.charts import ChartsMissingError, bar_chart, line_chart

SERIES = {"one lane": [(0.0, 1.0), (1.0, 5.0)], "a <second> one": [(0.0, 2.0), (1.0, 8.5)]}


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    """Axes, title and every series by name, on white; drawn again it is the same file."""
    for name in ("a.svg", "b.svg"):
        line_chart(tmp_path / name, "Orders waiting", "hours", "orders", SERIES)
    drawn = (tmp_path / "a.svg").read_text()
    assert drawn == (tmp_path / "b.svg").read_text()
    for word in ("Orders waiting", "hours", "one lane", "a &lt;second&gt; one", 'fill="white"'):
        assert word in drawn


def test_bars_stand_alone_or_side_by_side(tmp_path: Path) -> None:
    """Names under the bars in the order given; a legend only where there are several to a group."""
    bar_chart(tmp_path / "alone.svg", "Rate", "orders/s", {"zebra": 3, "ant": 5})
    alone = (tmp_path / "alone.svg").read_text()
    assert 0 < alone.index(">zebra<") < alone.index(">ant<")
    bar_chart(tmp_path / "beside.svg", "Rate", "orders/s", {"zebra": {"p50": 1, "p99": 2}, "ant": {"p50": 3, "p99": 4}})
    beside = (tmp_path / "beside.svg").read_text()
    assert ">p99<" in beside
    assert ">p99<" not in alone


def test_without_the_extra_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture and no traceback of an import; nor a picture of nothing."""
    with pytest.raises(ValueError, match="nothing to draw"):
        line_chart(tmp_path / "a.svg", "Nothing", "x", "y", {})
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ChartsMissingError, match=r"pip install 'ordersaga\[charts\]'"):
        bar_chart(tmp_path / "a.svg", "Rate", "orders/s", {"a": 1})
    assert not (tmp_path / "a.svg").exists()
