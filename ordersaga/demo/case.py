"""One order on its way through the demo: placed, acted upon, and what came as a surprise."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ordersaga.api.shapes import Arrival
from ordersaga.demo.board import Board
from ordersaga.demo.companies import PATIENCE, Company, DemoError, patiently
from ordersaga.demo.orders_file import DemoOrder
from ordersaga.demo.outside import Label
from ordersaga.demo.records import CARRIERS, labels_of
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus, ParcelStatus
from ordersaga.http_client import ApiClient, ApiError, ApiUnreachableError, ChangeName, Units

ANSWER_SECONDS: Final = 15
STEP_SECONDS: Final = 75.0
LOOK_EVERY: Final = 0.3
HOLD: Final = "fraud_review"

T = TypeVar("T")


@dataclass
class World:
    """Everyone a case may talk to. `network`: further companies, where the stack emulates them.

    `waits_at_home`: orders whose parcels the seller leaves unpacked for now. `slowness`: how many times longer than
    usual anything may take.
    """

    checkout: ApiClient
    support: ApiClient
    operator: ApiClient
    stripe: Company
    shipbob: Company
    easypost: Company
    board: Board
    network: Mapping[str, Company] = field(default_factory=dict)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    waits_at_home: set[str] = field(default_factory=set)
    slowness: float = 1.0

    @property
    def companies(self) -> dict[str, Company]:
        """Every outside company by its name."""
        return {"stripe": self.stripe, "shipbob": self.shipbob, "easypost": self.easypost, **self.network}

    @property
    def carriers(self) -> list[Company]:
        """Those who sell labels."""
        return [company for name, company in self.companies.items() if name in CARRIERS]


@dataclass
class Case:
    """An order and what happened to it. `settled`: it has the checkout's answer, or never will have one.

    `answer`: an outcome, `pending`, or the code of a refusal; None: there was none. `surprises` are answers other than
    the scenario says.
    """

    order: DemoOrder
    world: World
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    surprises: list[str] = field(default_factory=list)
    answer: str | None = None

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
            self.answer = await self._place(wait)
        self.settled.set()
        self.expect("the checkout's answer", self.answer, *wanted, "pending")

    async def _place(self, wait: int | None) -> str:
        key = f"demo-{self.order_id}"
        try:
            placed = await self.patiently(
                lambda: self.world.checkout.place(self.order.body, wait=wait, idempotency_key=key)
            )
        except ApiError as error:
            return error.code
        outcome = placed.order.outcome
        return outcome.value if outcome else "pending"

    async def cancel(self, *wanted: str, units: Units = ()) -> None:
        """Cancel as support does, all or some units, and ask again under the same key while the answer is `pending`."""
        call, key = self.world.support.cancel, f"demo-{self.order_id}-cancel"
        said: dict[str, Any] = {"reason": "the demo's shopper", "wait": ANSWER_SECONDS, "idempotency_key": key}

        async def ask() -> str | None:
            answer = await self.patiently(lambda: call(self.order_id, lines=units, **said))
            return None if answer.outcome == "pending" else answer.outcome

        self.expect("the answer to the cancellation", await self.eventually(ask, "an answer to cancel"), *wanted)

    async def change(self, what: ChangeName, **body: Any) -> None:
        """Ask for a change as support does, again under the same key until it is done; a refusal is told at the end."""
        call, key = self.world.support.change, f"demo-{self.order_id}-{what}"
        asked = {"reason": "the demo's shopper", **body}

        async def ask() -> bool:
            with contextlib.suppress(ApiError):  # 409 until the money is taken, or while the stack comes up again
                answer = await self.patiently(
                    lambda: call(self.order_id, what, asked, wait=ANSWER_SECONDS, idempotency_key=key)
                )
                return answer.outcome == "done"
            return False

        await self.eventually(ask, f"the change ({what})")

    async def plans(self) -> list[ParcelPlan]:
        """The order's parcels as its saga sees them."""

        async def look() -> list[ParcelPlan]:
            live = (await self.patiently(lambda: self.world.support.order(self.order_id, live=True))).live
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
        await self.patiently(lambda: self.world.support.hold(self.order_id, HOLD, reason="a look at the address"))

    async def release_hold(self) -> None:
        """Release it; that is done, too, where an attempt that nobody answered in time has done it."""
        tried = False

        async def release() -> None:
            nonlocal tried
            try:
                await self.world.support.release(self.order_id, HOLD, reason="looks fine")
            except (ApiError, ApiUnreachableError) as error:
                if not (tried and isinstance(error, ApiError) and error.code == "refused"):
                    tried = True
                    raise

        await self.patiently(release)

    async def become(self, *statuses: OrderStatus) -> None:
        """Wait for a status; an order that ended before comes as a surprise."""
        within = STEP_SECONDS * self.world.slowness
        found = await self.world.board.until(self.order_id, {*statuses, *FINAL_STATUSES}, within)
        self.expect("the status on the way", found.status, *statuses)

    async def at_shipbob(self, stage: str) -> None:
        """Wait until every parcel of the order at ShipBob is in a stage (in which its script keeps it)."""
        await self.at_provider("shipbob", stage)

    async def at_provider(self, name: str, stage: str) -> None:
        """Wait until every parcel of the order at a provider is in a stage (in which its script keeps it)."""
        provider = self.world.companies[name]

        async def look() -> bool:
            orders = (await provider.records(self.order_id, "orders")).get("orders", [])
            stages = [shipment["stage"] for order in orders for shipment in order["shipments"]]
            return bool(stages) and set(stages) == {stage}

        await self.eventually(look, f"{stage} at {name}")

    async def go_on_at_shipbob(self) -> None:
        """Let ShipBob work on what its script stopped."""
        await self.go_on_at("shipbob")

    async def go_on_at(self, name: str, match: str = "") -> None:
        """Let a company work on what its script stopped. `match`: what the order is called there; ours otherwise."""
        await self.world.companies[name].tell("release", match=match or self.order_id)

    async def first_leaves_shipbob(self) -> None:
        """Let ShipBob work on the first parcel alone, until the carrier has scanned it."""
        first = f"{self.order_id}-1-1"
        await self.world.shipbob.tell("scripts", match=first, stop_at="InTransit")
        await self.world.shipbob.tell("release", match=first)
        await self.become(OrderStatus.PARTIALLY_SHIPPED)

    async def labeled(self, *accounts: str) -> None:
        """Wait until a label was bought for the order; bought at another account than these comes as a surprise."""

        async def look() -> list[Label]:
            return [label for carrier in self.world.carriers for label in await labels_at(carrier, self.order_id)]

        labels: list[Label] = await self.eventually(look, "a label")
        if accounts:
            self.expect("where its label was bought", labels[-1].account, *accounts)

    async def arrived_from(self, provider: str) -> None:
        """Tell, as support does, that the shopper has what a provider sent: nobody else would."""

        async def tell() -> bool:
            live = (await self.patiently(lambda: self.world.support.order(self.order_id, live=True))).live
            parcels = [parcel for parcel in live.parcels if parcel.plan.provider == provider] if live else []
            for parcel in parcels:
                if parcel.status is ParcelStatus.IN_TRANSIT:
                    await self._tell_arrival(parcel.plan.parcel)
            return bool(parcels) and all(parcel.status is ParcelStatus.DELIVERED for parcel in parcels)

        await self.eventually(tell, "its arrival")

    async def _tell_arrival(self, parcel: int) -> None:
        path, body = f"/v1/orders/{self.order_id}/arrivals", {"parcel": parcel, "reason": "the demo's shopper has it"}
        with contextlib.suppress(ApiError):  # while the stack comes up again
            await self.patiently(lambda: self.world.support.call("POST", path, Arrival, json=body))

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

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a harmless call while the other side is down."""
        return await patiently(call, PATIENCE * self.world.slowness)

    async def eventually(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Look until there is something. Raises DemoError when nothing came."""
        within = STEP_SECONDS * self.world.slowness
        deadline = asyncio.get_running_loop().time() + within
        while not (found := await look()):
            if asyncio.get_running_loop().time() > deadline:
                raise DemoError(f"{self.order_id}: {what} did not come within {within:.0f} s")
            await asyncio.sleep(LOOK_EVERY)
        return found


async def labels_at(carrier: Company, match: str) -> list[Label]:
    """The labels of ours with this text in their reference that a carrier account sold and has not taken back."""
    labels = labels_of(carrier.name, await carrier.records(match, "shipments"))
    return [label for label in labels if not label.voided]
