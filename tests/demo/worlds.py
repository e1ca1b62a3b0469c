"""A small finished world in which our ledgers and the companies agree, to plant differences into."""

from dataclasses import replace
from typing import Any

from ordersaga.demo.audit import Evidence
from ordersaga.demo.outside import Label, Outside, Payment, ProviderParcel
from ordersaga.domain.books import Account
from ordersaga.domain.identifiers import ParcelReference
from ordersaga.domain.ledgers import AccountBalance, EffectEntry, Ledgers, OrderLedger, Shelf, ShippedUnits
from ordersaga.domain.orders import OrderLine, ParcelPlan
from ordersaga.domain.statuses import OrderStatus

AMOUNT = 1500
RECEIVED = {("reno-1", "SOCK"): 10, ("shop-1", "FERN"): 10}
SHIPBOB, HOME = ("reno-1", "shipbob", "SOCK"), ("shop-1", "seller_warehouse", "FERN")


def world() -> Evidence:
    """Five orders: shipped by ShipBob, shipped by the seller, canceled, written off, returned."""
    orders = (
        order("shipped", OrderStatus.COMPLETED, SHIPBOB),
        order("home", OrderStatus.COMPLETED, HOME),
        order("undone", OrderStatus.CANCELED, SHIPBOB),
        order("forgiven", OrderStatus.COMPLETED, SHIPBOB),
        order("back", OrderStatus.RETURNED, HOME),
    )
    ours = Ledgers(
        orders=orders,
        money=(money("shipped", Account.CASH), money("home", Account.CASH), money("forgiven", Account.WRITE_OFF)),
        effects=(
            *(effect(each.order_id, "authorize") for each in orders),
            *(effect(name, "hand_off") for name in ("shipped", "forgiven", "undone")),
        ),
        shipped=(left("shipped", SHIPBOB), left("home", HOME), left("forgiven", SHIPBOB), left("back", HOME)),
        shelves=(Shelf("reno-1", "SOCK", 6, 0), Shelf("shop-1", "FERN", 6, 0)),
    )
    theirs = Outside(
        payments=(
            payment("shipped", "succeeded", captured=AMOUNT),
            payment("home", "succeeded", captured=AMOUNT),
            payment("undone", "canceled"),
            payment("forgiven", "canceled"),
            payment("back", "succeeded", captured=AMOUNT, refunds=(("back/refund/1/1", AMOUNT),)),
        ),
        provider_parcels=(handed("shipped"), handed("forgiven"), handed("undone", live=False, units={})),
        labels=(label("home"), label("back", kept=False)),
    )
    return Evidence([each.order_id for each in orders], RECEIVED, ours, theirs)


def order(order_id: str, status: OrderStatus, place: tuple[str, str, str]) -> OrderLedger:
    """An order of two units in one parcel."""
    location, provider, sku = place
    line = OrderLine(sku=sku, quantity=2, unit_price=AMOUNT // 2)
    plan = ParcelPlan(parcel=1, location=location, provider=provider, lines=(line,), amount=AMOUNT)
    return OrderLedger(order_id, status, "confirmed", None, (plan,))


def money(order_id: str, account: Account, amount: int = AMOUNT) -> AccountBalance:
    """An account's balance."""
    return AccountBalance(order_id, 1, account, amount)


def effect(order_id: str, step: str, status: str = "done") -> EffectEntry:
    """A call we made; a payment is known by the order's name."""
    external_id = f"pi_{order_id}" if step == "authorize" else f"sb_{order_id}"
    return EffectEntry(f"{order_id}/{step}/1/1", order_id, step, 1, status, external_id)


def left(order_id: str, place: tuple[str, str, str]) -> ShippedUnits:
    """Units our books say left."""
    return ShippedUnits(order_id, 1, place[0], place[2], 2)


def payment(order_id: str, status: str, **more: Any) -> Payment:
    """A payment at Stripe."""
    return Payment(f"pi_{order_id}", order_id, 1, f"{order_id}/authorize/1/1", status, AMOUNT, **more)


def handed(order_id: str, *, live: bool = True, units: dict[str, int] | None = None) -> ProviderParcel:
    """An order at ShipBob whose two units left, unless told otherwise."""
    return ProviderParcel(ParcelReference(order_id, 1, 1), live, {"SOCK": 2} if units is None else units)


def label(order_id: str, **more: Any) -> Label:
    """A label at EasyPost, scanned unless told otherwise."""
    return Label(ParcelReference(order_id, 1, 1), **{"scanned": True, **more})


def with_ours(evidence: Evidence, **changes: Any) -> Evidence:
    """The same world with other ledgers."""
    return replace(evidence, ours=replace(evidence.ours, **changes))


def with_theirs(evidence: Evidence, **changes: Any) -> Evidence:
    """The same world with other facts."""
    return replace(evidence, theirs=replace(evidence.theirs, **changes))
