"""What providers and carriers say about a parcel, told to us or asked for, passes the status lattice here."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

from activities.carriers import Carriers, LookAtLabel
from activities.providers import LookAtParcel, Providers
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.lattices import Verdict, goods_left, judge
from ordersaga.domain.shipping import ParcelEvent, ParcelReport
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import NOT_HANDED_OUT, StepFailedError, on_lane
from workflows.desk import Desk
from workflows.messages import carrier_queue, provider_queue
from workflows.order_state import ParcelState
from workflows.removals import provider_took_out

Ask = Callable[[Desk, ParcelState], Awaitable[ParcelReport | None]]
LOOK_PATIENCE = timedelta(minutes=10)
"""How long a company is asked where a parcel is before that counts as silence."""


def hear(desk: Desk, parcel: ParcelState, event: ParcelEvent) -> bool:
    """Apply a report, ignore it as older, or note it as a conflict; True: the goods left although they were undone."""
    verdict = judge(ParcelStatus.CANCELED if parcel.undone else parcel.status, event.status, event.source)
    said = f"{event.source}: {event.status}" + (f" ({event.detail})" if event.detail else "")
    parcel.partial = parcel.partial or (event.partial and not event.canceled_lines)
    if event.canceled_lines:
        provider_took_out(desk, parcel, event)
    if verdict is Verdict.APPLIED:
        _apply(desk, parcel, event, said)
    elif verdict is Verdict.OLDER:
        _again(desk, parcel, event, said)
    else:
        desk.note("conflict", f"{said}, which contradicts {parcel.view().status}", event.parcel)
        return _left_after_all(parcel, event)
    return False


def _apply(desk: Desk, parcel: ParcelState, event: ParcelEvent, said: str) -> None:
    parcel.status, parcel.problem = event.status, event.detail
    parcel.carrier = event.carrier or parcel.carrier
    parcel.tracking_number = event.tracking_number or parcel.tracking_number
    if goods_left(event.status) and parcel.left_at is None:
        parcel.left_at = workflow.now()
    desk.note(event.status.value, said, event.parcel)


def _again(desk: Desk, parcel: ParcelState, event: ParcelEvent, said: str) -> None:
    """No step forward, but perhaps a new word about where it stands: on hold, part of it canceled."""
    if event.status is parcel.status and event.detail not in (None, parcel.problem):
        parcel.problem = event.detail
        desk.note("notice", said, event.parcel)


def _left_after_all(parcel: ParcelState, event: ParcelEvent) -> bool:
    """The undo under way looks at the status at its end; one that has ended must be told."""
    if not ((parcel.undone or parcel.undoing) and goods_left(event.status)):
        return False
    parcel.status = event.status
    return not parcel.undoing


async def look_at(desk: Desk, parcel: ParcelState) -> bool:
    """Ask the company that has the parcel where it is, as if it had told us; False: it was asked and did not say."""
    if parcel.books_carrier is False:
        return await _look(desk, parcel, _carrier_says)
    return await look_at_provider(desk, parcel)


async def look_at_provider(desk: Desk, parcel: ParcelState) -> bool:
    """The same of its provider alone, whoever carries it."""
    return await _look(desk, parcel, _provider_says)


async def _look(desk: Desk, parcel: ParcelState, ask: Ask) -> bool:
    try:
        report = await ask(desk, parcel)
    except StepFailedError as failure:
        if failure.code == NOT_HANDED_OUT:
            return True  # it was not asked: its lane is full
        desk.note("silence", f"asked where the parcel is: {failure}", parcel.plan.parcel)
        return False
    if report is not None:
        hear(desk, parcel, _as_event(desk, parcel, report))
    return report is not None


async def _provider_says(desk: Desk, parcel: ParcelState) -> ParcelReport | None:
    reference = parcel.plan.reference(desk.state.order.order_id, parcel.generation)
    return await on_lane(
        Providers.look,
        LookAtParcel(provider=parcel.plan.provider, reference=reference),
        queue=provider_queue(parcel.plan.provider),
        summary=f"Ask where parcel {parcel.plan.parcel} is",
        urgency=Urgency.URGENT,
        patience=LOOK_PATIENCE,
    )


async def _carrier_says(desk: Desk, parcel: ParcelState) -> ParcelReport | None:
    order_id = desk.state.order.order_id
    return await on_lane(
        Carriers.look,
        LookAtLabel(
            order_id=order_id,
            reference=parcel.plan.reference(order_id, parcel.label_generation),
            account=parcel.label_account,
        ),
        queue=carrier_queue(parcel.label_account),
        summary=f"Ask where parcel {parcel.plan.parcel} is",
        urgency=Urgency.URGENT,
        patience=LOOK_PATIENCE,
    )


def _as_event(desk: Desk, parcel: ParcelState, report: ParcelReport) -> ParcelEvent:
    return ParcelEvent(
        source=report.source or parcel.plan.provider,
        source_id=f"look-{len(desk.state.entries)}",
        parcel=parcel.plan.parcel,
        generation=parcel.generation,
        status=report.status,
        occurred_at=workflow.now(),
        carrier=report.carrier,
        tracking_number=report.tracking_number,
        detail=report.detail,
        partial=report.partial,
        canceled_lines=report.canceled_lines,
    )
