"""What one seller has or does is no other's business: receipts, order ids, connections, removed places, room."""

import asyncio
from typing import Any

from ordersaga.domain.catalog import Catalog, Receipt
from tests.api.test_sellers import ADDRESS, HEAD, fields, load, profile, put
from tests.support.api import Api, order_body

SOCKS = {"seller": "socks", "lines": [{"sku": "SOCK", "quantity": 1, "unit_price": 900}]}
LAMP = {"seller": "bolt", "lines": [{"sku": "LAMP", "quantity": 1, "unit_price": 100}]}


def plain(name: str, home: str, **more: Any) -> dict[str, Any]:
    """A profile with one place that the seller packs at itself."""
    return {"name": name, "locations": {home: {"provider": "seller_warehouse", "address": ADDRESS}}, **more}


async def two_sellers(api: Api, **more: Any) -> None:
    """Socks and Rocks, each with a product, a place and a key of its own."""
    for seller, sku in (("socks", "SOCK"), ("rocks", "ROCK")):
        assert (await put(api, plain(seller, f"{seller}-home", **more), seller)).status_code == 200
        api.keys[seller] = await api.services.api_keys.issue("operator", seller, seller)
        rows = f"{HEAD}product,{seller},{sku},{sku},80,,,\n"
        assert (await load(api, rows, seller, seller)).status_code == 200


async def on_hand(api: Api, sku: str) -> int:
    """Units of a SKU, wherever they lie."""
    return sum(level.on_hand for level in await api.services.catalog.stock_levels(sku=sku))


async def test_two_sellers_may_have_receipts_of_one_number(api: Api) -> None:
    """Each counts, once; a number used for other units is refused to its seller, and nobody hears of another's."""
    await two_sellers(api)
    assert (await load(api, f"{HEAD}stock,,SOCK,,,socks-home,60,PO-1\n", role="socks")).json()["units"] == 60
    rocks = f"{HEAD}stock,,ROCK,,,rocks-home,7,PO-1\n"
    assert (await load(api, rocks, "rocks", "rocks")).json()["units"] == 7
    assert (await load(api, rocks, "rocks", "rocks")).json()["units"] == 0
    other = await load(api, rocks.replace(",7,", ",8,"), "rocks", "rocks")
    assert fields(other) == ["line 2, column receipt_id"]
    assert "7 ROCK at rocks-home" in other.text

    probes = f"{HEAD}product,socks,NEW,x,80,,,\nstock,,NEW,,,rocks-home,1,PO-1\nstock,,SOCK,,,rocks-home,1,PO-1\n"
    told = await load(api, probes, "rocks", "rocks")
    assert told.status_code == 422
    assert "60" not in told.text
    assert "socks-home" not in told.text
    assert (await on_hand(api, "SOCK"), await on_hand(api, "ROCK")) == (60, 7)


async def test_no_caller_may_call_an_order_an_exchange(api: Api) -> None:
    """The channel of exchanges is refused with a remedy, with and without a buyer, and nothing is stored."""
    for more in ({}, {"buyer": "b1"}):
        refused = await api.post("/v1/orders", order_body(order_id="x1", channel="exchange", **more), role="checkout")
        assert fields(refused) == ["channel"]
        assert "checkout" in refused.json()["errors"][0]["remedy"]
    assert await api.services.journal.get("x1") is None
    assert fields(await api.post("/v1/orders", order_body(order_id="x1", exchange_of="r1"))) == ["exchange_of"]


async def test_a_sellers_order_ids_begin_with_its_prefix_and_no_others_do(api: Api) -> None:
    """Its own without it, and another's with it, are refused with a remedy; those that are made up carry it."""
    await two_sellers(api)
    await load(api, f"{HEAD}stock,,SOCK,,,socks-home,60,PO-1\n", role="socks")
    await api.services.catalog.load(
        Catalog(receipts=(Receipt(receipt_id="l", location="nj-1", sku="LAMP", quantity=5),))
    )
    assert (await api.post("/v1/orders", order_body(order_id="old_1", **SOCKS))).status_code == 202
    assert (await put(api, plain("socks", "socks-home", order_prefix="socks_"))).status_code == 200

    refused = await api.post("/v1/orders", order_body(order_id="web_1", **SOCKS))
    assert fields(refused) == ["order_id"]
    assert "socks_" in refused.json()["errors"][0]["remedy"]
    strange = await api.post("/v1/orders", order_body(order_id="socks_1", **LAMP))
    assert fields(strange) == ["order_id"]
    assert (await api.post("/v1/orders", order_body(order_id="socks_1", **SOCKS))).status_code == 202
    made_up = await api.post(
        "/v1/orders", {key: value for key, value in order_body(**SOCKS).items() if key != "order_id"}
    )
    assert made_up.json()["order_id"].startswith("socks_ord_")
    again = await api.post("/v1/orders", order_body(order_id="old_1", **SOCKS))
    assert again.status_code in (201, 202), "what stood before the prefix is repeated as ever"
    assert (await api.post("/v1/orders", order_body(order_id="socksx1", **LAMP))).status_code == 202


async def test_a_prefix_is_one_sellers_alone(api: Api) -> None:
    """Another's, everybody's, one that others' orders have, and one that could begin another, are refused."""
    await two_sellers(api)
    assert (await put(api, plain("socks", "socks-home", order_prefix="so_"))).status_code == 200
    await api.services.catalog.load(
        Catalog(receipts=(Receipt(receipt_id="l", location="nj-1", sku="LAMP", quantity=5),))
    )
    assert (await api.post("/v1/orders", order_body(order_id="web_1", **LAMP))).status_code == 202
    for prefix in ("so_", "ord_", "tiktok_", "web_", "so", "s_o_", "SO_", "_"):
        assert fields(await put(api, plain("rocks", "rocks-home", order_prefix=prefix), "rocks")) == ["order_prefix"]
    assert (await put(api, plain("rocks", "rocks-home", order_prefix="we_"), "rocks")).status_code == 200


async def test_a_clash_with_anothers_order_names_nothing_of_it(api: Api) -> None:
    """It is told as a clash with an order of one's own is: the id is not free."""
    await api.services.catalog.load(
        Catalog(receipts=(Receipt(receipt_id="l", location="nj-1", sku="LAMP", quantity=5),))
    )
    assert (await api.post("/v1/orders", order_body(order_id="web_1", **LAMP))).status_code == 202
    theirs = await api.post("/v1/orders", order_body(order_id="web_1"))
    own = await api.post("/v1/orders", order_body(order_id="web_1", tax=1, **LAMP))
    assert (theirs.status_code, theirs.json()["code"]) == (409, "order_id_taken")
    assert own.json() == theirs.json()
    assert "location" not in theirs.headers
    assert "bolt" not in theirs.text


async def test_no_parcel_is_moved_to_anothers_place(api: Api) -> None:
    """It does not exist for whoever asks, and is not among those that are named."""
    await two_sellers(api)
    await load(api, f"{HEAD}stock,,SOCK,,,socks-home,60,PO-1\n", role="socks")
    assert (await api.post("/v1/orders", order_body(order_id="old_1", **SOCKS))).status_code == 202
    for location in ("rocks-home", "moon"):
        told = await api.post("/v1/orders/old_1/move", {"parcel": 1, "location": location}, role="support")
        assert fields(told) == ["location"]
        remedy = told.json()["errors"][0]["remedy"]
        assert ("socks-home" in remedy, "rocks-home" in remedy) == (True, False)


async def test_many_profiles_at_once_leave_connections_to_orders(api: Api) -> None:
    """Forty at once are all applied, and orders that come meanwhile are taken as ever."""
    pool = api.services.pool
    await asyncio.gather(*(pool.execute("SELECT pg_sleep(0.3)") for _ in range(30)))
    profiles = [put(api, {"name": f"S{number}"}, f"s{number}") for number in range(40)]
    orders = [api.post("/v1/orders", order_body(order_id=f"o{number}")) for number in range(3)]
    answers = await asyncio.gather(*profiles, *orders)
    assert [answer.status_code for answer in answers] == [200] * 40 + [202] * 3
    assert len((await api.get("/v1/sellers")).json()["sellers"]) == 40


async def test_who_waits_to_change_a_profile_keeps_no_connection(api: Api) -> None:
    """While one is being changed, others wait without one, however many: the pool is there for orders."""
    pool = api.services.pool
    async with api.services.sellers.changing("s0"):
        waiting = [
            asyncio.create_task(put(api, {"name": "S"}, f"s{number}")) for number in range(pool.get_max_size() + 2)
        ]
        for number in range(5):
            answer = await asyncio.wait_for(api.post("/v1/orders", order_body(order_id=f"o{number}")), 20)
            assert answer.status_code == 202
        assert not any(task.done() for task in waiting)
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}


async def test_a_removed_location_takes_nothing_and_ships_nothing(api: Api) -> None:
    """No stock arrives there, no order is routed there, its units stay on the books; named again, it is as before."""
    await two_sellers(api)
    assert (await put(api, {"name": "socks"})).status_code == 200
    arriving = f"{HEAD}stock,,SOCK,,,socks-home,5,PO-1\n"
    assert fields(await load(api, arriving, role="socks")) == ["line 2, column location"]
    async with api.services.pool.acquire() as connection:
        await connection.execute("INSERT INTO stock (location, sku, on_hand) VALUES ('socks-home', 'SOCK', 3)")
    sold_out = await api.post("/v1/orders", order_body(order_id="s1", **SOCKS))
    assert (sold_out.status_code, sold_out.json()["code"]) == (409, "sold_out")
    assert await on_hand(api, "SOCK") == 3
    assert (await put(api, {"name": "Socks"})).status_code == 200, "it stays removed, with what lies there"

    assert (await put(api, plain("socks", "socks-home"))).status_code == 200
    assert (await load(api, arriving, role="socks")).json()["units"] == 5
    deadline = asyncio.get_running_loop().time() + 30
    number, answer = 2, await api.post("/v1/orders", order_body(order_id="s2", **SOCKS))
    while answer.status_code != 202 and asyncio.get_running_loop().time() < deadline:
        number += 1
        await asyncio.sleep(0.05)
        answer = await api.post("/v1/orders", order_body(order_id=f"s{number}", **SOCKS))
    assert answer.status_code == 202


async def test_files_at_once_bring_no_more_than_there_is_room_for(api: Api) -> None:
    """Each is looked at with what the others have brought: a place never holds more than its capacity."""
    await put(api, profile())
    assert (await load(api, f"{HEAD}product,socks,SOCK,Red socks,80,,,\n")).status_code == 200
    files = [f"{HEAD}stock,,SOCK,,,socks-home,60,race{number}\n" for number in range(4)]
    answers = await asyncio.gather(*(load(api, each) for each in files))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    assert all(answer.json()["code"] in ("location_full", "invalid_csv") for answer in answers if answer.is_error)
    assert await on_hand(api, "SOCK") == 60


async def test_an_arrival_of_an_order_in_line_is_told_that_it_waits(api: Api) -> None:
    """The answer is that of every other change of an order in line."""
    await load(api, f"{HEAD.strip()},waitlist\nproduct,acme,MUG,Mug,80,,,,true\n", None)
    lines = [{"sku": "MUG", "quantity": 100, "unit_price": 5}]
    placed = await api.post("/v1/orders", order_body(order_id="w1", waitlist=True, lines=lines))
    assert (placed.status_code, placed.json()["status"]) == (202, "waitlisted")
    answer = await api.post("/v1/orders/w1/arrivals", {"parcel": 1, "reason": "the shopper called"})
    assert (answer.status_code, answer.json()["code"]) == (409, "order_waits")
