"""The documents as a site: every page is reached, links lead somewhere, and the reference is what the code says."""

import gc
import re
import shutil
from pathlib import Path

import pytest
import yaml
from fastapi.routing import APIRoute
from prometheus_client.registry import Collector
from typer.main import get_command

from docs_site.building import CONFIGURATION, SiteError, generate, loaded_from_outside, not_listed
from docs_site.command_page import command_page, commands
from docs_site.http_page import document, http_page
from docs_site.message_page import WORKFLOWS, message_page
from docs_site.metric_page import UntoldCollectorError, metric_page
from docs_site.setting_page import setting_page
from docs_site.staging import ROOT, Staging
from ordersaga.commands import build
from ordersaga.settings import Settings, environment_name
from tests.replay import wire


def test_a_menu_leads_to_every_page(tmp_path: Path) -> None:
    """Pages are staged with what they show; none is left out of the navigation, and one that were is named."""
    pages = Staging(ROOT, tmp_path).run()
    nav = yaml.safe_load((ROOT / CONFIGURATION).read_text(encoding="utf-8"))["nav"]
    assert not_listed(pages, nav) == []
    assert not_listed([*pages, "lost.md"], nav) == ["lost.md"]
    assert "(architecture-0.svg)" in (tmp_path / "architecture.md").read_text(encoding="utf-8")
    assert "(source/workflows/order_fulfillment.py.md)" in (tmp_path / "architecture.md").read_text(encoding="utf-8")
    assert "class OrderFulfillment" in (tmp_path / "source/workflows/order_fulfillment.py.md").read_text()


def test_links_that_lead_nowhere_stop_the_build(tmp_path: Path) -> None:
    """A page that is not there, and a heading that is not; the message says where both are."""
    shutil.copy(ROOT / CONFIGURATION, tmp_path)
    (tmp_path / "docs").mkdir()
    text = "# Home\n\n[page](gone.md)\n\n[heading](#gone)\n\n[fine](#home)\n"
    (tmp_path / "docs" / "index.md").write_text(text, encoding="utf-8")
    with pytest.raises(SiteError) as told:
        generate(tmp_path)
    assert re.findall(r"index\.md:(\d+)", str(told.value)) == ["3", "5"]


def test_what_a_reader_would_fetch_from_elsewhere_is_found(tmp_path: Path) -> None:
    """A script, a font and an image; a link that is only followed is none."""
    (tmp_path / "page.html").write_text(
        '<a href="https://a.example">a</a><script src="https://b.example/b.js"></script><img src=/own.png>'
        '<link rel="stylesheet" href="//c.example/c.css">'
    )
    (tmp_path / "style.css").write_text("@font-face { src: url(https://d.example/d.woff) }")
    found = list(loaded_from_outside(tmp_path))
    assert [text.rpartition("//")[2].partition(".")[0] for text in found] == ["b", "c", "d"]


def test_every_route_is_told() -> None:
    """Method and path of each, with its answers; the document is the API's own."""
    described = document()
    page = http_page(described)
    routes = {(method, path) for path, methods in described["paths"].items() for method in methods}
    assert len(routes) > 50
    assert [each for each in routes if f"### {each[0].upper()} {each[1]}\n" not in page] == []
    assert "matches `" in page
    assert APIRoute.__name__ not in page


def test_every_command_is_told_with_its_options() -> None:
    """A heading for each, and a row for each option."""
    page = command_page()
    known = dict(commands(get_command(build([]))))
    assert len(known) > 40
    for path, command in known.items():
        section = page.partition(f"# {path}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
        assert section, path
        assert [each.name for each in command.params if not each.hidden and each.opts[0] not in section.lower()] == []


def test_every_message_is_told() -> None:
    """The names on the wire, and each field of what travels with them."""
    page = message_page()
    running = wire.names()["workflows"]
    assert set(running) == {kind.__name__ for kind in WORKFLOWS} == {kind.__name__ for kind in wire.WORKFLOWS}
    for name, spoken in running.items():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        said = {word for kind in ("signals", "updates", "queries") for word in spoken[kind]}
        assert [word for word in said if f"| `{word}` |" not in section] == []
    assert "### CancelRequest {" in page


def test_every_setting_is_told_with_its_meaning() -> None:
    """A row for each; none without words, and no default of a secret."""
    rows = {line.split("`")[1]: line for line in setting_page().splitlines() if line.startswith("| `ORDERSAGA_")}
    assert list(rows) == [environment_name(name) for name in Settings.model_fields]
    assert [name for name, row in rows.items() if row.endswith("|  |")] == []
    assert "postgresql://" not in "".join(rows.values())


def test_a_collector_that_is_not_told_stops_the_build() -> None:
    """Whoever adds gauges adds them to the page."""
    assert "| `ordersaga_attention_open` | gauge | `kind` |" in metric_page()
    stray: type[Collector] | None = type("Stray", (Collector,), {"__module__": "ordersaga.api.stray"})
    with pytest.raises(UntoldCollectorError, match="Stray"):
        metric_page()
    del stray
    gc.collect()
    metric_page()
