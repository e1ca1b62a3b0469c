"""Reconciliation: findings by kind, their repair with a dry run, two people where it takes two, and runs."""

from typing import Any

from tests.api.conftest import environment
from tests.api.test_reconciliation import Desk, desk, finding
from tests.console.people import HTMX, somebody, words_of

__all__ = ["desk", "environment"]

PAGE = "/console/reconciliation"
KIND = "orphan_authorization"


async def test_findings_are_repaired_after_a_dry_run(desk: Desk) -> None:
    """By kind with the money; ours beside theirs; what would be done; each told; who asked for it is kept."""
    await desk.order()
    await desk.found(finding("pi_1"), finding("pi_2"))
    said: dict[str, Any] = {"kind": KIND, "all": "1"}
    async with somebody(desk.api.url, desk.api.services, "Ann") as ann:
        overview = words_of((await ann.get(PAGE, headers=HTMX)).text)
        assert "orphan authorization 2 open release the reserved funds" in overview
        assert "USD 31.80" in overview
        listed = words_of((await ann.get(f"{PAGE}/findings/{KIND}")).text)
        assert "nothing reserved 15.90 USD reserved web_1" in listed
        planned = words_of((await ann.post(f"{PAGE}/plan", said)).text)
        assert "2 would be repaired" in planned
        assert "release the reserved funds (USD 15.90)" in planned or "release the reserved funds (15.90" in planned
        assert desk.sources.repairs == []
        ids = [f"{KIND}:pi_1", f"{KIND}:pi_2"]
        done = await ann.post(f"{PAGE}/repair", {"kind": KIND, "id": ids, "reason": "left over"}, headers=HTMX)
        assert "2 of 2 done: 2 repaired" in words_of(done.text)
        kept = words_of((await ann.get(f"{PAGE}/repairs?id={KIND}:pi_1")).text)
        assert "Ann left over repaired released USD 15.90" in kept
        again = await ann.post(f"{PAGE}/repair", {"kind": KIND, "id": ids, "reason": "again"})
        assert "2 settled before" in words_of(again.text)
    assert len(desk.sources.repairs) == 2


async def test_much_money_takes_a_second_person(desk: Desk) -> None:
    """Who asked first is told that it waits, however often; another person's word repairs it."""
    await desk.order()
    await desk.found(finding("pi_1", money=70_000))
    said = {"kind": KIND, "id": f"{KIND}:pi_1", "reason": "left over"}
    async with somebody(desk.api.url, desk.api.services, "Ann") as ann:
        for _ in range(2):
            assert "1 proposed" in words_of((await ann.post(f"{PAGE}/repair", said)).text)
        assert "proposed by Ann: a second person must" in words_of((await ann.get(f"{PAGE}/findings/{KIND}")).text)
    assert desk.sources.repairs == []
    async with somebody(desk.api.url, desk.api.services, "Bob") as bob:
        assert "Agree…" in (await bob.get(f"{PAGE}/findings/{KIND}")).text
        assert "1 repaired" in words_of((await bob.post(f"{PAGE}/repair", said)).text)
    assert len(desk.sources.repairs) == 1


async def test_a_run_is_asked_for_and_followed_to_its_end(desk: Desk) -> None:
    """Whom it asks is shown first; its page says how far it is, until it has ended; a wrong time is refused by name."""
    async with somebody(desk.api.url, desk.api.services, "Ann") as ann:
        wrong = await ann.post(f"{PAGE}/runs", {"since": "1999-01-01T00:00"}, headers=HTMX)
        assert (wrong.status_code, "<code>since</code>" in wrong.text) == (422, True)
        foretold = await ann.post(f"{PAGE}/runs", {"order_id": ""}, headers=HTMX)
        assert "nothing is repaired, and no money or goods move" in words_of(foretold.text)
        assert "laid beside ours: payments, " in words_of(foretold.text)
        assert (await desk.api.get("/v1/reconciliations")).json()["runs"] == []
        desk.sources.held.clear()
        asked = await ann.post(f"{PAGE}/runs", {"confirmed": "yes"}, headers=HTMX)
        run = asked.headers["HX-Redirect"]
        page = await ann.get(run, headers=HTMX)
        assert "goes on" in page.text
        assert 'hx-trigger="every 2s"' in page.text
        desk.sources.held.set()
        await desk.ended(run.rpartition("/")[2])
        page = await ann.get(run, headers=HTMX)
        assert "hx-trigger" not in page.text
        assert "2 orphan authorization" in words_of(page.text)
        assert run.rpartition("/")[2] in (await ann.get(PAGE)).text


async def test_others_see_what_they_may(desk: Desk) -> None:
    """Support reads and repairs nothing; a person of another seller sees neither findings nor runs."""
    await desk.order()
    await desk.found(finding("pi_1"))
    said = {"kind": KIND, "id": f"{KIND}:pi_1", "reason": "x"}
    async with somebody(desk.api.url, desk.api.services, "Sue", "support") as sue:
        page = await sue.get(f"{PAGE}/findings/{KIND}")
        assert "15.90 USD reserved" in page.text
        assert "Repair…" not in page.text
        assert (await sue.post(f"{PAGE}/repair", said)).status_code == 403
    async with somebody(desk.api.url, desk.api.services, "Bolt", seller="bolt") as bolt:
        assert "No company disagrees with us" in (await bolt.get(PAGE)).text
        assert "1 settled before" in words_of((await bolt.post(f"{PAGE}/repair", said)).text)
    assert desk.sources.repairs == []
