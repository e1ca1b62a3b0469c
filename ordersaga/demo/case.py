"""One order on its way through the demo: placed, acted upon, and what came as a surprise."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga.demo.board import Board
from ordersaga.demo.companies import Company, DemoError, patiently
from ordersaga.demo.orders_file import DemoOrder
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.http_client import ApiClient, ApiError, ChangeName, Units

ANSWER_SECONDS: Final = 15
STEP_SECONDS: Final = 75.0
LOOK_EVERY: Final = 0.3
HOLD: Final = "fraud_review"


@dataclass
class World:
    """Everyone a case may talk to. `waits_at_home`: orders whose parcels the seller leaves unpacked for now."""

    checkout: ApiClient
    support: ApiClient
    operator: ApiClient
    stripe: Company
    shipbob: Company
    easypost: Company
    board: Board
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    waits_at_home: set[str] = field(default_factory=set)


@dataclass
class Case:
    """An order and what happened to it. `settled`: it has the checkout's answer, or never will have one.

    `surprises` are answers other than the scenario says.
    """

    order: DemoOrder
    world: World
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    surprises: list[str] = field(default_factory=list)

    @property
    def order_id(self) -> str:
        return self.order.order_id

    def expect(self, what: str, found: object, *wanted: object) -> None:
        """Note a surprise unless what was found is one of what was wanted."""
        if found not in wanted:
            self.surprises.append(f"{what} is {found}, not {' or '.join(map(str, wanted))}")

    async def place(self, *wanted: str, wait: int | None = ANSWER_SECONDS) -> None:
        """Place the order as a checkout does; repeated under its key when no answer comes.

        `wanted`: answers the scenario allows; `pending` (202) is allowed while parts are being killed.
        """
        async with self.world.places:
            answer = await self._place(wait)
        self.settled.set()
        self.expect("the checkout's answer", answer, *wanted, "pending")

    async def _place(self, wait: int | None) -> str:
        key = f"demo-{self.order_id}"
        try:
            placed = await patiently(lambda: self.world.checkout.place(self.order.body, wait=wait, idempotency_key=key))
        except ApiError as error:
            return error.code
        outcome = placed.order.outcome
        return outcome.value if outcome else "pending"

    async def cancel(self, *wanted: str, units: Units = ()) -> None:
        """Cancel as support does, all or some units, and ask again under the same key while the answer is `pending`."""
        call, key = self.world.support.cancel, f"demo-{self.order_id}-cancel"
        said: dict[str, Any] = {"reason": "the demo's shopper", "wait": ANSWER_SECONDS, "idempotency_key": key}

        async def ask() -> str | None:
            answer = await patiently(lambda: call(self.order_id, lines=units, **said))
            return None if answer.outcome == "pending" else answer.outcome

        self.expect("the answer to the cancellation", await self.eventually(ask, "an answer to cancel"), *wanted)

    async def change(self, what: ChangeName, **body: Any) -> None:
        """Ask for a change as support does, again under the same key until it is done; a refusal is told at the end."""
        call, key = self.world.support.change, f"demo-{self.order_id}-{what}"
        asked = {"reason": "the demo's shopper", **body}

        async def ask() -> bool:
            with contextlib.suppress(ApiError):  # 409 until the money is taken, or while the stack comes up again
                answer = await patiently(
                    lambda: call(self.order_id, what, asked, wait=ANSWER_SECONDS, idempotency_key=key)
                )
                return answer.outcome == "done"
            return False

        await self.eventually(ask, f"the change ({what})")

    async def plans(self) -> list[ParcelPlan]:
        """The order's parcels as its saga sees them."""

        async def look() -> list[ParcelPlan]:
            live = (await patiently(lambda: self.world.support.order(self.order_id, live=True))).live
            return [parcel.plan for parcel in live.parcels] if live else []

        found: list[ParcelPlan] = await self.eventually(look, "its parcels")
        return found

    async def authenticate(self, result: str) -> None:
        """Answer the bank's question for the shopper."""
        await self.eventually(
            lambda: self.world.stripe.tell("authenticate", match=self.order_id, result=result), "a 3-D Secure challenge"
        )

    async def hold(self) -> None:
        """Place a typed hold."""
        await patiently(lambda: self.world.support.hold(self.order_id, HOLD, reason="a look at the address"))

    async def release_hold(self) -> None:
        """Release it."""
        await patiently(lambda: self.world.support.release(self.order_id, HOLD, reason="looks fine"))

    async def become(self, *statuses: OrderStatus) -> None:
        """Wait for a status; an order that ended before comes as a surprise."""
        found = await self.world.board.until(self.order_id, {*statuses, *FINAL_STATUSES}, STEP_SECONDS)
        self.expect("the status on the way", found.status, *statuses)

    async def at_shipbob(self, stage: str) -> None:
        """Wait until every parcel of the order at ShipBob is in a stage (in which its script keeps it)."""

        async def look() -> bool:
            orders = (await self.world.shipbob.records(self.order_id, "orders")).get("orders", [])
            stages = [shipment["stage"] for order in orders for shipment in order["shipments"]]
            return bool(stages) and set(stages) == {stage}

        await self.eventually(look, f"{stage} at ShipBob")

    async def go_on_at_shipbob(self) -> None:
        """Let ShipBob work on what its script stopped."""
        await self.world.shipbob.tell("release", match=self.order_id)

    async def first_leaves_shipbob(self) -> None:
        """Let ShipBob work on the first parcel alone, until the carrier has scanned it."""
        first = f"{self.order_id}-1-1"
        await self.world.shipbob.tell("scripts", match=first, stop_at="InTransit")
        await self.world.shipbob.tell("release", match=first)
        await self.become(OrderStatus.PARTIALLY_SHIPPED)

    async def labeled(self) -> None:
        """Wait until a label was bought for the order."""

        async def look() -> bool:
            found = await self.world.easypost.records(self.order_id, "shipments")
            return any(shipment["postage_label"] for shipment in found.get("shipments", []))

        await self.eventually(look, "a label")

    async def struck(self) -> None:
        """Wait until Stripe is busy with the order's fault."""

        async def look() -> bool:
            return any(
                fault["match"] == self.order_id and fault["applied"] for fault in await self.world.stripe.faults()
            )

        await self.eventually(look, "the fault at Stripe")

    async def payment_ids(self) -> list[str]:
        """The order's authorizations at Stripe that wait for their capture."""
        found = await self.world.stripe.records(self.order_id, "payment_intent")
        return [each["id"] for each in found.get("payment_intent", []) if each["status"] == "requires_capture"]

    async def eventually(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Look until there is something. Raises DemoError when nothing came."""
        deadline = asyncio.get_running_loop().time() + STEP_SECONDS
        while not (found := await look()):
            if asyncio.get_running_loop().time() > deadline:
                raise DemoError(f"{self.order_id}: {what} did not come")
            await asyncio.sleep(LOOK_EVERY)
        return found
