"""Who did what, and whether the record is as it was written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.deeds import KINDS
from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.lanes import provider_lane
from tests.support.api import Api, order_body

LANE = provider_lane("shipbob")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_deeds_of_every_kind_name_who_did_them(api: Api) -> None:
    """Orders, lanes and sellers in one list, the latest first; what nobody did by hand is left out."""
    await _deeds(api)
    path, body = f"/v1/lanes/{LANE}/breaker", {"state": "open", "reason": "orders get lost", "by": "ada"}
    await api.post(path, body)
    await api.send("PUT", "/v1/sellers/beta", json={"name": "Beta"})
    deeds = (await api.get("/v1/audit/deeds", role="viewer")).json()["deeds"]
    assert [(each["about"], each["subject"], each["by"]) for each in deeds] == [
        ("seller", "beta", "test operator"),
        ("lane", LANE, "test operator:ada"),
        ("order", "ord_1", "grace"),
        ("order", "ord_1", "ada"),
    ]
    assert all(each["kind"] in KINDS for each in deeds)


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ({"order_id": "ord_1"}, ["decision", "hold"]),
        ({"order_id": "ord_2"}, []),
        ({"by": "ada"}, ["hold"]),
        ({"by": "ad"}, []),
        ({"kind": "decision"}, ["decision"]),
        ({"since": (NOON + timedelta(minutes=1)).isoformat()}, ["decision"]),
        ({"until": (NOON + timedelta(minutes=1)).isoformat()}, ["hold"]),
        ({"seller": "bolt"}, []),
    ],
)
async def test_deeds_are_found(api: Api, wanted: dict[str, Any], kinds: list[str]) -> None:
    """By order, person, kind, time and seller."""
    await _deeds(api)
    answer = await api.get("/v1/audit/deeds", params=wanted)
    assert [each["kind"] for each in answer.json()["deeds"]] == kinds


async def test_deeds_are_paged(api: Api) -> None:
    """Page by page, each once; a cursor that we did not give out is refused, and so is a kind that there is not."""
    await _deeds(api)
    first = (await api.get("/v1/audit/deeds", params={"limit": 1})).json()
    rest = (await api.get("/v1/audit/deeds", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [page["deeds"][0]["kind"] for page in (first, rest)] == ["decision", "hold"]
    assert rest["next_cursor"] is None
    for bad in ({"cursor": "x"}, {"kind": "shipped"}, {"since": NOON.isoformat(), "until": NOON.isoformat()}):
        assert (await api.get("/v1/audit/deeds", params=bad)).status_code == 422


async def test_a_record_is_verified(api: Api) -> None:
    """Intact as it was written; no longer once somebody has changed it behind the back of all triggers."""
    await _deeds(api)
    path = "/v1/audit/orders/ord_1/verification"
    found = (await api.get(path, role="viewer")).json()
    assert (found["intact"], found["breaks"]) == (True, [])
    async with api.services.pool.acquire() as work, work.transaction():
        await work.execute("SET LOCAL session_replication_role = replica")
        await work.execute("UPDATE journal SET text = 'nothing happened' WHERE kind = 'hold'")
    found = (await api.get(path, role="viewer")).json()
    assert (found["intact"], len(found["breaks"])) == (False, 1)
    assert "not what was chained" in found["breaks"][0]["what"]
    assert (await api.get("/v1/audit/orders/ord_2/verification")).status_code == 404


async def test_who_did_what_is_not_for_everybody(api: Api) -> None:
    """Support sees an order's own story; a seller's people see what concerns that seller."""
    await _deeds(api)
    for path in ("/v1/audit/deeds", "/v1/audit/orders/ord_1/verification"):
        assert (await api.get(path, role="support")).status_code == 403
    key = await api.services.api_keys.issue("viewer", "theirs", "bolt")
    headers = {"Authorization": f"Bearer {key}"}
    assert (await api.http.get("/v1/audit/deeds", headers=headers)).json()["deeds"] == []
    assert (await api.http.get("/v1/audit/orders/ord_1/verification", headers=headers)).status_code == 404


async def _deeds(api: Api) -> None:
    """An order that a person held, and about which another decided."""
    await api.post("/v1/orders", order_body(order_id="ord_1"))
    lines = (("hold", "ada placed hold fraud: odd address"), ("decision", "grace chose retry for unknown_capture: ok"))
    for minutes, (kind, text) in enumerate(lines):
        entry = JournalEntry(entry_id=f"e{minutes}", at=NOON + timedelta(minutes=minutes), kind=kind, text=text)
        await api.services.journal.note("ord_1", entry)
