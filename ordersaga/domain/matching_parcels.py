"""Goods: the carrier's labels and a provider's orders beside the parcels of one order."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from ordersaga.domain.evidence import OrderEvidence
from ordersaga.domain.identifiers import LabelReference, ParcelReference, ReturnReference, parse_label_reference
from ordersaga.domain.lattices import Verdict, goods_left, judge, reached, scanned
from ordersaga.domain.matching import Case, Moment, finding
from ordersaga.domain.reconciliation import Finding, FindingKind, LabelRecord, label_source, provider_source
from ordersaga.domain.shipping import ParcelEvent, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus

TOLD_AFTER_END: Final = "shipped_after_cancel"
"""The question people are asked when goods of a canceled parcel leave."""
MISSING: Final = "provider_order_missing"


def match_labels(case: Case, records: Sequence[LabelRecord], moment: Moment) -> Iterator[Finding]:
    """Labels in force that no parcel needs. A label that was scanned is in use, whatever we think of it."""
    groups: defaultdict[str, list[LabelRecord]] = defaultdict(list)
    for record in records:
        if not record.voided and moment.old(record.created_at):
            groups[record.reference].append(record)
    for reference, found in sorted(groups.items()):
        owner = parse_label_reference(reference)
        if owner is not None:
            yield from _labels_of(case, owner, found, moment)


def _labels_of(case: Case, owner: LabelReference, records: Sequence[LabelRecord], moment: Moment) -> Iterator[Finding]:
    kept = min(records, key=lambda record: _last_to_void(case.ours, owner, record))
    for record in records:
        if record is not kept and not record.scanned:
            yield _double(case.ours, owner, record, f"a second label of parcel {owner.parcel}")
    why = None if kept.scanned else _not_needed(case, owner, moment)
    if why is None and not kept.scanned and _is_another(case.ours, owner, kept):
        why = f"a second label of parcel {owner.parcel}"
    if why is not None:
        yield _double(case.ours, owner, kept, why)


def _is_another(ours: OrderEvidence, owner: LabelReference, record: LabelRecord) -> bool:
    """Whether our ledger knows another label under the reference, wherever in the listing that one is."""
    step, _, generation = _steps(owner)
    bought = ours.latest(step, owner.parcel, generation)
    return bought is not None and bought.done and bought.external_id not in (None, record.label_id)


def _last_to_void(ours: OrderEvidence, owner: LabelReference, record: LabelRecord) -> tuple[bool, bool, datetime, str]:
    """Kept is the one in use, else the one our ledger knows, else the oldest."""
    step, _, generation = _steps(owner)
    known = {deed.external_id for deed in ours.of(step, owner.parcel, generation)}
    return not record.scanned, record.label_id not in known, record.created_at, record.label_id


def _steps(owner: LabelReference) -> tuple[str, str, int]:
    """How our ledger names buying and voiding a label, and its generation there."""
    if owner.returning:
        return "book_return_label", "void_return_label", owner.returning
    return "book_label", "void_label", owner.generation


def _not_needed(case: Case, owner: LabelReference, moment: Moment) -> str | None:
    """Why the only label under its reference is one too many; None: it is needed, or its saga still decides."""
    ours, (do, undo, generation) = case.ours, _steps(owner)
    bought, voided = ours.latest(do, owner.parcel, generation), ours.latest(undo, owner.parcel, generation)
    if any(deed is not None and (deed.open or not moment.old(deed.at)) for deed in (bought, voided)):
        return None
    if bought is None or not bought.done:
        return f"a label of parcel {owner.parcel} that our books do not have"
    if voided is not None and voided.done:
        return None if _told(ours, owner) else f"the voided label of parcel {owner.parcel} is in force"
    if owner.returning:
        return None
    if _newer(ours, do, owner):
        return f"an older label of parcel {owner.parcel}"
    if not (ours.final and case.over(moment)):
        return None
    return None if owner.parcel in ours.shipped else f"a label of parcel {owner.parcel}, which did not ship"


def _newer(ours: OrderEvidence, step: str, owner: LabelReference) -> bool:
    """Whether a later generation of the parcel is done: it takes this one's place."""
    return any(deed.done and deed.generation > owner.generation for deed in ours.of(step, owner.parcel))


def _told(ours: OrderEvidence, owner: LabelReference) -> bool:
    """Whether the carrier's last word on the void is known: it keeps the label, and a person was told."""
    back, out = f"void-r{owner.returning}-{owner.parcel}", f"void-{owner.parcel}-{owner.generation}"
    return (back if owner.returning else out) in ours.told


def _double(ours: OrderEvidence, owner: LabelReference, record: LabelRecord, what: str) -> Finding:
    returning = ReturnReference(owner.order_id, owner.returning, owner.parcel)
    reference = str(returning if owner.returning else ParcelReference(owner.order_id, owner.parcel, owner.generation))
    return finding(
        FindingKind.DOUBLE_LABEL,
        record.label_id,
        label_source(record.account),
        ours,
        what=what,
        ours=f"the order is {ours.status}, the parcel {'shipped' if owner.parcel in ours.shipped else 'did not ship'}",
        theirs=f"{record.carrier} label {record.tracking_number} in force",
        parcel=owner.parcel,
        generation=owner.generation,
        at=record.created_at,
        facts={"label_id": record.label_id, "reference": reference},
    )


def quiet_labels(case: Case, records: Sequence[LabelRecord]) -> list[LabelRecord]:
    """Labels the carrier has scanned, or is further with, than the order's story says: worth asking about."""
    found = []
    for record in records:
        owner = parse_label_reference(record.reference)
        status = record.tracking or (ParcelStatus.IN_TRANSIT if record.scanned else ParcelStatus.LABELED)
        if owner is None or owner.returning or (case.ours.final and owner.parcel in case.ours.shipped):
            continue
        if scanned(status) and not _heard(case.ours, owner, status):
            found.append(record)
    return found


def unheard_scan(
    case: Case, record: LabelRecord, event: ParcelEvent, known: ParcelStatus, moment: Moment
) -> list[Finding]:
    """A carrier's report that never reached the order; `known`: where its saga believes the parcel is."""
    source = label_source(record.account)
    found = _unheard(case, source, record.reference, event, known) if moment.old(event.occurred_at) else []
    return [each.model_copy(update={"at": record.created_at}) for each in found]


def match_provider_order(case: Case, provider: str, order: ProviderOrder, moment: Moment) -> Iterator[Finding]:
    """What a provider would ship although it should not; every order under a reference of ours."""
    owner = parse_label_reference(order.reference)
    if owner is None or owner.returning or not moment.old(order.changed_at):
        return
    if order.status is ParcelStatus.CANCELED or goods_left(order.status):
        return
    aside = case.ours.latest("set_aside", owner.parcel, owner.generation)
    only_aside = aside is not None and order.status is ParcelStatus.PLANNED
    why = _not_to_keep(case, owner, moment) if only_aside else _not_to_ship(case, owner, moment)
    if why is not None:
        yield finding(
            FindingKind.LIVE_PROVIDER_ORDER,
            order.reference,
            provider_source(provider),
            case.ours,
            what=f"{provider} {'keeps units of' if only_aside else 'will ship'} parcel {owner.parcel}: {why}",
            ours=why,
            theirs=f"{order.provider_id} is {order.status}",
            parcel=owner.parcel,
            generation=owner.generation,
            at=order.changed_at,
            facts={"reference": order.reference, "provider": provider},
        )


def _not_to_keep(case: Case, owner: LabelReference, moment: Moment) -> str | None:
    """Why units may no longer be set aside; None: they wait for their hand-off, or somebody decides about them."""
    ours, place = case.ours, (owner.parcel, owner.generation)
    aside, let_go, handed = (ours.latest(step, *place) for step in ("set_aside", "let_go", "hand_off"))
    if any(deed is not None and (deed.open or not moment.old(deed.at)) for deed in (aside, let_go, handed)):
        return None
    if let_go is not None and let_go.done:
        return "they were let go"
    if _newer(ours, "set_aside", owner) or _newer(ours, "hand_off", owner):
        return "it was handed over anew"
    over = ours.final and case.over(moment) and owner.parcel not in ours.shipped
    return f"the order is {ours.status}, and the parcel did not ship" if over else None


def _not_to_ship(case: Case, owner: LabelReference, moment: Moment) -> str | None:
    ours, place = case.ours, (owner.parcel, owner.generation)
    handed, withdrawn = ours.latest("hand_off", *place), ours.latest("withdraw", *place)
    if any(deed is not None and (deed.open or not moment.old(deed.at)) for deed in (handed, withdrawn)):
        return None
    if handed is None or not handed.done:
        return f"we did not hand over {owner.order_id}-{owner.parcel}-{owner.generation}"
    if withdrawn is not None and withdrawn.done:
        return "it was taken back"
    if _newer(ours, "hand_off", owner):
        return "it was handed over anew"
    if ours.final and case.over(moment) and owner.parcel not in ours.shipped:
        return f"the order is {ours.status}, and the parcel did not ship"
    return None


def quiet_order(case: Case, order: ProviderOrder, moment: Moment) -> bool:
    """Whether a provider is further with a parcel than the order's story says: worth asking its saga."""
    owner = parse_label_reference(order.reference)
    if owner is None or not moment.old(order.changed_at):
        return False
    handed, withdrawn = (case.ours.latest(step, owner.parcel) for step in ("hand_off", "withdraw"))
    current = handed is not None and handed.done and handed.generation == owner.generation
    undone = withdrawn is not None and withdrawn.generation == owner.generation
    if undone and not goods_left(order.status):
        return False
    return current and not reached(ParcelStatus.ACCEPTED, order.status) and not _heard(case.ours, owner, order.status)


def unheard_order(
    case: Case, provider: str, order: ProviderOrder, event: ParcelEvent, known: ParcelStatus
) -> list[Finding]:
    """A provider's report that never reached the order; `known`: where its saga believes the parcel is."""
    return _unheard(case, provider_source(provider), order.reference, event, known)


def _unheard(case: Case, source: str, reference: str, event: ParcelEvent, known: ParcelStatus) -> list[Finding]:
    if case.minded:
        lost = judge(known, event.status, event.source) is Verdict.APPLIED
    else:
        left = goods_left(event.status) and event.parcel not in case.ours.shipped
        lost = case.ours.final and left and (TOLD_AFTER_END, event.parcel) not in case.ours.asked
    if not lost:
        return []
    return [
        finding(
            FindingKind.MESSAGE_LOST,
            f"{source}/{reference}",
            source,
            case.ours,
            what=f"{event.source} reports parcel {event.parcel} as {event.status}, and nobody told the order",
            ours=known.value if case.minded else f"the order is {case.ours.status}, the parcel did not ship",
            theirs=event.status.value,
            parcel=event.parcel,
            generation=event.generation,
            at=event.occurred_at,
            facts={"reference": reference, "status": event.status.value},
        )
    ]


def _heard(ours: OrderEvidence, owner: LabelReference, status: ParcelStatus) -> bool:
    """Whether the story, since the parcel was handed over, has this status or one beyond it."""
    handed = ours.latest("hand_off", owner.parcel, owner.generation)
    since = handed.intended_at if handed is not None else ours.accepted_at
    return any(
        entry.parcel == owner.parcel and entry.at >= since and _says(entry.kind, entry.text, status)
        for entry in ours.heard
    )


def _says(kind: str, text: str, status: ParcelStatus) -> bool:
    if kind == "conflict":
        return f": {status}" in text
    return kind == status or reached(ParcelStatus(kind), status)


def missing_order(case: Case, provider: str, parcel: int, moment: Moment) -> Finding | None:
    """A parcel its provider should have and, asked for it, does not know; None: it may be otherwise by now."""
    handed = lost_track_of(case, provider, parcel, moment)
    if handed is None:
        return None
    reference = str(ParcelReference(case.ours.order_id, parcel, handed))
    return finding(
        FindingKind.PROVIDER_ORDER_MISSING,
        reference,
        provider_source(provider),
        case.ours,
        what=f"{provider} knows nothing of parcel {parcel}, which it had accepted",
        ours="handed over",
        theirs="no such order",
        parcel=parcel,
        generation=handed,
        at=max(deed.at for deed in case.ours.of("hand_off", parcel, handed)),
        facts={"reference": reference, "provider": provider},
    )


def lost_track_of(case: Case, provider: str, parcel: int, moment: Moment) -> int | None:
    """The generation under which a parcel should stand at its provider now, nobody having been told otherwise."""
    ours, plan = case.ours, case.ours.plans.get(parcel)
    handed, withdrawn = ours.latest("hand_off", parcel), ours.latest("withdraw", parcel)
    if plan is None or plan.provider != provider or handed is None or not handed.done or not moment.old(handed.at):
        return None
    undone = withdrawn is not None and withdrawn.generation == handed.generation
    told = any(
        entry.parcel == parcel and entry.kind == ParcelStatus.EXCEPTION and entry.at >= handed.at
        for entry in ours.heard
    )
    over = ours.final or case.gone(parcel) or undone or told
    return None if over else handed.generation
