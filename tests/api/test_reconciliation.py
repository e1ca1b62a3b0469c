"""Reconciliation over HTTP: runs, what they found, and its repair, on real workflows with scripted sources."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from temporalio.testing import WorkflowEnvironment

from ordersaga.bootstrap import open_services
from ordersaga.client import OrderClient
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.reconciliation import Finding, FindingKind, Repair, RunRecord
from tests.api.conftest import STOCK
from tests.fakes.samples import catalog
from tests.support.api import Api, order_body, serving, settings_for
from tests.support.sources import Sources, polling

RUNS, FINDINGS, MANY = "/v1/reconciliations", "/v1/findings", "/v1/findings/repair-many"


@dataclass
class Desk:
    """The API before real workflows whose sources are scripted."""

    api: Api
    sources: Sources

    async def order(self, order_id: str = "web_1") -> None:
        """An order of acme, above whose 500.00 two people must agree."""
        assert (await self.api.post("/v1/orders", order_body(order_id=order_id))).status_code == 202

    async def found(self, *findings: Finding) -> None:
        """A run found these."""
        await self.api.services.findings.save("r0", findings, datetime.now(UTC))

    async def listed(self, query: str = "", role: str = "operator") -> list[str]:
        """Ids of the findings that a query finds."""
        answer = await self.api.get(f"{FINDINGS}?{query}", role=role)
        assert answer.status_code == 200, answer.text
        return [each["finding"]["finding_id"] for each in answer.json()["findings"]]

    async def ended(self, run_id: str) -> dict[str, Any]:
        """A run, once it has ended."""
        for _ in range(400):
            run: dict[str, Any] = (await self.api.get(f"{RUNS}/{run_id}")).json()
            if run["ended_at"]:
                return run
            await asyncio.sleep(0.05)
        raise AssertionError(f"never ended: {run}")


@pytest_asyncio.fixture
async def desk(database_url: str, environment: WorkflowEnvironment) -> AsyncIterator[Desk]:
    """With keys of two operators, and one of another seller."""
    orders = OrderClient(environment.client)
    async with open_services(settings_for(database_url), orders=orders) as services:
        await services.catalog.load(catalog(*STOCK))
        sources = Sources(services.findings)
        async with polling(environment, sources), serving(services) as api:
            api.keys["second"] = await services.api_keys.issue("operator", "second", None)
            api.keys["bolt"] = await services.api_keys.issue("operator", "bolt", "bolt")
            yield Desk(api, sources)


def finding(name: str, order_id: str = "web_1", **changes: Any) -> Finding:
    """Money is reserved for an order that has ended."""
    known = {
        "finding_id": f"orphan_authorization:{name}",
        "kind": FindingKind.ORPHAN_AUTHORIZATION,
        "subject": name,
        "repair": Repair.VOID,
        "what": "money is reserved for an order that has ended",
        "ours": "nothing reserved",
        "theirs": "15.90 USD reserved",
        "source": "payments",
        "order_id": order_id,
        "seller": "acme",
        "money": 1590,
        "currency": "USD",
    }
    return Finding(**{**known, **changes})


async def test_a_run_is_started_and_followed_to_its_end(desk: Desk) -> None:
    """202 with where to look; what it has looked at so far; then its record; and it is listed."""
    desk.sources.held.clear()
    since = datetime.now(UTC) - timedelta(days=300)
    answer = await desk.api.post(RUNS, {"since": since.isoformat(), "by": "ann"})
    assert answer.status_code == 202, answer.text
    run_id = answer.json()["run_id"]
    assert answer.headers["Location"] == f"{RUNS}/{run_id}"
    assert answer.json()["requested_by"] == "test operator:ann"
    assert (await desk.api.get(f"{RUNS}/{run_id}")).json()["ended_at"] is None
    desk.sources.held.set()
    run = await desk.ended(run_id)
    assert datetime.fromisoformat(run["since"]) == since
    assert run["found"] == {"orphan_authorization": 2, "cash_differs": 2}
    assert {"payments", "labels", "orders", "provider:shipbob", "stock:shipbob"} <= set(run["looked_at"])
    assert [each["run_id"] for each in (await desk.api.get(RUNS, role="support")).json()["runs"]] == [run_id]


async def test_without_a_time_it_looks_back_as_the_schedule_does(desk: Desk) -> None:
    """26 hours; about one order, this order only."""
    await desk.order()
    run = (await desk.api.post(RUNS, {"order_id": "web_1"})).json()
    looked_back = datetime.fromisoformat(run["started_at"]) - datetime.fromisoformat(run["since"])
    assert looked_back == timedelta(hours=26)
    await desk.ended(run["run_id"])
    assert {ask.order_id for _, _, ask in desk.sources.asked} == {"web_1"}


WRONG_RUNS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"since": "yesterday"}, "since"),
    ({"since": "2026-03-01T00:00:00"}, "since"),
    ({"since": "2999-01-01T00:00:00Z"}, "since"),
    ({"since": "1999-01-01T00:00:00Z"}, "since"),
    ({"order_id": "../x"}, "order_id"),
    ({"window": 5}, "window"),
)


async def test_a_wrong_run_is_refused(desk: Desk) -> None:
    """422 naming the field; nobody is asked anything."""
    for body, field in WRONG_RUNS:
        answer = await desk.api.post(RUNS, body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert desk.sources.asked == []


async def test_what_does_not_exist_is_not_found(desk: Desk) -> None:
    """404 with where to look instead."""
    ghost = await desk.api.get(f"{RUNS}/ghost")
    assert (ghost.status_code, ghost.json()["code"]) == (404, "run_not_found")
    assert (await desk.api.post(RUNS, {"order_id": "ghost"})).status_code == 404
    nothing = await desk.api.post(f"{FINDINGS}/cash_differs:x/repair", {"reason": "x"})
    assert (nothing.status_code, nothing.json()["code"]) == (404, "finding_not_found")
    assert "ordersaga reconcile findings" in nothing.json()["detail"]


async def test_who_may(desk: Desk) -> None:
    """Support reads; operators run and repair; checkouts neither."""
    await desk.found(finding("pi_1"))
    for path, body in ((RUNS, {}), (f"{FINDINGS}/orphan_authorization:pi_1/repair", {"reason": "x"}), (MANY, {})):
        assert (await desk.api.post(path, body, role="support")).status_code == 403
    for path in (RUNS, FINDINGS):
        assert (await desk.api.get(path, role="support")).status_code == 200
        assert (await desk.api.get(path, role="checkout")).status_code == 403


async def test_a_sellers_key_sees_and_repairs_its_own(desk: Desk) -> None:
    """Not others' findings, nor those of nobody, nor runs over everything."""
    await desk.order()
    await desk.found(finding("pi_1"), finding("pi_2", "", seller=""), finding("pi_3", "b1", seller="bolt"))
    assert await desk.listed(role="bolt") == ["orphan_authorization:pi_3"]
    assert (await desk.api.get(f"{FINDINGS}?seller=acme", role="bolt")).status_code == 403
    for name in ("pi_1", "pi_2"):
        path = f"{FINDINGS}/orphan_authorization:{name}/repair"
        assert (await desk.api.post(path, {"reason": "x"}, role="bolt")).status_code == 404
    body = {"filter": {"all": True}, "reason": "x"}
    told = (await desk.api.post(MANY, body, role="bolt")).json()
    assert [item["finding_id"] for item in told["items"]] == ["orphan_authorization:pi_3"]
    assert (await desk.api.post(RUNS, {}, role="bolt")).json()["code"] == "seller_forbidden"
    assert (await desk.api.post(RUNS, {"order_id": "web_1"}, role="bolt")).status_code == 404
    assert (await desk.api.get(RUNS, role="bolt")).status_code == 403
    run = (await desk.api.post(RUNS, {"order_id": "web_1"})).json()["run_id"]
    assert (await desk.api.get(f"{RUNS}/{run}", role="bolt")).status_code == 404


async def test_findings_are_found_by_what_they_are_about(desk: Desk) -> None:
    """Kind, seller, order, status; settled ones only when they are asked for."""
    drift = finding("a/MUG", "", finding_id="stock_drift:a/MUG", kind=FindingKind.STOCK_DRIFT, repair=Repair.ADJUST)
    await desk.found(finding("pi_1"), finding("pi_2", "web_2"), drift)
    assert len(await desk.listed()) == 3
    assert await desk.listed("kind=stock_drift") == ["stock_drift:a/MUG"]
    assert await desk.listed("order_id=web_2") == ["orphan_authorization:pi_2"]
    assert await desk.listed("seller=bolt") == []
    await desk.api.services.findings.settle("stock_drift:a/MUG", "repaired", "set right", datetime.now(UTC))
    assert await desk.listed("kind=stock_drift") == []
    assert await desk.listed("status=repaired&status=gone") == ["stock_drift:a/MUG"]
    for query in ("kind=Lost", "status=done", "order_id=a-b", "seller=A"):
        assert (await desk.api.get(f"{FINDINGS}?{query}")).status_code == 422


async def test_a_finding_is_repaired_once(desk: Desk) -> None:
    """200 with its outcome, whatever its id is made of; then it is not open any more: 409."""
    name = "stock_drift:allentown-1/SOCK-RED-M"
    await desk.found(finding("x", "", finding_id=name, repair=Repair.ADJUST, source="stock:shipbob", money=0))
    answer = await desk.api.post(f"{FINDINGS}/{name}/repair", {"reason": "counted twice", "by": "ann"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["result"], answer.json()["detail"]) == ("repaired", "released")
    ((lane, ask),) = desk.sources.repairs
    assert (lane, ask.by, ask.reason) == ("books", "test operator:ann", "counted twice")
    again = await desk.api.post(f"{FINDINGS}/{name}/repair", {"reason": "again"})
    assert (again.status_code, again.json()["code"]) == (409, "finding_not_open")
    assert len(desk.sources.repairs) == 1
    (line,) = (await desk.api.get(f"{FINDINGS}/{name}/repairs", role="support")).json()["repairs"]
    assert (line["by"], line["reason"], line["status"]) == ("test operator:ann", "counted twice", "repaired")


async def test_much_money_waits_for_a_second_person(desk: Desk) -> None:
    """202 and proposed, for the same key whoever it acts for; another key's word repairs it."""
    await desk.order()
    await desk.found(finding("pi_1", money=50_001))
    path, body = f"{FINDINGS}/orphan_authorization:pi_1/repair", {"reason": "seen"}
    for by in ("ann", "bob"):
        first = await desk.api.post(path, {**body, "by": by})
        assert (first.status_code, first.json()["result"]) == (202, "proposed")
        assert first.json()["proposed_by"].startswith("test operator:")
    assert desk.sources.repairs == []
    foretold = await desk.api.post(path, {**body, "dry_run": True}, role="second")
    assert (foretold.status_code, foretold.json()["result"]) == (200, "repaired")
    assert desk.sources.repairs == []
    second = await desk.api.post(path, body, role="second")
    assert (second.status_code, second.json()["result"]) == (200, "repaired")
    assert len(desk.sources.repairs) == 1


async def test_a_repair_that_goes_on_can_be_asked_for_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """202 where it takes longer; who asks then joins it, also when its workflow had never been started."""
    await desk.order()
    monkeypatch.setattr("ordersaga.api.repairing.ANSWER_WITHIN", 0.3)
    await desk.found(finding("pi_1"), finding("pi_2"))
    desk.sources.held.clear()
    path = f"{FINDINGS}/orphan_authorization:pi_1/repair"
    slow = await desk.api.post(path, {"reason": "x"})
    assert (slow.status_code, slow.json()["result"]) == (202, "started")
    desk.sources.held.set()
    monkeypatch.setattr("ordersaga.api.repairing.ANSWER_WITHIN", 20)
    # claimed by a process that died before it started the workflow
    await desk.api.services.findings.claim("orphan_authorization:pi_2", by="ann", reason="died")
    joined = await desk.api.post(f"{FINDINGS}/orphan_authorization:pi_2/repair", {"reason": "again"}, role="second")
    assert (joined.status_code, joined.json()["result"]) == (200, "repaired")
    assert [(ask.by, ask.reason) for _, ask in desk.sources.repairs if ask.finding_id.endswith("pi_2")] == [
        ("ann", "died")
    ]


async def test_a_repair_that_failed_leaves_the_finding_open(desk: Desk) -> None:
    """It says why, and can be asked for anew."""
    await desk.order()
    await desk.found(finding("pi_1"))
    desk.sources.failing["repair"] = OperatorError("bad_credentials", "Stripe does not know the key")
    answer = await desk.api.post(f"{FINDINGS}/orphan_authorization:pi_1/repair", {"reason": "x"})
    assert (answer.status_code, answer.json()["result"], answer.json()["code"]) == (200, "failed", "unanswered")
    assert "Stripe does not know the key" in answer.json()["detail"]
    assert await desk.listed("status=open") == ["orphan_authorization:pi_1"]
    desk.sources.failing.clear()
    assert (await desk.api.post(MANY, _apply({"all": True}))).json()["totals"]["repaired"] == 1


def _apply(wanted: dict[str, Any]) -> dict[str, Any]:
    return {"filter": wanted, "reason": "x", "dry_run": False}


async def test_many_are_foretold_then_repaired(desk: Desk) -> None:
    """Without `dry_run: false` nothing is done; orders whose saga is gone come last; money is added up."""
    await desk.order()
    gone = finding("x", finding_id="saga_gone:web_1", kind=FindingKind.SAGA_GONE, repair=Repair.ASK, money=0)
    await desk.found(gone)
    await desk.found(finding("pi_1"), finding("pi_2", money=60_000), finding("pi_3", "web_9", seller="bolt"))
    wanted = {"seller": "acme"}
    told = (await desk.api.post(MANY, {"filter": wanted, "reason": "the outage"})).json()
    results = {item["finding_id"].partition(":")[2]: item["result"] for item in told["items"]}
    assert results == {"pi_1": "repaired", "pi_2": "proposed", "web_1": "asked"}
    assert told["items"][0]["detail"] == "release the reserved funds (USD 15.90)"
    assert (told["totals"]["repaired"], told["totals"]["asked"]) == (1, 1)
    assert (told["dry_run"], told["totals"]["money"], desk.sources.repairs) == (True, {"USD": 61_590}, [])
    done = (await desk.api.post(MANY, _apply(wanted))).json()
    assert (done["totals"]["repaired"], done["totals"]["waiting_for_second_person"]) == (2, 1)
    assert [ask.finding_id for _, ask in desk.sources.repairs] == ["orphan_authorization:pi_1", "saga_gone:web_1"]
    assert await desk.listed("seller=acme") == ["orphan_authorization:pi_2"]


async def test_the_filter_names_orders_and_findings(desk: Desk) -> None:
    """All that is given must hold."""
    await desk.found(finding("pi_1"), finding("pi_2"), finding("pi_3", "web_2"))
    ids = [f"orphan_authorization:pi_{n}" for n in (2, 3)]
    told = (await desk.api.post(MANY, _apply({"finding_ids": ids, "order_ids": ["web_1"]}))).json()
    assert [item["finding_id"] for item in told["items"]] == ["orphan_authorization:pi_2"]
    assert (await desk.api.post(MANY, _apply({"kind": "stock_drift"}))).json()["totals"]["count"] == 0


WRONG_REPAIRS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"filter": {}}, "filter"),
    ({"filter": {"all": False}}, "filter.all"),
    ({"filter": {"kind": "lost"}}, "filter.kind"),
    ({"filter": {"finding_ids": []}}, "filter.finding_ids"),
    ({"reason": " "}, "reason"),
    ({"dry_run": "no"}, "dry_run"),
    ({"choice": "x"}, "choice"),
)


async def test_a_wrong_repair_of_many_is_refused_whole(desk: Desk) -> None:
    """422 naming the field; nothing is repaired."""
    await desk.found(finding("pi_1"))
    for changes, field in WRONG_REPAIRS:
        answer = await desk.api.post(MANY, {**_apply({"all": True}), **changes})
        assert answer.status_code == 422, answer.text
        assert field in [error["field"] for error in answer.json()["errors"]]
    assert desk.sources.repairs == []


async def test_a_repair_that_only_asks_a_person_is_not_called_one(desk: Desk) -> None:
    """Foretold and done it is `asked`; the finding stays on the list with what the person can do."""
    await desk.order()
    gone = finding("x", finding_id="saga_gone:web_1", kind=FindingKind.SAGA_GONE, repair=Repair.ASK, money=0)
    missing: dict[str, Any] = {"kind": FindingKind.PROVIDER_ORDER_MISSING, "repair": Repair.ASK, "money": 0}
    lost = finding("x", finding_id="provider_order_missing:web_1-1-1", **missing)
    await desk.found(lost)
    running = (await desk.api.post(MANY, {"filter": {"all": True}, "reason": "x"})).json()
    assert [item["result"] for item in running["items"]] == ["repaired"]
    await desk.found(gone)
    told = (await desk.api.post(MANY, {"filter": {"all": True}, "reason": "x"})).json()
    assert {item["result"] for item in told["items"]} == {"asked"}
    desk.sources.asks_a_person = True
    done = (await desk.api.post(f"{FINDINGS}/saga_gone:web_1/repair", {"reason": "x"})).json()
    assert (done["result"], done["detail"]) == ("asked", "asked a person: reset it")
    assert "saga_gone:web_1" in await desk.listed()


async def test_a_drift_over_several_shelves_is_foretold_by_shelf(desk: Desk) -> None:
    """Fewer units are taken where most are free, then from the next."""
    await desk.api.services.catalog.load(catalog(*STOCK, ("ca-1", "TEE", 3)))
    facts = {"provider": "shipbob", "sku": "TEE", "units": "-6"}
    drift: dict[str, Any] = {"kind": FindingKind.STOCK_DRIFT, "repair": Repair.ADJUST, "facts": facts, "money": 0}
    await desk.found(finding("x", "", finding_id="stock_drift:shipbob/TEE", **drift))
    told = (await desk.api.post(MANY, {"filter": {"all": True}, "reason": "x"})).json()
    assert told["items"][0]["detail"] == "set our count to the provider's: ca-1/TEE -1, nj-1/TEE -5"


async def test_metrics_tell_what_is_open_and_how_old_the_last_run_is(desk: Desk) -> None:
    """By kind; a run asked for by hand does not hide that the schedule stands still."""

    async def told() -> dict[tuple[str, str], float]:
        text = (await desk.api.send("GET", "/metrics", role=None)).text
        return {
            (sample.name, sample.labels.get("kind", "")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    await desk.found(finding("pi_1"), finding("pi_2"))
    now = datetime.now(UTC)
    for name, by, ago in (("r1", "schedule", 2), ("r2", "ann", 1)):
        began = now - timedelta(hours=ago)
        run = RunRecord(run_id=name, since=began, started_at=began, requested_by=by, ended_at=began)
        await desk.api.services.findings.begin_run(run)
        await desk.api.services.findings.end_run(run)
    found = await told()
    assert found["ordersaga_findings_open", "orphan_authorization"] == 2
    assert 7190 < found["ordersaga_reconciliation_age_seconds", ""] < 7300
