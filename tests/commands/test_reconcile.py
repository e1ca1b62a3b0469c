"""`ordersaga reconcile`, before a real API and real workflows whose sources are scripted."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs
from temporalio.testing import WorkflowEnvironment

from ordersaga.bootstrap import open_services
from ordersaga.client import OrderClient
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.reconciliation import Finding, FindingKind, Repair
from tests.fakes.samples import catalog
from tests.support.api import StubOrders, order_body, serving, settings_for
from tests.support.database import database_server, database_url
from tests.support.sources import Sources, polling
from tests.support.temporal import temporal_environment
from tests.support.terminal import Outcome, Terminal

__all__ = ["database_server", "database_url"]

PREVIEW = "preview their repair: ordersaga reconcile repair --all --reason WHY"


@dataclass
class Office:
    """A terminal, and what its sources answer."""

    terminal: Terminal
    sources: Sources

    async def __call__(self, *words: str, **more: str) -> Outcome:
        """`ordersaga reconcile WORDS`."""
        return await self.terminal("reconcile", *words, **more)

    async def found(self, *findings: Finding) -> None:
        """A run found these."""
        await self.terminal.api.services.findings.save("r0", findings, datetime.now(UTC))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal development server."""
    async with temporal_environment() as started:
        yield started


@pytest_asyncio.fixture
async def office(
    database_url: str,
    environment: WorkflowEnvironment,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Office]:
    """With an order of acme, web_1."""
    monkeypatch.setenv("COLUMNS", "200")
    orders = OrderClient(environment.client)
    async with open_services(settings_for(database_url), orders=orders) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        sources = Sources(services.findings)
        with capture_logs():
            async with polling(environment, sources), serving(services) as api:
                assert (await api.post("/v1/orders", order_body(order_id="web_1"))).status_code == 202
                yield Office(Terminal(api, StubOrders(), capsys), sources)


def finding(name: str, **changes: Any) -> Finding:
    """Money is reserved for an order that has ended; every source is looked at anew in each run."""
    known = {
        "finding_id": f"orphan_authorization:{name}",
        "kind": FindingKind.ORPHAN_AUTHORIZATION,
        "subject": name,
        "repair": Repair.VOID,
        "what": "money is reserved for an order that has ended",
        "ours": "nothing reserved",
        "theirs": "USD 15.90 reserved",
        "source": "elsewhere",
        "order_id": "web_1",
        "seller": "acme",
        "money": 1590,
        "currency": "USD",
    }
    return Finding(**{**known, **changes})


async def test_nothing_disagrees(office: Office) -> None:
    """Exit 0, and what was looked at; the run is listed."""
    outcome = await office()
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("nothing disagrees\n")
    assert "payments 7" in outcome.out
    listed = json.loads((await office("runs", "--json")).out)
    assert [run["requested_by"] for run in listed["runs"]] == ["test operator"]
    assert "2 cash_differs, 2 orphan_authorization" in (await office("runs")).out


async def test_what_disagrees_is_listed_with_its_repair(office: Office) -> None:
    """Exit 1, with what to type next; as JSON too, with the run."""
    drift = {"finding_id": "stock_drift:nj-1/MUG", "kind": FindingKind.STOCK_DRIFT, "repair": Repair.ADJUST}
    await office.found(finding("pi_1"), finding("x", **drift, order_id="", money=0))
    outcome = await office("--since", "24h")
    assert outcome.code == 1
    assert "release the reserved funds (USD 15.90)" in outcome.out
    assert "set our count to the provider's" in outcome.out
    assert outcome.out.endswith("1 orphan_authorization, 1 stock_drift\n")
    assert outcome.err.endswith(f"ordersaga: 2 findings are open; {PREVIEW}\n")
    ask = office.sources.asked[0][2]
    assert timedelta(hours=23, minutes=59) < ask.now - ask.since < timedelta(hours=24, minutes=1)
    told = await office("--order", "web_1", "--json")
    assert told.code == 1
    document = json.loads(told.out)
    assert [each["finding"]["finding_id"] for each in document["findings"]] == ["orphan_authorization:pi_1"]
    assert document["run"]["ended_at"]


async def test_a_source_that_was_not_asked_is_not_clean(office: Office) -> None:
    """Exit 1, naming it and why."""
    office.sources.failing["labels"] = OperatorError("bad_credentials", "EasyPost does not know the key")
    outcome = await office()
    assert outcome.code == 1
    assert "not asked: labels: bad_credentials: EasyPost does not know the key" in outcome.out
    assert outcome.err.endswith("ordersaga: nothing was found, but not everything was looked at: labels\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--since", "soon"), "--since 'soon' is no age or time; write 90m, 24h, 7d, or 2026-03-01T08:00Z"),
        (("--since", ""), "--since '' is no age or time; write 90m, 24h, 7d, or 2026-03-01T08:00Z"),
        (("--since", "2199-01-01"), "--since '2199-01-01' must lie in the past, at most 366 days back"),
        (("--since", "367d"), "--since '367d' must lie in the past, at most 366 days back"),
        (("repair", "--all", "--reason", " "), "--reason says nothing; say why: it is kept"),
        (("repair", "--reason", "x"), "no finding is named; name some, or give --kind, --seller, --order or --all"),
    ],
)
async def test_wrong_usage_is_told(office: Office, words: tuple[str, ...], told: str) -> None:
    """Exit 2; nobody is asked anything."""
    outcome = await office(*words)
    assert (outcome.code, outcome.err) == (2, f"ordersaga: {told}\n")
    assert office.sources.asked == []


async def test_no_api_is_told(office: Office) -> None:
    """Exit 3."""
    assert (await office(url="http://127.0.0.1:9")).code == 3
    assert (await office("repair", "--all", "--reason", "x", url="http://127.0.0.1:9")).code == 3


async def test_repairs_are_foretold_and_done_only_when_asked_to(office: Office) -> None:
    """Without --apply nothing is done; with it each is done, and nothing is open any more."""
    await office.found(finding("pi_1"), finding("pi_2", money=60_000))
    dry = await office("repair", "--all", "--reason", "the outage")
    assert (dry.code, office.sources.repairs) == (0, [])
    assert "would be repaired: 1\n" in dry.out
    assert "would be proposed: 1 (a second person must ask for the same)\n" in dry.out
    assert dry.out.endswith("nothing was done: add --apply to do it\n")
    done = await office("repair", "--kind", "orphan_authorization", "--reason", "the outage", "--apply")
    assert done.code == 0
    assert "released" in done.out
    assert [ask.finding_id for _, ask in office.sources.repairs] == ["orphan_authorization:pi_1"]
    listed = await office("findings")
    assert "proposed by test operator" in listed.out
    assert "pi_1" not in listed.out
    assert "pi_1" in (await office("findings", "--status", "repaired")).out


async def test_a_finding_is_repaired_by_its_name(office: Office) -> None:
    """Several too; one nobody knows is told: exit 1."""
    names = ["stock_drift:nj-1/MUG", "orphan_authorization:pi_1"]
    await office.found(*(finding("x", finding_id=name) for name in names), finding("pi_2"))
    done = await office("repair", *names, "--reason", "counted", "--apply", "--json")
    assert done.code == 0
    assert {item["result"] for item in json.loads(done.out)["items"]} == {"repaired"}
    assert sorted(ask.finding_id for _, ask in office.sources.repairs) == sorted(names)
    told = "no such finding is open; list them: ordersaga reconcile findings\n"
    for unknown in (("cash_differs:x",), ("--order", "nope")):
        outcome = await office("repair", *unknown, "--reason", "x", "--apply")
        assert (outcome.code, outcome.err.partition("ordersaga: ")[2]) == (1, told)


async def test_a_finding_left_to_a_person_is_told(office: Office) -> None:
    """Foretold as that; done, exit 1: it is still open."""
    await office.found(
        finding("x", finding_id="saga_gone:web_1", kind=FindingKind.SAGA_GONE, repair=Repair.ASK, money=0)
    )
    dry = await office("repair", "--all", "--reason", "x")
    assert (dry.code, "would be repaired: 0" in dry.out) == (0, True)
    assert "a person would be asked: 1\n" in dry.out
    office.sources.asks_a_person = True
    done = await office("repair", "--all", "--reason", "x", "--apply")
    assert (done.code, "asked a person: 1\n" in done.out) == (1, True)
    assert done.err.endswith("ordersaga: 1 of 1 could not be repaired and are still open\n")
    assert (await office()).code == 1


async def test_a_repair_that_failed_is_told(office: Office) -> None:
    """Exit 1, with its cause; the finding stays on the list."""
    await office.found(finding("pi_1"))
    office.sources.failing["repair"] = OperatorError("bad_credentials", "Stripe does not know the key")
    outcome = await office("repair", "--all", "--reason", "x", "--apply")
    assert outcome.code == 1
    assert "unanswered: bad_credentials: Stripe does not know the key" in outcome.out
    assert outcome.err.endswith("ordersaga: 1 of 1 could not be repaired and are still open\n")
    assert "pi_1" in (await office("findings", "--order", "web_1")).out


async def test_one_run_and_the_repairs_of_one_finding_are_shown(office: Office) -> None:
    """The run with what it looked at; who asked for a repair, why, and what it came to. What there is not is told."""
    await office()
    (run,) = json.loads((await office("runs", "--json")).out)["runs"]
    shown = await office("show", run["run_id"])
    assert (shown.code, "payments" in shown.out, "test operator" in shown.out) == (0, True, True)
    assert json.loads((await office("show", run["run_id"], "--json")).out)["ended_at"] == run["ended_at"]
    assert (await office("show", "ghost")).code == 1
    await office.found(finding("pi_1"))
    await office("repair", "--all", "--reason", "the outage", "--apply")
    told = await office("repairs", "orphan_authorization:pi_1")
    (row,) = [line for line in told.out.splitlines() if "the outage" in line]
    assert "test operator" in row
    assert "repaired" in row
    (repair,) = json.loads((await office("repairs", "orphan_authorization:pi_1", "--json")).out)["repairs"]
    assert repair["reason"] == "the outage"
    ghost = await office("repairs", "orphan_authorization:ghost")
    assert (ghost.code, "there is no finding orphan_authorization:ghost" in ghost.err) == (1, True)
