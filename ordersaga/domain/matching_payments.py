"""Money: the payment company's payments of one order beside our books."""

from collections.abc import Iterator, Sequence
from typing import Final

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.books import Account
from ordersaga.domain.evidence import Deed, OrderEvidence
from ordersaga.domain.matching import Case, Moment, finding
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.reconciliation import PAYMENTS, Finding, FindingKind, PaymentRecord, Repair, read_repair_step

RESERVING: Final = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING})
"""Funds are reserved, or still may be."""
_GIVEN: Final = ("pending", "succeeded")


def net(record: PaymentRecord) -> int:
    """What was taken and not given back, in minor units; a refund that failed gave nothing back."""
    return record.captured - sum(refund.amount for refund in record.refunds if refund.status in _GIVEN)


def stray_payment(record: PaymentRecord, moment: Moment) -> Iterator[Finding]:
    """A reservation with our marks for an order that is not ours: nobody will ever end it."""
    if record.status in RESERVING and moment.old(record.created_at):
        yield _orphan(None, record, "of an order we do not know")


def match_payments(case: Case, records: Sequence[PaymentRecord], moment: Moment) -> Iterator[Finding]:
    """Every disagreement about one order's money. `records`: all payments of each parcel that is among them."""
    for record in sorted(records, key=lambda each: (each.created_at, each.payment_id)):
        if record.status in RESERVING and moment.old(record.created_at):
            yield from _reserving(case, record, records, moment)
    known = {parcel for parcel, account in case.ours.money if account is Account.CASH}
    for parcel in sorted(known & {record.parcel for record in records} | {r.parcel for r in records if r.captured}):
        yield from _cash(case, parcel, [record for record in records if record.parcel == parcel], moment)


def _reserving(
    case: Case, record: PaymentRecord, records: Sequence[PaymentRecord], moment: Moment
) -> Iterator[Finding]:
    asked = asked_by(case.ours, record)
    if asked is None:
        yield _orphan(case.ours, record, "under a key this order never used")
    elif not case.over(moment):
        if case.minded and _passed_unheard(case.ours, record, asked):
            yield _unheard(case.ours, record)
    elif due := _due(case, record, records):
        yield _missed(case.ours, record, due)
    elif case.ours.final:
        yield _orphan(case.ours, record, f"for an order that is {case.ours.status}")


def asked_by(ours: OrderEvidence, record: PaymentRecord) -> Deed | None:
    """The authorization of ours that the payment came of."""
    deeds = ours.of("authorize", record.parcel)
    return next((deed for deed in deeds if deed.key == record.key or deed.external_id == record.payment_id), None)


def _due(case: Case, record: PaymentRecord, records: Sequence[PaymentRecord]) -> int:
    """What should have been taken for goods that left: 0 when nothing, or when another payment took it."""
    plan = case.ours.plans.get(record.parcel)
    if record.status is not PaymentStatus.AUTHORIZED or plan is None or not case.gone(record.parcel):
        return 0
    if case.came_to_nothing(record.parcel):
        return 0
    paid = sum(net(each) for each in records if each.parcel == record.parcel)
    forgiven = sum(case.ours.amount(record.parcel, account) for account in (Account.WRITE_OFF, Account.ALLOWANCE))
    owed = plan.amount - paid - forgiven
    if case.ours.final or record.parcel in case.ours.shipped:
        owed = min(owed, case.ours.amount(record.parcel, Account.RECEIVABLE))
    rivals = [each for each in records if each.parcel == record.parcel and each.status is PaymentStatus.AUTHORIZED]
    newest = max(rivals, key=lambda each: (each.created_at, each.payment_id))
    return max(min(owed, record.amount), 0) if newest.payment_id == record.payment_id else 0


def _passed_unheard(ours: OrderEvidence, record: PaymentRecord, asked: Deed) -> bool:
    """The shopper passed the bank's challenge, and the saga still waits for that."""
    waits = asked.done and asked.said == PaymentStatus.REQUIRES_ACTION
    passed = record.status is PaymentStatus.AUTHORIZED
    return waits and passed and ours.latest("authenticate", asked.parcel, asked.generation) is None


def _cash(case: Case, parcel: int, records: Sequence[PaymentRecord], moment: Moment) -> Iterator[Finding]:
    ours, theirs = case.ours.amount(parcel, Account.CASH), sum(map(net, records))
    if _under_way(case.ours, parcel, moment):
        return
    if case.ours.final and case.over(moment) and not case.gone(parcel) and theirs > 0:
        yield _unearned(case.ours, parcel, theirs, records)
    elif ours != theirs and not _heard_at_capture(case, parcel, records):
        yield _differs(case.ours, parcel, ours, theirs, records)


def _under_way(ours: OrderEvidence, parcel: int, moment: Moment) -> bool:
    """Whether money of the parcel may be moving, or has just moved."""
    moves = [deed for deed in ours.deeds if deed.parcel == parcel and _moves(deed)]
    return any(deed.open or not moment.old(deed.at) for deed in moves)


def _moves(deed: Deed) -> bool:
    """Whether a call moves money, or ends a reservation; giving a label back does not."""
    repair, _ = read_repair_step(deed.step)
    if repair is Repair.ENTER:
        return deed.done  # asks nobody: until it is written, nothing has moved
    return repair in (Repair.VOID, Repair.REFUND) or deed.step in ("capture", "void") or deed.step.startswith("refund")


def _heard_at_capture(case: Case, parcel: int, records: Sequence[PaymentRecord]) -> bool:
    """Taken by hand before the saga asks for it: it finds the money taken when it captures or gives back."""
    captured = case.ours.latest("capture", parcel)
    all_ours = all(asked_by(case.ours, record) is not None for record in records if record.captured)
    return case.minded and captured is None and all_ours and case.ours.amount(parcel, Account.CASH) == 0


def _orphan(ours: OrderEvidence | None, record: PaymentRecord, why: str) -> Finding:
    return finding(
        FindingKind.ORPHAN_AUTHORIZATION,
        record.payment_id,
        PAYMENTS,
        ours,
        what=f"{_amount(record.amount, record)} reserved {why}",
        ours="nothing is reserved" if ours is not None else "no such order",
        theirs=f"{record.payment_id} is {record.status}",
        money=record.amount,
        currency=record.currency,
        parcel=record.parcel,
        at=record.created_at,
        facts={"payment_id": record.payment_id, "key": record.key, "order": record.order_id},
    )


def _missed(ours: OrderEvidence, record: PaymentRecord, due: int) -> Finding:
    asked = asked_by(ours, record)
    return finding(
        FindingKind.MISSED_CAPTURE,
        record.payment_id,
        PAYMENTS,
        ours,
        what=f"parcel {record.parcel} left, {_amount(due, record)} of it is not paid, and nobody will charge for it",
        ours=f"the order is {ours.status}, its saga has ended",
        theirs=f"{record.payment_id} reserves {_amount(record.amount, record)}",
        money=due,
        currency=record.currency,
        parcel=record.parcel,
        generation=asked.generation if asked else 1,
        at=record.created_at,
        facts={"payment_id": record.payment_id},
    )


def _unheard(ours: OrderEvidence, record: PaymentRecord) -> Finding:
    return finding(
        FindingKind.MESSAGE_LOST,
        record.payment_id,
        PAYMENTS,
        ours,
        what=f"the shopper completed the payment of parcel {record.parcel}, and the order still waits for that",
        ours="requires_action",
        theirs="authorized",
        parcel=record.parcel,
        at=record.created_at,
        facts={"payment_id": record.payment_id, "event": "authorized"},
    )


def _unearned(ours: OrderEvidence, parcel: int, theirs: int, records: Sequence[PaymentRecord]) -> Finding:
    record = records[-1]
    held = _amount(ours.amount(parcel, Account.CASH), record)
    return finding(
        FindingKind.PAID_WITHOUT_GOODS,
        f"{ours.order_id}-{parcel}",
        PAYMENTS,
        ours,
        what=f"{_amount(theirs, record)} taken for parcel {parcel}, whose goods never left",
        ours=f"the order is {ours.status}, {held} of the parcel in our books",
        theirs=f"{_amount(theirs, record)} taken and kept",
        money=theirs,
        currency=record.currency,
        parcel=parcel,
        at=min(each.created_at for each in records),
        facts={each.payment_id: str(net(each)) for each in records if net(each)},
    )


def _differs(ours: OrderEvidence, parcel: int, cash: int, theirs: int, records: Sequence[PaymentRecord]) -> Finding:
    record = records[-1]
    verb = "taken" if theirs > cash else "given back"
    return finding(
        FindingKind.CASH_DIFFERS,
        f"{ours.order_id}-{parcel}",
        PAYMENTS,
        ours,
        what=f"{_amount(abs(theirs - cash), record)} {verb} for parcel {parcel} that our books do not have",
        ours=f"{_amount(cash, record)} in our books",
        theirs=f"{_amount(theirs, record)} taken and kept",
        money=abs(theirs - cash),
        currency=record.currency,
        parcel=parcel,
        at=min(each.created_at for each in records),
        facts={"theirs": str(theirs), **{each.payment_id: str(net(each)) for each in records}},
    )


def _amount(amount: int, record: PaymentRecord) -> str:
    return format_amount(amount, record.currency)
