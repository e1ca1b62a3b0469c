"""Units taken out of a parcel: because somebody canceled them, or because its provider did."""

from collections import Counter
from functools import partial

from temporalio import workflow

from ordersaga.domain.orders import LineQuantity, ParcelPlan
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import StepFailedError
from workflows.change import Change, ChangeRefusedError
from workflows.desk import REMIND_EVERY, Desk, Stake
from workflows.marketplace import canceled_there
from workflows.order_state import ParcelState
from workflows.stock_plan import replanned


async def take_out(desk: Desk, change: Change, parcel: ParcelState) -> None:
    """The parcel leaves without these units: first the stock, then what they cost is not taken, or goes back."""
    smaller = _without(desk, parcel, change)
    if not smaller.lines:
        _cancel_whole(change, parcel)
    if not await replanned(desk, f"Release units of parcel {parcel.plan.parcel}", smaller):
        raise ChangeRefusedError("the stock could not be planned anew; try again, or cancel the whole parcel")
    by, parcel.plan, change.planned = parcel.plan.amount - smaller.amount, smaller, True
    await canceled_there(desk, "provider_canceled" if change.by_provider else "canceled", parcel, change.removes)
    change.voided, change.refunded = await desk.siblings.reduce(parcel.plan.parcel, by)
    desk.note("units_canceled", f"{change.what}: {desk.money(by)} less", parcel.plan.parcel)


def _without(desk: Desk, parcel: ParcelState, change: Change) -> ParcelPlan:
    """A marketplace gives back what the units cost, and keeps what was paid for shipping the rest."""
    smaller = parcel.plan.without(change.removes)
    if desk.state.order.sold_at is None or not smaller.lines:
        return smaller
    goods = sum(line.value for line in parcel.plan.lines) - sum(line.value for line in smaller.lines)
    return smaller.model_copy(update={"amount": max(parcel.plan.amount - goods, 0)})


def _cancel_whole(change: Change, parcel: ParcelState) -> None:
    """The rest left in a parcel of its own meanwhile: what is to be taken out is all there is."""
    change.superseded = True
    parcel.stop = parcel.stop or StepFailedError("customer", "canceled", change.what)
    raise ChangeRefusedError("nothing else is left in the parcel; it is canceled as a whole")


def provider_took_out(desk: Desk, parcel: ParcelState, event: ParcelEvent) -> None:
    """The provider canceled some of a parcel's shipments: what is in them is not sold, and not paid for."""
    new = Counter({line.sku: line.quantity for line in event.canceled_lines}) - parcel.missing
    taken = taken_from(parcel, new)
    all_of_it = not parcel.planned_without().without(taken).lines  # then its status says so, and it is undone
    if not taken or all_of_it or parcel.undone:
        return
    what = "the provider canceled " + ", ".join(f"{line.quantity} {line.sku}" for line in taken)
    change = removal("provider", parcel, what, taken)
    change.takes_back, change.by_provider, change.may_be_sent = False, True, desk.state.short_picks
    change.make = partial(_sent_or_taken_out, desk, change, parcel)
    parcel.changes.append(change)
    parcel.missing.update({line.sku: line.quantity for line in taken})
    if parcel.scanned_at is not None:
        change.refuse("the parcel was charged as a whole by then")
        desk.errand(_ask_about_less(desk, parcel, taken))


async def _sent_or_taken_out(desk: Desk, change: Change, parcel: ParcelState) -> None:
    if not await desk.siblings.goes_elsewhere(parcel.plan.parcel, change):
        change.may_be_sent = False
        await take_out(desk, change, parcel)


async def _ask_about_less(desk: Desk, parcel: ParcelState, missing: tuple[LineQuantity, ...]) -> None:
    """Heard only after the parcel was charged as a whole: a person sees whether the shopper got less.

    Asked once the charge is decided: nothing can be given back before.
    """
    while not _charge_decided(parcel):
        again = workflow.now() + REMIND_EVERY
        await desk.until(lambda: _charge_decided(parcel), again, f"the charge for parcel {parcel.plan.parcel}")
    number, share = parcel.plan.parcel, parcel.plan.amount - parcel.plan.without(missing).amount
    units = ", ".join(f"{line.quantity} {line.sku}" for line in missing)
    question = (
        f"The provider says it never sent {units} of parcel {number}, which was charged. Give {desk.money(share)} back?"
    )
    stake = Stake(share, ("refund",))
    choice = await desk.park("partly_canceled", question, ("refund", "keep"), number, stake=stake)
    if choice == "refund" and parcel.captured - parcel.refunded >= share:
        await desk.siblings.goodwill(number, share)


def _charge_decided(parcel: ParcelState) -> bool:
    paid = parcel.captured > 0 or parcel.written_off > 0
    return paid or not parcel.plan.amount or parcel.status in (ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER)


def taken_from(parcel: ParcelState, wanted: Counter[str]) -> tuple[LineQuantity, ...]:
    """Which of these units are in the parcel, not counting what others asked for."""
    there = {line.sku: line.quantity for line in parcel.staying().lines}
    amounts = ((sku, min(quantity, there.get(sku, 0))) for sku, quantity in sorted(wanted.items()))
    return tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in amounts if quantity)


def removal(why: str, parcel: ParcelState, what: str, taken: tuple[LineQuantity, ...]) -> Change:
    """The change that takes these units out of a parcel, and what they cost."""
    left = parcel.planned_without()
    worth = left.amount - left.without(taken).amount
    return Change(f"{why}-{len(parcel.changes) + 1}", what, nothing, removes=taken, worth=worth)


async def nothing() -> None:
    """A change that is only looked at."""
