"""`ordersaga stop`, before a real API and real workflows whose orders are scripted."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from structlog.testing import capture_logs
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.stops import Stopping
from ordersaga.bootstrap import open_services
from ordersaga.client import OrderClient
from ordersaga.client_stops import StoppedSagas
from tests.fakes.samples import catalog, order
from tests.support.api import StubOrders, order_body, serving, settings_for
from tests.support.database import database_server, database_url
from tests.support.temporal import temporal_environment
from tests.support.terminal import Terminal
from workers.activities import Activity, ActivitySet
from workers.lifecycle import running
from workers.orders import order_worker
from workflows.messages import BOOKS_QUEUE

__all__ = ["database_server", "database_url"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal development server."""
    async with temporal_environment() as started:
        yield started


@pytest_asyncio.fixture
async def terminal(
    database_url: str,
    environment: WorkflowEnvironment,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Terminal]:
    """With an order that was accepted and has no saga so far, ten MUG left."""
    monkeypatch.setenv("COLUMNS", "200")
    orders = OrderClient(environment.client)
    async with open_services(settings_for(database_url), orders=orders) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        stops = Stopping(services.stops, StoppedSagas(orders), services.waitlist)
        ours: list[Activity] = [stops.read_stop, stops.stop_looked, stops.lift_stop, stops.end_stop]
        pages: list[Activity] = [*ours, stops.treat_page, stops.release_page]
        books = Worker(environment.client, task_queue=BOOKS_QUEUE, activities=pages)
        sagas = order_worker(environment.client, ActivitySet(ours, [], [], [], []))
        with capture_logs():
            async with running([sagas, books], settle=0), serving(services) as api:
                yield Terminal(api, StubOrders(), capsys)


async def test_a_stop_is_foreseen_made_shown_and_undone(terminal: Terminal) -> None:
    """Only a dry run unless --apply is given; each command prints a table, or JSON."""
    intake = terminal.api.services.intake
    settings = terminal.api.services.settings
    await intake.accept(order("cli_1", placed_at=datetime.now(UTC)), hold_ttl=settings.hold_ttl)
    words = ("stop", "create", "--region", "US-NY", "--reason", "closed", "--policy", "all=drain", "--until", "2h")
    foreseen = await terminal(*words)
    assert foreseen.code == 0, foreseen.err
    assert "a dry run: nothing was done" in foreseen.out
    assert "1 order, USD 10.00" in foreseen.out
    made = await terminal(*words, "--apply", "--legal-reference", "Order 12", "--by", "ann", "--json")
    told = json.loads(made.out)
    stop_id = told["stop_id"]
    assert (told["state"], told["asked_by"]) == ("in_force", "test operator:ann")
    refused = await terminal.api.post("/v1/orders", order_body(order_id="late"))
    assert refused.json()["code"] == "stopped"
    listed = await terminal("stop", "list", "--standing")
    assert stop_id in listed.out
    assert "region US-NY" in listed.out
    assert json.loads((await terminal("stop", "pause", stop_id, "--json")).out)["state"] == "paused"
    assert json.loads((await terminal("stop", "resume", stop_id, "--json")).out)["state"] == "in_force"
    shown = await terminal("stop", "show", stop_id)
    assert "Order 12" in shown.out
    followed = json.loads((await terminal("stop", "show", stop_id, "--follow", "--json")).out)
    assert followed["looks"] >= 1
    behind = await terminal("stop", "show", stop_id, "--orders", "--after", "cli_1", "--json")
    assert json.loads(behind.out)["orders"] == []
    orders = await terminal("stop", "show", stop_id, "--orders", "--json")
    assert {each["order_id"] for each in json.loads(orders.out)["orders"]} <= {"cli_1"}
    foretold = await terminal("stop", "undo", stop_id, "--reason", "open", "--preview")
    assert (foretold.code, "New orders that match are taken from then on" in foretold.out) == (0, True), foretold.err
    assert foretold.out.endswith("nothing was done: leave out --preview to do it\n")
    assert (await terminal.api.post("/v1/orders", order_body(order_id="yet"))).json()["code"] == "stopped"
    undone = await terminal("stop", "undo", stop_id, "--reason", "open")
    assert "the door is open" in undone.out
    assert "nothing was done" not in undone.out
    assert (await terminal("stop", "undo", stop_id)).out.endswith("nothing was done: it was lifted before\n")
    assert (await terminal.api.post("/v1/orders", order_body(order_id="after"))).status_code == 202
    again = await terminal("stop", "pause", stop_id)
    assert (again.code, "stop_over" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "--reason", "x"), "nothing is named"),
        (
            ("create", "--reason", "x", "--sku", "MUG", "--policy", "confirmed=burn"),
            "STAGE is one of accepted, confirmed, at_provider, picked, in_transit, or all",
        ),
        (("create", "--reason", "x", "--sku", "MUG", "--policy", "nope=hold"), "STAGE is one of accepted, confirmed"),
        (("create", "--reason", "x", "--sku", "MUG", "--until", "soon"), "write 30m, 2h, 7d"),
        (
            ("create", "--reason", "x", "--sku", "MUG", "--until", "2020-01-01T00:00Z"),
            "--until 2020-01-01T00:00Z: must",
        ),
        (("create", "--reason", "x", "--sku", "MUG", "--from", "2h", "--until", "1h"), "future, and after --from"),
        (("show", "../orders"), "is no id of a stop"),
    ],
)
async def test_wrong_usage_is_told(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    """Before anything is asked of the API."""
    outcome = await terminal("stop", *words)
    assert (outcome.code, said in outcome.err) == (2, True), outcome.err


async def test_a_dry_run_is_never_shown_as_a_stop(terminal: Terminal) -> None:
    """Neither in the list nor by itself, and its story says that nothing was done."""
    made = await terminal("stop", "create", "--sku", "MUG", "--reason", "closed", "--json")
    stop_id = json.loads(made.out)["stop_id"]
    (row,) = [line for line in (await terminal("stop", "list")).out.splitlines() if stop_id in line]
    shown = (await terminal("stop", "show", stop_id)).out
    assert "dry run: nothing was done" in row
    assert "status:      dry run: nothing was done" in shown
    assert "lifted" not in shown
    trail = await terminal.api.services.audit_trail.trail(f"stop-{stop_id}")
    told = [str(fact.words[0]) for fact in trail.facts]
    assert "a dry run ended: nothing was done" in told
    assert not [text for text in told if "lifted" in text]


async def test_what_nobody_knows_is_stopped_only_when_that_is_meant(terminal: Terminal) -> None:
    """The field, what is meant perhaps, and the one word that stops it all the same."""
    words = ("stop", "create", "--sku", "MUGG", "--reason", "closed", "--apply")
    refused = await terminal(*words)
    assert refused.code == 1
    assert "match.sku" in refused.err
    assert "did you mean MUG?" in refused.err
    assert "--unlisted" in refused.err
    made = await terminal(*words, "--unlisted")
    assert made.code == 0, made.err
    assert "sku MUGG" in made.out
    assert "nobody knows" in made.out


async def test_a_checkouts_key_stops_nothing(terminal: Terminal) -> None:
    """It takes an operator's."""
    outcome = await terminal("stop", "create", "--sku", "MUG", "--reason", "x", "--apply", role="checkout")
    assert (outcome.code, "operator" in outcome.err) == (1, True)
