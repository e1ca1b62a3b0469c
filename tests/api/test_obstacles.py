"""What keeps an order and is no part of it: open breakers, paused lanes, stops; told to whoever asks why it waits."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ordersaga.domain.breakers import BreakerState
from ordersaga.domain.catalog import Catalog, Location, Product, Receipt
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.lanes import CARRIERS, PAYMENTS, provider_lane
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.api.conftest import Shop
from tests.api.test_stops import STOPS, Office, california
from tests.fakes.samples import address
from tests.stores.test_stops import new_stop
from tests.support.api import Api, order_body

LANE = provider_lane("shipbob")
OPEN = {"state": "open", "reason": "orders get lost there", "minutes": 90}
OURS = Location(location="shop-1", provider="seller_warehouse", address=address())


@pytest.fixture
async def placed(api: Api) -> Api:
    """With an order whose one parcel is to leave ShipBob's."""
    assert (await api.post("/v1/orders", order_body(order_id="a1"))).status_code in (201, 202)
    return api


@pytest.fixture
def office(shop: Shop) -> Office:
    """An operator before real sagas."""
    return Office(shop)


async def explained(api: Api, order_id: str = "a1", role: str = "operator") -> dict[str, Any]:
    """What explain says."""
    told: dict[str, Any] = (await api.get(f"/v1/orders/{order_id}/explain", role=role)).json()
    return told


async def kept_by(api: Api, order_id: str = "a1", role: str = "operator") -> dict[str, dict[str, Any]]:
    """The obstacles by name; each is in the words, too."""
    told = await explained(api, order_id, role)
    assert all(each["text"] in told["text"] and each["remedy"] in told["text"] for each in told["obstacles"])
    return {each["name"]: each for each in told["obstacles"]}


async def fails(api: Api, lane: str) -> None:
    """Its company answers none of eight calls: the breaker opens by itself."""
    assert await api.services.breakers.count(lane, uuid4(), 8, 8, "connection refused")


async def test_a_breaker_that_opened_by_itself_is_told(placed: Api) -> None:
    """Since when and why, when the next probe may pass, which parcel needs it, and what can be done."""
    assert (await explained(placed))["obstacles"] == []
    await fails(placed, LANE)
    [breaker] = [each for each in await placed.services.breakers.breakers() if each.lane == LANE]
    kept = (await kept_by(placed))[LANE]
    assert (kept["kind"], kept["parcels"]) == ("breaker", [1])
    assert datetime.fromisoformat(kept["since"]) == breaker.since
    assert datetime.fromisoformat(kept["until"]) == breaker.next_probe
    assert kept["text"] == (
        f"provider-shipbob gives no answers: its breaker is open since {breaker.since:%Y-%m-%d %H:%M:%S} UTC "
        "(8 of 8 calls failed within a minute, at last: connection refused). "
        f"No call passes before the next probe, at {breaker.next_probe:%Y-%m-%d %H:%M:%S} UTC; "
        "3 answers in a row close it. What parcel 1 needs there waits."
    )
    assert kept["remedy"] == (
        "An operator can let calls pass before: ordersaga lanes close provider-shipbob --reason WHY. "
        "Where its units lie elsewhere too: ordersaga order move a1 1 LOCATION."
    )


async def test_a_breaker_that_may_be_tried_says_so(placed: Api) -> None:
    """Its delay is over: one call at a time tries it."""
    await placed.post(f"/v1/lanes/{LANE}/breaker", OPEN)
    await placed.post(f"/v1/lanes/{LANE}/breaker", {"state": "auto", "reason": "they say it is mended"})
    kept = (await kept_by(placed))[LANE]
    assert "is half-open: one call at a time tries it now; 3 answers in a row close it." in kept["text"]
    assert "What parcel 1 still needs there may wait." in kept["text"]
    assert "gives no answers" not in kept["text"]
    assert "they say it is mended" not in kept["text"], "that is no reason why it opened"


async def test_one_that_a_person_keeps_open_names_the_person(placed: Api) -> None:
    """Until when no call passes, and how that ends before; once it is closed, nothing is said any more."""
    await placed.post(f"/v1/lanes/{LANE}/breaker", {**OPEN, "by": "ada"})
    kept = (await kept_by(placed))[LANE]
    assert kept["text"].startswith("The breaker of provider-shipbob is kept open by test operator:ada since ")
    assert "(orders get lost there). No call passes before " in kept["text"]
    assert "ordersaga lanes auto provider-shipbob --reason WHY" in kept["remedy"]
    await placed.post(f"/v1/lanes/{LANE}/breaker", {"state": "closed", "reason": "it works"})
    assert await kept_by(placed) == {}


async def test_a_paused_lane_is_told_with_its_end(placed: Api) -> None:
    """Who paused it and why, and how it goes on before."""
    await placed.post(f"/v1/lanes/{LANE}/pause", {"reason": "they repair it", "minutes": 30})
    kept = (await kept_by(placed))[LANE]
    assert kept["kind"] == "pause"
    assert kept["text"].startswith("provider-shipbob is paused by test operator (they repair it) since ")
    assert "ordersaga lanes resume provider-shipbob --reason WHY" in kept["remedy"]


async def test_the_payment_account_concerns_the_whole_order(placed: Api) -> None:
    """Unless a platform has the money; a company that has nothing to do with the order is not named."""
    await fails(placed, PAYMENTS)
    await fails(placed, CARRIERS)
    await fails(placed, provider_lane("newegg"))
    kept = await kept_by(placed)
    assert list(kept) == [PAYMENTS]
    assert "What the order needs there waits." in kept[PAYMENTS]["text"]
    assert "order move" not in kept[PAYMENTS]["remedy"]
    collected = order_body(order_id="a2", payment={"collected_by": "tiktok"}, channel="tiktok")
    assert (await placed.post("/v1/orders", collected, role="channel")).status_code in (201, 202)
    assert await kept_by(placed, "a2") == {}


async def test_a_carriers_account_keeps_what_has_no_label_yet(api: Api) -> None:
    """Where we buy it; another carrier can be asked for. A stop of a carrier is told of the same parcels."""
    await api.services.catalog.load(
        Catalog(
            locations=(OURS,),
            products=(Product(sku="VASE", seller="acme", title="Vase", weight_grams=9),),
            receipts=(Receipt(receipt_id="v1", location=OURS.location, sku="VASE", quantity=3),),
        )
    )
    vase = [{"sku": "VASE", "quantity": 1, "unit_price": 1000}]
    assert (await api.post("/v1/orders", order_body(order_id="v1", lines=vase))).status_code in (201, 202)
    await fails(api, CARRIERS)
    kept = (await kept_by(api, "v1"))[CARRIERS]
    assert kept["parcels"] == [1]
    assert kept["remedy"].endswith("For another carrier: ordersaga order carrier v1 1 CARRIER.")
    await api.services.stops.create(new_stop("s1", carrier="UPS"))
    await api.post("/v1/orders", order_body(order_id="a1"))
    assert await kept_by(api, "a1") == {}, "its provider buys the label"
    assert "Stop s1 (carrier UPS): no label of UPS is bought for parcel 1" in (await kept_by(api, "v1"))["s1"]["text"]


async def test_an_order_that_has_ended_waits_for_nothing(placed: Api) -> None:
    """Whatever is open by then."""
    await fails(placed, LANE)
    await placed.services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.CANCELED))
    assert (await explained(placed))["obstacles"] == []


async def test_a_sellers_key_hears_when_and_not_why(placed: Api) -> None:
    """The lane is everybody's: who keeps it open and why is the house's, and so are the words that end it."""
    placed.keys["acme"] = await placed.services.api_keys.issue("support", "acme", "acme")
    await placed.post(f"/v1/lanes/{LANE}/breaker", {**OPEN, "by": "ada"})
    kept = (await kept_by(placed, role="acme"))[LANE]
    assert "is kept open by hand since " in kept["text"]
    told = str(await explained(placed, role="acme"))
    assert all(word not in told for word in ("ada", "get lost", "ordersaga lanes"))
    assert kept["remedy"].startswith("It goes on by itself.")


async def test_a_stop_that_holds_an_order_is_told_until_it_is_undone(office: Office) -> None:
    """What is stopped, by whom, until when, and both ways out; of a real saga that a real stop holds."""
    api = office.api
    await office.stocked(1)
    vase = [{"sku": "VASE", "quantity": 1, "unit_price": 1000}]
    await office._placed([california(name, seller="bolt", lines=vase) for name in ("kept", "freed")])
    await office.confirmed("kept")
    await office.confirmed("freed")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    stop_id = (await office.stop(until=until.isoformat(), by="ann"))["stop_id"]
    await office.looked(stop_id)
    kept = (await kept_by(api, "kept"))[stop_id]
    assert kept["text"].startswith(f"Stop {stop_id} (region US-CA) holds it back, since ")
    assert kept["text"].endswith(f", until {until:%Y-%m-%d %H:%M:%S} UTC. test operator:ann asked for it: closed.")
    assert kept["remedy"] == (
        f"An operator can undo the stop: ordersaga stop undo {stop_id} --reason WHY; or let this order alone go on: "
        f"ordersaga order release kept stop_{stop_id} --reason WHY."
    )
    api.keys["bolt"] = await api.services.api_keys.issue("operator", "bolt", "bolt")
    theirs = (await kept_by(api, "kept", "bolt"))[stop_id]
    assert ("ann" in theirs["text"], "whose operators undo it" in theirs["remedy"]) == (False, True)
    await api.send("DELETE", f"/v1/orders/freed/holds?kind=stop_{stop_id}&reason=checked")
    assert stop_id not in await kept_by(api, "freed")
    await api.post(f"{STOPS}/{stop_id}/undo", {"reason": "open again"})
    await office.until(stop_id, lambda told: told["state"] == "ended")
    assert stop_id not in await kept_by(api, "kept")


async def test_a_stop_that_passes_over_whoever_waits_in_line_is_told(office: Office) -> None:
    """It keeps its place; there is no hold of its own to be released."""
    await office.stocked(1)
    lamp = [{"sku": "LAMP", "quantity": 1, "unit_price": 1000}]
    assert (
        await office.api.post("/v1/orders", california("waits", seller="bolt", lines=lamp, waitlist=True))
    ).status_code == 202
    stop_id = (await office.stop(policy={"accepted": "hold"}))["stop_id"]
    await office.looked(stop_id)
    told = await explained(office.api, "waits")
    assert told["text"].startswith("Order waits waits in line for LAMP: place 1")
    [kept] = told["obstacles"]
    assert "passes it over in its line" in kept["text"]
    assert kept["remedy"] == f"An operator can undo the stop: ordersaga stop undo {stop_id} --reason WHY."


async def test_a_real_saga_that_waits_at_an_open_breaker_says_so(office: Office) -> None:
    """As long as its goods have not left: who carries them then is no provider's matter any more."""
    api = office.api
    await office.stocked(1)
    await office._placed([california("waits")])
    await office.at_provider("waits")
    await api.services.breakers.force(LANE, BreakerState.OPEN, timedelta(minutes=5), "they repair it", "ada")
    kept = (await kept_by(api, "waits"))[LANE]
    assert (kept["kind"], kept["parcels"]) == ("breaker", [1])
    assert "kept open by ada" in (await explained(api, "waits"))["text"]
    await office.moved(["waits"], ParcelStatus.IN_TRANSIT)
    assert LANE not in await kept_by(api, "waits")
