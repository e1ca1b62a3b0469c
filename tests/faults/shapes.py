"""The seven orders of the matrix: what is bought, and what the companies and the people then do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga.api.return_shapes import ReturnDocument
from ordersaga.demo import acts
from ordersaga.demo.case import Case
from ordersaga.demo.companies import DemoError
from ordersaga.domain.returns import FINAL_RETURNS, ReturnStatus
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.http_client import ApiError
from tests.support.api import order_body

SELLER: Final = "fault-shop"
PREPAID: Final = "prepaid-shop"
"""Captures at confirmation."""

UNITS: Final = 2
PRICE: Final = 1500

_HEADER: Final = (
    "kind,seller,name,capture,location,provider,sku,title,weight_grams,quantity,receipt_id,"
    "line1,city,region,postal_code,country,phone"
)
_PLACES: Final = (
    f"seller,{SELLER},Fault Shop,,,,,,,,,,,,,,",
    f"seller,{PREPAID},Prepaid Shop,at_confirmation,,,,,,,,,,,,,",
    "location,,ShipBob Reno,,reno-1,shipbob,,,,,,100 Depot Rd,Reno,NV,89501,US,+15035550100",
    "location,,ShipBob Allentown,,allentown-1,shipbob,,,,,,8 Mill Rd,Allentown,PA,18101,US,+15035550100",
    "location,,Fault Shop Studio,,portland-shop,seller_warehouse,,,,,,2115 SE Division St,Portland,OR,97202,US,"
    "+15035550100",
)


class OutlivedError(DemoError):
    """The order ended before this step: a fault has taken it another way."""


@dataclass
class Order(Case):
    """A demo case that knows when its order has ended early. `came_back`: whether the shopper's goods arrived again."""

    returns: bool = False
    came_back: bool = False

    async def eventually(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Look until there is something, or there never will be."""

        async def look_or_end() -> Any:
            found = await look()
            if not found and self._ended_early():
                raise OutlivedError(f"{self.order_id} ended before {what} came")
            return found

        return await super().eventually(look_or_end, what)

    def _ended_early(self) -> bool:
        found = self.world.board.orders.get(self.order_id)
        goes_on = {OrderStatus.COMPLETED} if self.returns else set()
        return found is not None and found.status in FINAL_STATUSES - goes_on


Act = Callable[[Order], Awaitable[None]]


@dataclass(frozen=True)
class Shape:
    """One order. `shelves`: where each of its SKUs lies, by the SKU's last letter; `stop_at`: where ShipBob waits."""

    name: str
    act: Act
    ends: OrderStatus
    shelves: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"a": ("reno-1",)})
    seller: str = SELLER
    card: str = "pm_card_visa"
    stop_at: str | None = None
    returns: bool = False

    def skus(self, order_id: str) -> list[str]:
        """SKUs that belong to this one order, so that a shelf's difference names the order."""
        return [f"{order_id}-{letter}" for letter in self.shelves]

    def body(self, order_id: str) -> dict[str, Any]:
        """The order as a checkout sends it."""
        lines = [{"sku": sku, "quantity": UNITS, "unit_price": PRICE} for sku in self.skus(order_id)]
        payment = {"payment_method": self.card}
        return order_body(order_id=order_id, seller=self.seller, lines=lines, payment=payment)

    def catalog_rows(self, order_id: str) -> list[str]:
        """Its products and their stock, as rows of a catalog file."""
        rows: list[str] = []
        for letter, locations in self.shelves.items():
            sku = f"{order_id}-{letter}"
            rows.append(f"product,{self.seller},,,,,{sku},Fault {sku},200,,,,,,,,")
            rows += [f"stock,,,,{place},,{sku},,,{UNITS},{sku}-{place},,,,,," for place in locations]
        return rows


def catalog_of(orders: Mapping[str, Shape]) -> bytes:
    """The catalog file of these orders."""
    rows = [row for order_id, shape in orders.items() for row in shape.catalog_rows(order_id)]
    return "\n".join([_HEADER, *_PLACES, *rows, ""]).encode()


async def cancel_everything(case: Order) -> None:
    """Cancel when ShipBob has accepted one parcel and the seller has a label for the other."""
    case.world.waits_at_home.add(case.order_id)
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    await case.labeled()
    await case.cancel("canceled")


async def send_back(case: Order) -> None:
    """Return everything once it is delivered: label, way back, inspection, refund.

    A shopper who keeps the goods after all sends nothing; one without a label sends them by a carrier of their own.
    What is sent with a label that was voided meanwhile, as its return was given up, comes back to the shopper.
    """
    await case.place("confirmed")
    await case.become(OrderStatus.COMPLETED)
    support, name = case.world.support, f"{case.order_id}-r1"
    lines = [{"sku": line["sku"], "quantity": line["quantity"]} for line in case.order.body["lines"]]
    wish = {"lines": lines, "reason": "wrong_item"}
    await case.eventually(lambda: _asked(case, wish), "a return")
    document: ReturnDocument = await case.eventually(lambda: _labeled_or_told(case), "a label for the way back")
    if document.status in FINAL_RETURNS:
        return
    if document.label_url:
        await case.world.easypost.tell("advance", match=name, to="in_transit")
        document = await case.eventually(lambda: _known_to_travel(case), "the goods on their way")
        if document.status in FINAL_RETURNS:
            return
        await case.world.easypost.tell("advance", match=name, to="delivered")
    case.came_back = True
    found = {"lines": [{"sku": line["sku"], "sellable": line["quantity"]} for line in lines]}
    await case.eventually(lambda: _done(support.receive_return(name, found)), "the inspection")


async def _asked(case: Order, wish: Mapping[str, Any]) -> bool:
    request = case.world.support.request_return(case.order_id, wish, idempotency_key=f"{case.order_id}-back")
    return await _done(request)


async def _labeled_or_told(case: Order) -> ReturnDocument | None:
    document = await case.world.support.show_return(f"{case.order_id}-r1")
    known = document.label_url or document.instructions or document.status in FINAL_RETURNS
    return document if known else None


async def _known_to_travel(case: Order) -> ReturnDocument | None:
    document = await case.world.support.show_return(f"{case.order_id}-r1")
    return None if document.status in (ReturnStatus.REQUESTED, ReturnStatus.AWAITING_GOODS) else document


async def _done(request: Awaitable[object]) -> bool:
    """Whether it was taken; while parts are down it is not, and one that is refused for good never will be."""
    try:
        await request
    except ApiError as error:
        if error.status < 500 and error.code != "order_not_completed":
            raise
        return False
    return True


SHAPES: Final[dict[str, Shape]] = {
    shape.name: shape
    for shape in (
        Shape("one_parcel", acts.just_place, OrderStatus.COMPLETED),
        Shape("split", acts.just_place, OrderStatus.COMPLETED, {"a": ("reno-1",), "b": ("portland-shop",)}),
        Shape("challenge", acts.complete_challenge, OrderStatus.COMPLETED, card="pm_card_threeDSecure2Required"),
        Shape("capture_first", acts.give_goodwill, OrderStatus.COMPLETED, seller=PREPAID, stop_at="InTransit"),
        Shape(
            "canceled",
            cancel_everything,
            OrderStatus.CANCELED,
            {"a": ("reno-1",), "b": ("portland-shop",)},
            stop_at="Processing",
        ),
        Shape("returned", send_back, OrderStatus.RETURNED, returns=True),
        Shape(
            "rerouted",
            acts.move_parcel,
            OrderStatus.COMPLETED,
            {"a": ("reno-1", "allentown-1")},
            stop_at="Processing",
        ),
    )
}
