"""A shop in which people have work to do; and much that happened to its orders, for every page there is.

async with working_shop(tmp_path) as shop:
    facts = await much_happens(shop)
    facts["completed"]      # an order's id, to be put into an address
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx

from ordersaga.demo.acts import put_on_hold
from ordersaga.demo.case import Case
from ordersaga.demo.companies import DemoError
from ordersaga.demo.orders_file import DemoOrder, read_orders, sample
from ordersaga.demo.scenarios import SCENARIOS, prepare
from ordersaga.domain.lanes import carrier_lane, provider_lane
from ordersaga.http_client import ApiError
from tests.support.by_hand import EasyPostByHand, StripeByHand
from tests.support.examples import EXAMPLES
from tests.support.stack import RealShop, open_shop_at

Facts = dict[str, str]
AGENT, POPUP = "live_2001", "popup-market"
LONG: Final = "live_2301_of_a_checkout_whose_ids_are_as_long_as_ids_may_ever_be"
DEAR: Final = "live_2299"
"""More money than one person may write off."""
CHEAP: Final = tuple(f"live_{number}" for number in range(2201, 2223))
MOVED: Final = "live_2101"
REFUNDED, RESERVED, TWICE, RETURNED = "live_2401", "live_2402", "live_2403", "live_2404"
HELD, AT_PROVIDER = "live_2501", ("live_2502", "live_2503")
WAITING: Final = "live_2601"
RED, BLUE, GIFT = ("SOCK-RED-M", 1, 1400), ("SOCK-BLUE-M", 1, 1400), ("SOCK-GIFT-3", 1, 3900)
AWAITED: Final = b"""kind,seller,name,sku,title,weight_grams,waitlist
product,glow-lab,,SERUM-NEXT,"Serum, the next edition",110,true
"""
PLAYED: Final = frozenset(
    {"plain", "multi_line", "own_warehouse", "split", "three_ds_abandoned", "declined", "last_units", "address_refused"}
    | {"lost_void", "label_refused", "cancel_on_hold", "cancel_picked", "hold_released", "webhooks_twice", "returned"}
    | {"units_accepted", "half_shipped", "address_changed", "goodwill", "newegg_ships", "amazon_ships", "ups_returns"}
    | {"courier_cheapest", "wallet", "link_paid", "courier_loses"}
)
"""Of the demo's scenarios: as many kinds of story as there are to be read."""
WITHIN: Final = 420.0
"""Seconds for each part, on a busy machine."""
AT_ONCE: Final = 12
"""Of the demo's orders: what they wait for must come in time."""
REFUSING: Final[dict[str, Any]] = {"payment": {"payment_method": "pm_card_captureFails"}}
CHALLENGING: Final[dict[str, Any]] = {"payment": {"payment_method": "pm_card_threeDSecure2Required"}}
FAR: Final = {
    "name": "Wilhelmina Charlotte von Brandenburg-Hohenzollern-Sigmaringen",
    "line1": "12345 North Martin Luther King Junior Memorial Boulevard, Building 7, Apartment 1204",
    "line2": "ring twice; the dog is friendly, the doorman is not",
    "city": "Rancho Santa Margarita",
    "region": "CA",
    "postal_code": "92688",
    "country": "US",
}
PROFILE: Final = {
    "name": "Sunny Socks",
    "channels": ["checkout", "instagram", "tiktok-shop", POPUP],
    "daily_orders": 500,
    "terms": {"ship_within": "P2D", "second_person_above": 50_000},
}


@asynccontextmanager
async def working_shop(data: Path) -> AsyncIterator[RealShop]:
    """Orders in the states in which people at work meet them."""
    changed = {"reconcile_grace": timedelta(seconds=1)}
    async with open_shop_at(data, changed=changed, all_companies=True) as shop:
        async with operator(shop) as http, asyncio.timeout(WITHIN):
            await own_orders(shop)
            await until(lambda: questions(http, "capture_refused", [*CHEAP, DEAR]), "the refused captures")
        yield shop


async def much_happens(shop: RealShop) -> Facts:
    """One order of many scenarios of the demo, and whatever else a page can show; what is where, by name."""
    async with operator(shop) as http:
        await put(http, "/v1/sellers/sunny-socks", {"name": "Sunny Socks", "daily_orders": 500})
        await put(http, "/v1/sellers/sunny-socks", PROFILE)
        async with asyncio.timeout(WITHIN):
            await asyncio.gather(played(shop), orders_to_look_at(shop))
        return {**kinds(shop), **await after(shop, http)}


@asynccontextmanager
async def operator(shop: RealShop) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the shop's API that may do everything."""
    auth = {"Authorization": f"Bearer {shop.stack.keys['operator']}"}
    async with httpx.AsyncClient(base_url=shop.stack.urls["api"], headers=auth, timeout=60, trust_env=False) as http:
        yield http


async def put(http: httpx.AsyncClient, path: str, body: Any) -> Any:
    """Make something so."""
    answer = await http.put(path, json=body)
    answer.raise_for_status()
    return answer.json()


async def post(http: httpx.AsyncClient, path: str, body: Any) -> Any:
    """Do something."""
    answer = await http.post(path, json=body)
    answer.raise_for_status()
    return answer.json()


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Look until there is something; what was found."""
    with suppress(TimeoutError):
        async with asyncio.timeout(WITHIN):
            while True:
                if found := await look():
                    return found
                await asyncio.sleep(0.5)
    raise AssertionError(f"{what} did not come in time")


# ---- orders -----------------------------------------------------------------------------------------------------


async def played(shop: RealShop) -> None:
    """One order of each of these scenarios; nobody answers the questions it leads to."""
    places = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_played(Case(order, shop.world), places) for order in demo_orders(shop)))


async def _played(case: Case, places: asyncio.Semaphore) -> None:
    """As in the demo. What a scenario waits for in vain is no matter here."""
    scenario = SCENARIOS[case.order.scenario]
    async with places:
        await prepare(case, scenario)
        with suppress(DemoError, ApiError):
            await scenario.act(case)


async def own_orders(shop: RealShop) -> None:
    """What the journeys meet: each in the state in which they find it."""
    await put_on_hold(shop.case(HELD, GIFT, channel=POPUP, **CHALLENGING))
    await asyncio.gather(
        *(shop.case(order_id, RED, **REFUSING).place("confirmed") for order_id in CHEAP),
        shop.case(DEAR, ("SOCK-RED-M", 40, 1400), **REFUSING).place("confirmed"),
        *(at_provider(shop, order_id, channel=POPUP) for order_id in AT_PROVIDER),
        at_provider(shop, AGENT),
    )


async def orders_to_look_at(shop: RealShop) -> None:
    """What nobody works on: long words, and what companies will tell otherwise than we."""
    await asyncio.gather(
        at_provider(shop, LONG, ship_to=FAR),
        *(shop.case(order_id, BLUE).place("confirmed") for order_id in (REFUNDED, TWICE, RETURNED)),
        canceled(shop, RESERVED),
    )


async def at_provider(shop: RealShop, order_id: str, **body: Any) -> Case:
    """Placed, and ShipBob stays at it."""
    await shop.world.shipbob.tell("scripts", match=order_id, stop_at="Processing")
    case = shop.case(order_id, GIFT, **body)
    await case.place("confirmed")

    async def at_work() -> bool:
        with suppress(DemoError):  # on a busy machine it takes longer than the demo waits
            await case.at_shipbob("Processing")
            return True
        return False

    await until(at_work, f"the provider's work on {order_id}")
    return case


async def canceled(shop: RealShop, order_id: str) -> None:
    """Placed and canceled."""
    await (await at_provider(shop, order_id)).cancel("canceled")


def demo_orders(shop: RealShop) -> list[DemoOrder]:
    """The first of each scenario that is played here."""
    orders = read_orders((EXAMPLES / "orders.csv").read_bytes(), shop.catalog, SCENARIOS)
    return [order for order in sample(orders) if order.scenario in PLAYED]


def kinds(shop: RealShop) -> Facts:
    """An order for each kind of page."""
    first = {order.scenario: order.order_id for order in demo_orders(shop)}
    return {
        "completed": first["multi_line"],
        "canceled": first["lost_void"],
        "split": first["split"],
        "refunded": first["goodwill"],
        "returned": RETURNED,
        "rejected": first["declined"],
        "asked": DEAR,
        "held": HELD,
        "at_provider": AGENT,
        "long": LONG,
        "waitlisted": WAITING,
    }


# ---- what others did meanwhile ----------------------------------------------------------------------------------


async def after(shop: RealShop, http: httpx.AsyncClient) -> Facts:
    """Disagreements with companies, a run that found them, stops, a pause, an open breaker, somebody in line."""
    await shop.world.board.all_final([REFUNDED, TWICE, RESERVED, RETURNED], WITHIN)
    wanted = {"lines": [{"sku": BLUE[0], "quantity": 1}], "reason": "wrong_item", "note": "they are green"}
    await post(http, f"/v1/orders/{RETURNED}/returns", wanted)
    await disagree(shop)
    await waitlisted(shop, http)
    return {**await looked_at(http), **await stops(http), **await lanes(http), "seller": "sunny-socks"}


async def questions(http: httpx.AsyncClient, kind: str, order_ids: Iterable[str]) -> bool:
    """Whether each of these orders asks this."""
    items = (await http.get("/v1/attention", params={"kind": kind})).json()["items"]
    return {item["order_id"] for item in items} >= set(order_ids)


async def disagree(shop: RealShop) -> None:
    """Somebody refunds, reserves funds and buys a label by hand, and a shelf loses three."""
    urls = shop.stack.urls
    stripe, easypost = StripeByHand(urls["stripe"]), EasyPostByHand(urls["easypost"])
    paid = (await shop.world.stripe.records(REFUNDED, "payment_intent"))["payment_intent"][0]["id"]
    await stripe.refund(paid, 100)
    key = f"{RESERVED}/authorize/1/7"
    await stripe.pay(70_000, capture_method="manual", order_id=RESERVED, parcel="1", effect_key=key)
    await easypost.buy(f"{TWICE}-1-1")
    levels = (await shop.world.operator.stock(sku="WICK-TRIM")).levels
    await shop.world.shipbob.tell("inventory", sku="WICK-TRIM", on_hand=sum(level.on_hand for level in levels) - 3)


async def waitlisted(shop: RealShop, http: httpx.AsyncClient) -> None:
    """Shoppers may wait for what was never there; somebody does."""
    await shop.world.operator.load_catalog(AWAITED)
    order = shop.case(WAITING, ("SERUM-NEXT", 2, 4800), seller="glow-lab", waitlist=True).order
    await post(http, "/v1/orders", dict(order.body))


async def looked_at(http: httpx.AsyncClient) -> Facts:
    """A run of reconciliation that ended, and one of its findings."""
    await asyncio.sleep(2)  # what is younger than the grace is not compared
    begun = await post(http, "/v1/reconciliations", {"since": (datetime.now(UTC) - timedelta(hours=1)).isoformat()})

    async def ended() -> Any:
        return (await http.get(f"/v1/reconciliations/{begun['run_id']}")).json()["ended_at"]

    await until(ended, "the run's end")
    findings = (await http.get("/v1/findings", params={"kind": "cash_differs"})).json()["findings"]
    return {"run": begun["run_id"], "finding": findings[0]["finding"]["finding_id"]}


async def stops(http: httpx.AsyncClient) -> Facts:
    """A dry run, a stop that was undone, and one in force, with much to read in it."""
    reason = "the carrier's hub in Anchorage is snowed in; parcels that are there wait, none may follow until it opens"
    body = {"match": {"region": "US-AK"}, "reason": reason, "legal_reference": "Notice 2026-11/4", "dry_run": False}
    tried = await post(http, "/v1/stops", {**body, "match": {"seller": "sunny-socks"}, "dry_run": True})
    over = await post(http, "/v1/stops", {**body, "match": {"sku": "RING-LIGHT"}, "reason": "a recall, withdrawn"})
    await post(http, f"/v1/stops/{over['stop_id']}/undo", {"reason": "the maker withdrew it"})
    stands = await post(http, "/v1/stops", body)
    for stop_id in (tried["stop_id"], over["stop_id"]):
        await until(partial(ended_stop, http, stop_id), "the stop's end")
    return {"dry_run": tried["stop_id"], "undone": over["stop_id"], "stop": stands["stop_id"]}


async def ended_stop(http: httpx.AsyncClient, stop_id: str) -> bool:
    """Whether a stop is over."""
    return bool((await http.get(f"/v1/stops/{stop_id}")).json()["state"] == "ended")


async def lanes(http: httpx.AsyncClient) -> Facts:
    """One is paused, the breaker of another is open: of companies that no order of the journeys needs."""
    paused, opened = provider_lane("newegg"), carrier_lane("ups")
    said = {"minutes": 600, "by": "ann"}
    await post(http, f"/v1/lanes/{paused}/pause", {"reason": "they move to another building this weekend", **said})
    await post(http, f"/v1/lanes/{opened}/breaker", {"state": "open", "reason": "labels without a barcode", **said})
    return {"paused_lane": paused, "open_lane": opened}
