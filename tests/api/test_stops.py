"""Stops over HTTP: the door, the dry run, what each order is told, pause, undo; before real sagas."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ordersaga.bootstrap import open_services
from ordersaga.domain.catalog import Catalog, Product, Seller
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.orders import Address, SellerTerms
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.domain.stops import STOP_FAILED
from ordersaga.stores.stops import CHANNEL
from tests.api.conftest import STOCK, Shop
from tests.fakes.samples import address, catalog, order
from tests.lanes.waiting import until
from tests.support.api import Api, order_body, serving, settings_for
from workflows.messages import AddressChange, OrderView
from workflows.stop_orders import StopProgress

STOPS = "/v1/stops"
STRICT = {"accepted": "cancel", "confirmed": "hold", "at_provider": "cancel", "picked": "drain", "in_transit": "cancel"}
CALIFORNIA = {"name": "Ada", "line1": "1 St", "city": "Fresno", "region": "CA", "postal_code": "93650", "country": "US"}


def stop_body(**changes: Any) -> dict[str, Any]:
    """California is stopped."""
    known = {"match": {"region": "US-CA"}, "policy": STRICT, "reason": "closed", "legal_reference": "Order 12"}
    return {**known, "dry_run": False, **changes}


def california(order_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """An order to California."""
    named = {"order_id": order_id} if order_id else {}
    return order_body(ship_to=CALIFORNIA, **named, **changes)


@dataclass
class Office:
    """An operator, and a shop with orders in every stage."""

    shop: Shop
    tag: str = ""

    @property
    def api(self) -> Api:
        """Served."""
        return self.shop.api

    async def stop(self, **changes: Any) -> dict[str, Any]:
        """Create a stop; as it is answered."""
        answer = await self.api.post(STOPS, stop_body(**changes))
        assert answer.status_code == (200 if changes.get("dry_run") else 202), answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def until(self, stop_id: str, true: Callable[[dict[str, Any]], bool], limit: float = 60) -> dict[str, Any]:
        """Look at a stop until it is as expected."""
        async with asyncio.timeout(limit):
            while True:
                told: dict[str, Any] = (await self.api.get(f"{STOPS}/{stop_id}")).json()
                if true(told):
                    return told
                await asyncio.sleep(0.1)

    async def looked(self, stop_id: str, looks: int = 1, limit: float = 60) -> dict[str, Any]:
        """The stop, once all orders were gone through so often."""
        return await self.until(stop_id, lambda told: int(told["looks"]) >= looks, limit)

    async def begins(self, stop_id: str) -> None:
        """The hour has come: the door hears of it, and the stop's workflow begins to look."""
        pool = self.api.services.pool
        await pool.execute("UPDATE stops SET effective_at = now() WHERE stop_id = $1", stop_id)
        await pool.execute("SELECT pg_notify($1, $2)", CHANNEL, stop_id)
        saga = self.shop.orders.temporal.get_workflow_handle(f"stop-{stop_id}")
        await saga.signal("stop_changed")
        await until(lambda: saga.query("progress", result_type=StopProgress), lambda told: told.behind is not None)

    async def stocked(self, each: int) -> None:
        """Enough for everybody, lamps to wait for; bolt's orders are handed off a day later."""
        stock = catalog(("nj-1", "MUG", 10 * each + 50), ("nj-1", "TEE", 10 * each + 50))
        receipts = tuple(each.model_copy(update={"receipt_id": f"more-{each.receipt_id}"}) for each in stock.receipts)
        slow = Seller(seller="bolt", name="Bolt", terms=SellerTerms(hand_off_delay=timedelta(days=1)))
        lamp = Product(sku="LAMP", seller="bolt", title="Lamp", weight_grams=900, waitlist=True)
        vase = Product(sku="VASE", seller="bolt", title="Vase", weight_grams=900)
        await self.api.services.catalog.load(
            Catalog(sellers=(slow,), locations=stock.locations, products=(*stock.products[:2], lamp, vase))
        )
        vases = receipts[0].model_copy(update={"receipt_id": "vases", "sku": "VASE", "quantity": 10 * each + 50})
        await self.api.services.catalog.load(Catalog(receipts=(*receipts, vases)))

    async def filled(self, each: int) -> None:
        """So many orders to California in each of the five stages, and one in Boston in each."""
        await self.stocked(each)
        await self._accepted(each)
        vase = [{"sku": "VASE", "quantity": 1, "unit_price": 1000}]
        await self._placed([california(f"{self.tag}confirmed_{n}", seller="bolt", lines=vase) for n in range(each)])
        for number in range(each):
            await self.confirmed(f"{self.tag}confirmed_{number}")
        for stage in ("provider", "picked", "transit"):
            await self._placed([california(f"{self.tag}{stage}_{n}") for n in range(each)])
            await self._placed([order_body(order_id=f"{self.tag}{stage}_far")])
        for name in [f"{self.tag}{stage}_{n}" for stage in ("provider", "picked", "transit") for n in range(each)]:
            await self.at_provider(name)
        await self.moved([f"{self.tag}picked_{n}" for n in range(each)], ParcelStatus.PICKED)
        await self.moved([f"{self.tag}transit_{n}" for n in range(each)], ParcelStatus.IN_TRANSIT)

    async def _accepted(self, each: int) -> None:
        """A third each: waits for the bank, waits in line, has no saga so far."""
        third = max(1, each // 3)
        for _ in range(third):
            self.shop.payments.require_action_next()
        await self._placed([california(f"{self.tag}action_{n}") for n in range(third)], limit=1)
        for number in range(third):
            await self._seen(f"{self.tag}action_{number}", lambda view: view.outcome == "action_required")
        lamp = [{"sku": "LAMP", "quantity": 1, "unit_price": 1000}]
        await self._placed(
            [california(f"{self.tag}line_{n}", seller="bolt", lines=lamp, waitlist=True) for n in range(third)]
        )
        for number in range(each - 2 * third):
            placed = order(
                f"{self.tag}fresh_{number}", ship_to=address(region="CA", city="Fresno"), placed_at=datetime.now(UTC)
            )
            await self.api.services.intake.accept(placed, hold_ttl=timedelta(minutes=30))

    async def _placed(self, bodies: list[dict[str, Any]], limit: int = 8) -> None:
        turn = asyncio.Semaphore(limit)

        async def place(body: dict[str, Any]) -> None:
            async with turn, asyncio.timeout(120):
                await self._ordered(body)
                await self._started(body["order_id"])

        await asyncio.gather(*map(place, bodies))

    async def _ordered(self, body: dict[str, Any]) -> None:
        """As a checkout does: who is told that it is too much comes back."""
        while True:
            answer = await self.api.post("/v1/orders", body, headers={"Prefer": "wait=10"})
            if answer.status_code != 503:
                assert answer.status_code in (201, 202), answer.text
                return
            await asyncio.sleep(1)

    async def _started(self, order_id: str) -> None:
        """What was left to a starter is started."""
        record = await self.api.services.journal.get(order_id)
        if record is not None and record.status is OrderStatus.PENDING and not record.started:
            await self.shop.orders.start(record.order)
            await self.api.services.starting.mark_started(order_id)

    async def confirmed(self, order_id: str) -> None:
        """Wait until its shopper has the answer: before, a stop finds it in another stage."""
        await self._seen(order_id, lambda view: view.outcome == "confirmed")

    async def at_provider(self, order_id: str) -> None:
        """Wait until its parcel is at the provider."""
        await self._stands(order_id, lambda status: status is not ParcelStatus.PLANNED)

    async def _stands(self, order_id: str, true: Callable[[ParcelStatus], bool]) -> None:
        await self._seen(order_id, lambda view: bool(view.parcels) and true(view.parcels[0].status))

    async def _seen(self, order_id: str, true: Callable[[OrderView], bool]) -> OrderView:
        async with asyncio.timeout(120):
            while True:
                if true(view := await self.shop.orders.state(order_id)):
                    return view
                await asyncio.sleep(0.1)

    async def moved(self, order_ids: list[str], status: ParcelStatus) -> None:
        """Their provider says so."""
        for order_id in order_ids:
            self.shop.provider.advance(f"{order_id}-1-1", status)
            event = ParcelEvent(
                source="shipbob",
                source_id=f"{order_id}-{status}",
                parcel=1,
                generation=1,
                status=status,
                occurred_at=datetime.now(UTC),
                carrier="ups",
                tracking_number=f"1Z{order_id}",
            )
            await self.shop.orders.parcel_event(order_id, event)
        for order_id in order_ids:
            await self._stands(order_id, lambda seen: seen is status)

    async def answers(self, stop_id: str) -> dict[str, str]:
        """What became of each order."""
        told = (await self.api.get(f"{STOPS}/{stop_id}/orders?limit=1000")).json()
        return {each["order_id"]: each["answer"] for each in told["orders"]}


def by_stage(told: dict[str, Any]) -> dict[tuple[str, str], tuple[int, dict[str, int]]]:
    """Orders and money of each stage and treatment."""
    return {(each["stage"], each["treatment"]): (each["orders"], each["money"]) for each in told["counts"]["by_stage"]}


@pytest.fixture
async def office(shop: Shop) -> Office:
    """Nobody has ordered yet."""
    return Office(shop)


async def test_new_orders_are_refused_with_what_is_stopped_and_until_when(office: Office) -> None:
    """At once, waitlist or not; others pass; whoever repeats an accepted request hears its answer."""
    api, key = office.api, {"Idempotency-Key": "cart-1"}
    placed = await api.post("/v1/orders", california("before"), headers={**key, "Prefer": "wait=20"})
    assert placed.status_code == 201, placed.text
    until = datetime.now(UTC) + timedelta(hours=1)
    told = await office.stop(until=until.isoformat())
    refused = await api.post("/v1/orders", california("late"))
    assert refused.status_code == 409
    body = refused.json()
    assert (body["code"], body["stopped"], body["order_id"]) == ("stopped", {"region": "US-CA"}, "late")
    assert (datetime.fromisoformat(body["until"]), body["stop_id"]) == (until, told["stop_id"])
    assert "Location" not in refused.headers
    assert (await api.post("/v1/orders", california("line", waitlist=True))).json()["code"] == "stopped"
    assert (await api.post("/v1/orders", order_body(order_id="far"))).status_code == 202
    again = await api.post("/v1/orders", california("before"), headers=key)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert await api.services.journal.get("late") is None
    metrics = (await api.get("/metrics")).text
    assert 'ordersaga_checkouts_refused_total{reason="stopped"} 2.0' in metrics


async def test_each_order_is_treated_as_its_stage_says(office: Office) -> None:
    """The dry run says exactly what is done then; those elsewhere are left alone."""
    await office.filled(3)
    foreseen = await office.stop(dry_run=True)
    assert (foreseen["state"], {each["answer"] for each in foreseen["counts"]["by_answer"]}) == ("ended", {"foreseen"})
    assert (await office.api.post("/v1/orders", california("still"))).status_code == 202
    await office.api.post("/v1/orders/still/cancel", {"reason": "test"}, headers={"Prefer": "wait=20"})
    told = await office.stop()
    done = await office.looked(told["stop_id"])
    assert by_stage(done) == by_stage(foreseen)
    assert done["counts"]["by_seller"] == foreseen["counts"]["by_seller"]
    assert done["counts"]["total"]["orders"] == 15
    answers = await office.answers(told["stop_id"])
    assert {answers[f"confirmed_{n}"] for n in range(3)} == {"held"}
    assert {answers[f"provider_{n}"] for n in range(3)} == {"canceled"}
    assert {answers[f"picked_{n}"] for n in range(3)} == {"drained"}
    assert {answers[f"transit_{n}"] for n in range(3)} == {"too_late"}
    assert {answers[name] for name in ("action_0", "line_0", "fresh_0")} == {"canceled"}
    assert not [name for name in answers if name.endswith("far")]
    assert (await office.api.get("/metrics")).text.count("ordersaga_stop_orders{") >= 4


async def test_undone_its_holds_are_released_and_what_was_canceled_stays_so(office: Office) -> None:
    """The door is open at once; a held order has no hold any more."""
    await office.stocked(3)
    vase = [{"sku": "VASE", "quantity": 1, "unit_price": 1000}]
    await office._placed([california("held", seller="bolt", lines=vase), california("gone")])
    await office.confirmed("held")
    await office.at_provider("gone")
    stop_id = (await office.stop())["stop_id"]
    await office.looked(stop_id)
    assert list((await office.shop.orders.state("held")).holds) == [f"stop_{stop_id}"]
    foretold = await office.api.post(f"{STOPS}/{stop_id}/undo?dry_run=true", {"reason": "open again"})
    assert (foretold.status_code, foretold.json()["state"]) == (200, "in_force")
    assert foretold.json()["effect"][1:] == [
        "1 order that it holds is released; another stop or hold may keep it.",
        "1 order that was asked to be canceled stays so.",
    ]
    assert (await office.api.post("/v1/orders", california("yet"))).json()["code"] == "stopped"
    undone = await office.api.post(f"{STOPS}/{stop_id}/undo", {"reason": "open again", "by": "ann"})
    assert undone.status_code == 202
    assert undone.json()["message"] == "the door is open; 1 held order is released; 1 asked to be canceled stays so"
    again = await office.api.post(f"{STOPS}/{stop_id}/undo", {"reason": "open again"})
    assert (again.status_code, again.json()["message"]) == (202, "nothing was done: it was lifted before")
    assert again.json()["effect"] == ["It is lifted already: nothing changes."]
    assert (await office.api.post("/v1/orders", california("after"))).status_code == 202
    ended = await office.until(stop_id, lambda told: told["state"] == "ended")
    assert ended["lifted_by"] == "test operator:ann"
    assert await office.answers(stop_id) == {"held": "released", "gone": "canceled"}
    assert (await office.shop.orders.state("held")).holds == {}
    assert (await office.api.post(f"{STOPS}/{stop_id}/pause")).json()["code"] == "stop_over"


async def test_a_paused_stop_touches_nobody_while_its_door_stays_closed(office: Office) -> None:
    """It goes on when it is resumed, and every word is in the audit trail."""
    await office.stocked(3)
    later = datetime.now(UTC) + timedelta(hours=1)
    stop_id = (await office.stop(effective_at=later.isoformat()))["stop_id"]
    assert (await office.api.post("/v1/orders", california("just_before"))).status_code == 202
    foretold = (await office.api.post(f"{STOPS}/{stop_id}/pause?dry_run=true", {"reason": "wait"})).json()
    assert (foretold["state"], "No further order is touched" in foretold["effect"][0]) == ("planned", True)
    assert (await office.api.post(f"{STOPS}/{stop_id}/pause", {"reason": "wait"})).json()["state"] == "paused"
    again = (await office.api.post(f"{STOPS}/{stop_id}/pause?dry_run=true")).json()
    assert again["effect"] == ["It is paused already: nothing changes."]
    await office.begins(stop_id)
    assert (await office.api.post("/v1/orders", california("late"))).json()["code"] == "stopped"
    assert await office.answers(stop_id) == {}
    assert (await office.api.post(f"{STOPS}/{stop_id}/resume")).json()["state"] == "in_force"
    await office.looked(stop_id)
    assert list(await office.answers(stop_id)) == ["just_before"]
    trail = await office.api.services.audit_trail.trail(f"stop-{stop_id}")
    said = [str(fact.words[0]).split(":")[0] for fact in trail.facts]
    assert [words for words in said if words.startswith("test operator asked")] == [
        "test operator asked to stop region US-CA",
        "test operator asked to pause",
        "test operator asked to resume",
    ]


async def test_what_comes_to_match_later_is_caught(office: Office) -> None:
    """By a change that passed the door before it closed, for one: the stop looks again as long as it is in force."""
    await office.stocked(3)
    vase = [{"sku": "VASE", "quantity": 1, "unit_price": 1000}]
    far = order_body(order_id="moves", seller="bolt", lines=vase)
    await office._placed([far])
    stop_id = (await office.stop(look_every_minutes=1 / 60))["stop_id"]
    await office.looked(stop_id)
    assert await office.answers(stop_id) == {}
    moved = {"ship_to": CALIFORNIA, "reason": "moved"}
    assert (await office.api.post("/v1/orders/moves/address", moved)).json()["stop_id"] == stop_id
    on_its_way = AddressChange(by="ann", ship_to=Address.model_validate(CALIFORNIA), request_id="before")
    assert (await office.shop.orders.change("moves", on_its_way)).outcome in ("done", "pending")
    await office.until(stop_id, lambda told: told["counts"]["total"]["orders"] == 1)
    assert await office.answers(stop_id) == {"moves": "held"}


@pytest.fixture
async def away(database_url: str) -> AsyncIterator[Api]:
    """The API while Temporal is away."""
    async with open_services(settings_for(database_url)) as services:
        await services.catalog.load(catalog(*STOCK))
        async with serving(services) as api:
            yield api


async def test_a_workflow_that_could_not_be_started_leaves_the_door_closed(away: Api) -> None:
    """Temporal is away: a worker starts it later, and the answer says so."""
    answer = await away.post(STOPS, stop_body())
    assert answer.status_code == 202
    assert "started as soon as Temporal answers" in answer.json()["message"]
    assert (await away.post("/v1/orders", california("late"))).json()["code"] == "stopped"
    assert (await away.post(f"{STOPS}/{answer.json()['stop_id']}/undo")).status_code == 202
    assert (await away.post("/v1/orders", california("late"))).status_code == 202


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"match": {}}, "match"),
        ({"match": {"region": "california"}}, "match.region"),
        ({"policy": {"accepted": "burn"}}, "policy.accepted"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"reason": " "}, "reason"),
        ({"policy": {"delivered": "hold"}}, "policy.delivered"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(api: Api, changes: dict[str, Any], field: str) -> None:
    """And no door is closed."""
    answer = await api.post(STOPS, stop_body(**changes))
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert (await api.get(STOPS)).json()["stops"] == []


async def test_a_sellers_key_stops_its_own_only(shop: Shop) -> None:
    """Others' stops do not exist for it."""
    api = shop.api
    api.keys["bolt"] = await api.services.api_keys.issue("operator", "bolt", "bolt")
    assert (await api.post(STOPS, stop_body(), role="bolt")).json()["code"] == "seller_forbidden"
    mine = await api.post(STOPS, stop_body(match={"seller": "bolt"}), role="bolt")
    other = await api.post(STOPS, stop_body())
    listed = (await api.get(STOPS, role="bolt")).json()["stops"]
    assert [each["stop_id"] for each in listed] == [mine.json()["stop_id"]]
    assert (await api.get(f"{STOPS}/{other.json()['stop_id']}", role="bolt")).status_code == 404
    assert len((await api.get(f"{STOPS}?standing=true")).json()["stops"]) == 2


async def test_gauges_tell_how_stops_stand(shop: Shop) -> None:
    """How many keep orders out, and what became of the orders."""
    api = shop.api
    await api.post(STOPS, stop_body())
    families = {each.name: each for each in text_string_to_metric_families((await api.get("/metrics")).text)}
    assert [sample.value for sample in families["ordersaga_stops_standing"].samples] == [1.0]


async def test_a_stops_question_is_answered_where_no_saga_knows_it(api: Api) -> None:
    """In the journal: a running saga would refuse the answer."""
    await api.post("/v1/orders", california("hard"))
    question = AttentionItem(
        item_id="hard-stop-s1",
        order_id="hard",
        parcel=0,
        kind=STOP_FAILED,
        question="Stop s1 could not hold this order.",
        choices=("noted",),
        opened_at=datetime.now(UTC),
    )
    await api.services.stops.ask(question)
    answered = await api.post("/v1/attention/hard-stop-s1/resolve", {"choice": "noted", "reason": "called them"})
    assert answered.status_code == 200, answered.text
    assert (await api.get("/v1/attention")).json()["items"] == []
