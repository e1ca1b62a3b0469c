"""Alerts and dashboards ask for what processes really tell, and each alert for something a person can do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from temporalio.testing import WorkflowEnvironment

from docs_site.metric_page import metric_labels, metric_names
from tests.docs.pages import ROOT, anchors
from tests.telemetry.page import PAGE, with_metrics
from tests.telemetry.queries import labels_in, metrics_in
from tests.telemetry.scrapes import counted, scraped_from_temporals_sdk

ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
BOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
ALWAYS = {"up"}
"""What Prometheus itself knows."""
TARGETS = {"job", "instance", "service"}
"""Labels that it gives to everything it scrapes."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scraped(environment: WorkflowEnvironment) -> set[str]:
    """Samples of Temporal's SDK, and of this process: `name{label=value,...}`."""
    sdk = await scraped_from_temporals_sdk(environment.client.service_client.config.target_host)
    return {*sdk, *counted()}


@pytest.fixture(scope="module")
def told(scraped: set[str]) -> set[str]:
    """Every name that a scrape of any of our processes may have."""
    return ALWAYS | metric_names() | {name.partition("{")[0] for name in scraped}


@pytest.fixture(scope="module")
def labeled(scraped: set[str]) -> dict[str, set[str]]:
    """The labels of each of them."""
    found = {name: set(labels) for name, labels in metric_labels().items()}
    for sample in scraped:
        name, _, labels = sample.rstrip("}").partition("{")
        found.setdefault(name, set()).update(label.partition("=")[0] for label in labels.split(",") if label)
    return found


def alerts() -> list[dict[str, Any]]:
    """Every alert, as it stands in the file."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> Iterator[tuple[str, str]]:
    """Each panel's title, with its board's, and each of its expressions."""
    for board in BOARDS:
        content = json.loads(board.read_text())
        for panel in content["panels"]:
            for target in panel["targets"]:
                yield f"{content['title']}: {panel['title']}", target["expr"]


async def test_alerts_and_panels_ask_for_what_is_told(told: set[str]) -> None:
    """A metric that was renamed, or never was, would be an alert that never comes, or an empty panel."""
    asked = {(rule["alert"], rule["expr"]) for rule in alerts()} | set(panels())
    missing = {(where, name) for where, expression in asked for name in metrics_in(expression) - told}
    assert missing == set()


async def test_alerts_and_panels_ask_for_labels_that_are_told(labeled: dict[str, set[str]]) -> None:
    """A label that no series has matches nothing, and makes one sum of what was to be told apart."""
    asked = {(rule["alert"], rule["expr"]) for rule in alerts()} | set(panels())
    found = [(where, *pair) for where, expression in asked for pair in labels_in(expression)]
    assert len(found) > 50
    assert [each for each in found if each[2] not in TARGETS | labeled.get(each[1], set())] == []


def test_a_label_nobody_tells_would_be_noticed() -> None:
    """Those that are compared, and those by which is summed, of each metric below."""
    expression = 'sum by (a) (rate(x_total{b="1"}[5m]) / ignoring(c) y) > 3 or max without (d) (z{e!~"f"})'
    assert labels_in(expression) == {("x_total", "b"), ("x_total", "a"), ("y", "a"), ("z", "e")}


def test_a_name_nobody_tells_would_be_noticed() -> None:
    """The parser finds every name, however deep it stands, and refuses what is no PromQL."""
    expression = "sum by (a) (rate(x_total[5m])) / ignoring(b) group_left max(y) > 3 or histogram_quantile(0.9, -z)"
    assert metrics_in(expression) == {"x_total", "y", "z"}
    with pytest.raises(ValueError, match=r"."):
        metrics_in("sum by (")


def test_each_alert_says_what_to_do() -> None:
    """A severity, a summary, and a section of the runbook that is there."""
    sections = anchors(ROOT / "docs/runbook.md")
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names)) > 20
    for rule in alerts():
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert file == "docs/runbook.md"
        assert anchor in sections, f"{rule['alert']} links to {anchor}"
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert re.fullmatch(r"Ordersaga[A-Z]\w+", rule["alert"])
        assert rule["annotations"]["summary"]


def test_every_lengthy_state_has_to_last() -> None:
    """An alert about a gauge waits: one bad scrape wakes nobody."""
    assert [rule["alert"] for rule in alerts() if "for" not in rule and "increase(" not in rule["expr"]] == []


def test_no_loop_is_said_to_stand_still_while_it_rests() -> None:
    """Some rest for hours: too long is what comes after their rest, as each tells it; and none is left out."""
    [expression] = [rule["expr"] for rule in alerts() if rule["alert"] == "OrdersagaLoopStandsStill"]
    told = {"ordersaga_loop_last_success_timestamp_seconds", "ordersaga_loop_pause_seconds"}
    assert metrics_in(expression) == told
    assert labels_in(expression) == {(name, "loop") for name in told}
    assert "{" not in expression


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_boards_are_what_grafana_takes(board: Path) -> None:
    """Ids of their own, one source, every panel with a title, on the grid and over no other."""
    content = json.loads(board.read_text())
    assert content["uid"] == board.stem
    taken: set[tuple[int, int]] = set()
    for panel in content["panels"]:
        assert panel["title"]
        assert {panel["datasource"]["uid"], *(each["datasource"]["uid"] for each in panel["targets"])} == {"prometheus"}
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in content["panels"]]
    assert len(ids) == len(set(ids))


def test_the_page_lists_every_metric() -> None:
    """As the code has them; `python -m tests.telemetry.page` writes it anew."""
    assert PAGE.read_text() == with_metrics(PAGE.read_text())
