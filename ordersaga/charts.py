"""Charts as SVG files, for documents: lines and bars on white. The same numbers give the same bytes.

Drawn by Vega-Lite through `vl-convert-python`, which the extra `charts` brings: `pip install 'ordersaga[charts]'`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLORS = ("#2563eb", "#ea580c", "#059669", "#9333ea", "#475569", "#be123c")
INK, FAINT = "#1f2937", "#e5e7eb"
FONT = "sans-serif"
DASHES = ([1, 0], [8, 4], [4, 4], [2, 4], [10, 6], [1, 6])
_CONFIG: dict[str, Any] = {
    "background": "white",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": INK,
        "gridColor": FAINT,
        "labelColor": INK,
        "tickColor": INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
    },
    "legend": {"labelColor": INK, "orient": "bottom", "title": None, "columns": 3, "labelLimit": 320},
    "title": {"anchor": "start", "color": INK, "fontSize": 14, "offset": 12, "subtitleColor": INK},
    "range": {"category": list(COLORS)},
}

Bars = Mapping[str, float] | Mapping[str, Mapping[str, float]]


class ChartsMissingError(Exception):
    """The extra that draws charts is not installed; the text says how to get it."""

    def __init__(self) -> None:
        super().__init__("charts need the extra `charts`: pip install 'ordersaga[charts]'")


def line_chart(
    path: Path,
    title: str,
    x: str,
    y: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    log_y: bool = False,
    markers: bool = False,
    size: tuple[int, int] = (640, 300),
) -> None:
    """Draw one line for each series of (x, y) points; `x` and `y` name the axes and their units.

    `log_y`: a logarithmic y axis (all y above zero). `markers`: show the points. `size`: width and height in pixels.
    Raises ChartsMissingError; ValueError when there is nothing to draw.
    """
    rows = [{"series": name, "x": px, "y": py} for name, points in series.items() for px, py in points]
    scale = {"type": "log"} if log_y else {"zero": True}
    encoding = {
        "x": {"field": "x", "type": "quantitative", "title": x, "scale": {"nice": False}},
        "y": {"field": "y", "type": "quantitative", "title": y, "scale": scale},
        "color": _colors(list(series)),
        "strokeDash": _dashes(list(series)),
    }
    _write(path, title, rows, {"type": "line", "strokeWidth": 2, "point": markers}, encoding, size)


def bar_chart(
    path: Path, title: str, y: str, bars: Bars, *, log_y: bool = False, size: tuple[int, int] = (640, 300)
) -> None:
    """Draw bars in the order given: name to value, or group to (name to value) for bars side by side.

    `y` names the axis and its unit. `log_y`: a logarithmic y axis (all values above zero). Raises ChartsMissingError;
    ValueError when there is nothing to draw.
    """
    grouped = [(name, of if isinstance(of, Mapping) else {"": of}) for name, of in bars.items()]
    rows = [{"group": group, "series": name, "y": value} for group, of in grouped for name, value in of.items()]
    names = list(dict.fromkeys(str(row["series"]) for row in rows))
    scale = {"type": "log"} if log_y else {"zero": True}
    encoding: dict[str, Any] = {
        "x": {"field": "group", "type": "nominal", "title": None, "sort": None, "axis": {"labelAngle": 0}},
        "y": {"field": "y", "type": "quantitative", "title": y, "scale": scale},
    }
    if names != [""]:
        encoding |= {"xOffset": {"field": "series", "type": "nominal", "sort": names}, "color": _colors(names)}
    _write(path, title, rows, {"type": "bar", "color": COLORS[0]}, encoding, size)


def _dashes(names: list[str]) -> dict[str, Any]:
    """Later lines have gaps, through which one they lie upon is seen."""
    scale = {"domain": names, "range": [DASHES[number % len(DASHES)] for number in range(len(names))]}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": {} if len(names) > 1 else None}


def _colors(names: list[str]) -> dict[str, Any]:
    legend: dict[str, Any] | None = {} if len(names) > 1 else None
    scale = {"domain": names, "range": [COLORS[number % len(COLORS)] for number in range(len(names))]}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": legend}


def _write(
    path: Path,
    title: str,
    rows: list[dict[str, Any]],
    mark: dict[str, Any],
    encoding: dict[str, Any],
    size: tuple[int, int],
) -> None:
    if not rows:
        raise ValueError(f"nothing to draw for {title!r}: give at least one number")
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "width": size[0],
        "height": size[1],
        "padding": 12,
        "data": {"values": rows},
        "mark": mark,
        "encoding": encoding,
        "config": _CONFIG,
    }
    path.write_text(_drawn(spec), encoding="utf-8")


def _drawn(spec: dict[str, Any]) -> str:
    """The SVG of a Vega-Lite chart."""
    try:
        import vl_convert
    except ImportError as error:
        raise ChartsMissingError from error
    return vl_convert.vegalite_to_svg(spec) + "\n"
