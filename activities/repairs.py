"""Repairs of findings: each looks again first, and is done once whatever the number of attempts."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from pydantic import AwareDatetime
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.carrier_accounts import carrier_at
from activities.effects import Effects, always
from activities.failures import RETRY, translated
from activities.looking import Looker, Sources
from activities.looking_again import LookingAgain
from activities.repairs_money import Job, MoneyRepairs, done
from activities.settling import Question, Settling
from activities.standing import standing
from ordersaga.domain.effects import EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.evidence import OPEN
from ordersaga.domain.finding_words import set_going, split
from ordersaga.domain.identifiers import parse_label_reference
from ordersaga.domain.journal import AttentionItem, JournalEntry, JournalUpdate
from ordersaga.domain.matching import Moment
from ordersaga.domain.matching_orders import GONE
from ordersaga.domain.matching_parcels import MISSING
from ordersaga.domain.matching_stock import spread
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.reconciliation import (
    LABELS,
    PAYMENTS,
    Finding,
    FindingKind,
    FindingStatus,
    Repair,
    read_repair_step,
    read_source,
)
from ordersaga.domain.shipping import CancelDecision, ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.domain.values import Message
from ordersaga.polled import from_carrier, from_provider
from ordersaga.ports import EffectLedger, OrderJournal, StockStore
from ordersaga.reconciliation_ports import MessageInbox, OrderNotes

CHOICES = ("acknowledge",)


class RepairAsk(Message):
    """A finding whose repair was claimed. `by` and `reason` stand in the order's story."""

    finding_id: str
    by: str
    reason: str
    now: AwareDatetime
    grace: timedelta


class RepairResult(Message):
    """`repaired`, `refused` or `gone`, and why in words people read.

    `asked`: it was not mended, a person was asked; then it is `refused`, and stays on the list.
    """

    status: FindingStatus
    outcome: str
    asked: bool = False


class PersonAskedError(Exception):
    """Nothing is mended: a person was asked, and the words say what that person can do."""


class GiveUp(Message):
    """A repair that got no answer, or failed for good, and why: the finding is open again."""

    finding_id: str
    why: str
    now: AwareDatetime


@dataclass(frozen=True)
class Means:
    """What repairs are made with."""

    effects: Effects
    ledger: EffectLedger
    stock: StockStore
    journal: OrderJournal
    notes: OrderNotes
    inbox: MessageInbox


Mend = Callable[[Job], Awaitable[str]]


class Repairs:
    """Mend what a finding says, or give it up."""

    def __init__(self, sources: Sources, means: Means) -> None:
        self._sources = sources
        self._means = means
        self._again = LookingAgain(sources, Looker(sources))
        self._settling = Settling(sources.payments, sources.carriers, sources.providers)
        money = MoneyRepairs(sources.payments, means.effects, means.ledger, means.stock)
        self._mends: Mapping[Repair, Mend] = {
            Repair.VOID: money.void,
            Repair.CAPTURE: money.capture,
            Repair.REFUND: money.refund,
            Repair.ENTER: money.enter,
            Repair.VOID_LABEL: self._void_label,
            Repair.WITHDRAW: self._withdraw,
            Repair.ADJUST: self._adjust,
            Repair.START: self._start,
            Repair.DELIVER: self._deliver,
            Repair.INQUIRE: self._inquire,
            Repair.ASK: self._ask,
        }

    @activity.defn
    @translated
    async def apply_repair(self, ask: RepairAsk) -> RepairResult:
        """Mend it, or say why not. The finding's status is written here; one that is settled is left as it is.

        Raises RetryError as long as nobody can tell.
        """
        stored = await self._sources.findings.get(ask.finding_id)
        if stored is None or stored.status != "repairing":
            status = stored.status if stored is not None else "refused"
            return RepairResult(status=status, outcome=(stored and stored.outcome) or "nobody asked for its repair")
        evidence = await self._sources.evidence.orders([stored.finding.order_id])
        job = Job(stored, evidence.get(stored.finding.order_id))
        result = await self._mended(job, Moment(ask.now, ask.grace))
        await self._tell(job, ask, result)
        await self._sources.findings.settle(ask.finding_id, result.status, result.outcome, ask.now)
        return result

    @activity.defn
    @translated
    async def repair_given_up(self, given_up: GiveUp) -> None:
        """Open the finding again, with what kept it from being repaired."""
        await self._sources.findings.settle(given_up.finding_id, "open", given_up.why, given_up.now)

    async def _mended(self, job: Job, moment: Moment) -> RepairResult:
        asked = job.finding.money
        try:
            if not self._begun(job):
                again = await self._again.look(job, moment)
                if again is None:
                    return await self._vanished(job)
                job = await self._unchanged(job, again)
                if again.money > asked:
                    return RepairResult(status="open", outcome=f"it is about more money by now: {again.what}")
            return RepairResult(status="repaired", outcome=await self._mends[job.finding.repair](job))
        except PersonAskedError as asked_for:
            return RepairResult(status="refused", outcome=f"asked a person: {asked_for}", asked=True)
        except (CustomerError, OperatorError) as error:
            return RepairResult(status="refused", outcome=f"{error.code}: {error.message}")
        except ApplicationError as error:
            if error.type == RETRY:
                raise
            return RepairResult(status="refused", outcome=error.message)

    async def _unchanged(self, job: Job, again: Finding) -> Job:
        """The job as it stands now. Raises RetryError when the order moved between our books and the company's."""
        evidence = await self._sources.evidence.orders([job.finding.order_id])
        if evidence.get(job.finding.order_id) != job.ours:
            raise RetryError("order_moved", "the order went on meanwhile: it is looked at again")
        return Job(job.stored.model_copy(update={"finding": again}), job.ours)

    async def _vanished(self, job: Job) -> RepairResult:
        """Nothing differs any more; a capture of ours whose answer was lost is entered, now that the money is taken."""
        finding, ours = job.finding, job.ours
        gone = RepairResult(status="gone", outcome="looked again: nothing differs any more")
        if finding.repair is not Repair.CAPTURE or ours is None or await Looker(self._sources).minded(ours):
            return gone
        row = await self._means.ledger.find(ours.order_id, "capture", finding.parcel, finding.generation)
        if row is None or row.status not in OPEN:
            return gone
        row = await self._means.ledger.begin(row.intent)
        outcome = await self._settling.outcome(Question(row, ours))
        if row.status not in OPEN or outcome.status is not EffectStatus.DONE:
            return gone
        await self._means.ledger.settle(row.key, outcome)
        return RepairResult(status="repaired", outcome=f"entered what {row.key} had taken")

    @staticmethod
    def _begun(job: Job) -> bool:
        """Whether an earlier attempt has called already: it is finished under its keys, not judged anew.

        An entry begun and not written has called nobody.
        """
        if job.ours is None:
            return False
        finding, place = job.finding, (job.finding.parcel, job.stored.occurrence)
        things = ("", *finding.facts.values(), *finding.facts)
        steps = {(finding.repair, about) for about in things}
        return any(
            read_repair_step(deed.step) in steps
            and (deed.parcel, deed.generation) == place
            and (deed.done or (deed.open and finding.repair is not Repair.ENTER))
            for deed in job.ours.deeds
        )

    async def _tell(self, job: Job, ask: RepairAsk, result: RepairResult) -> None:
        """Write a repair into the order's story."""
        if job.ours is None or result.status != "repaired":
            return
        finding = job.finding
        name = sha256(finding.finding_id.encode()).hexdigest()[:12]
        text = f"reconciliation: {result.outcome}; found: {finding.what}; {ask.by} asked for it: {ask.reason}"
        entry = JournalEntry(
            entry_id=f"reconciled-{name}-{job.stored.occurrence}",
            at=datetime.now(UTC),
            kind="reconciled",
            text=text,
            parcel=finding.parcel,
        )
        await self._means.notes.note(job.ours.order_id, entry)

    async def _void_label(self, job: Job) -> str:
        label_id, history = job.finding.facts["label_id"], self._sources.history(read_source(job.finding.source)[1])

        async def call(_: str) -> EffectOutcome:
            return _given_back(await history.void_label(label_id), "the carrier keeps the label")

        async def ask_again(_: EffectRow) -> EffectOutcome | None:
            return None  # giving a label back twice is harmless, and the answer is the inquiry

        done(await self._means.effects.perform(job.intent(label_id), call, ask_again, always))
        return f"gave label {label_id} back"

    async def _withdraw(self, job: Job) -> str:
        reference, name = job.finding.facts["reference"], job.finding.facts["provider"]

        async def call(_: str) -> EffectOutcome:
            decision = await self._sources.providers[name].cancel(reference)
            if decision is CancelDecision.PENDING:
                raise RetryError("cancel_pending", "the provider has not decided yet", unknown=True)
            return _given_back(decision, f"{name} ships {reference} all the same: turn it around at the carrier")

        async def ask_again(_: EffectRow) -> EffectOutcome | None:
            return None  # asking a provider to cancel is harmless to repeat, and its answer is the inquiry

        done(await self._means.effects.perform(job.intent(reference), call, ask_again, always))
        return f"{name} canceled {reference}"

    async def _adjust(self, job: Job) -> str:
        facts = job.finding.facts
        units = int(facts["units"])
        now = datetime.now(UTC)
        shelves = await self._sources.evidence.shelves(facts["provider"], [facts["sku"]], now)
        changes = spread(units, shelves)
        reference = f"{job.finding.finding_id}/{job.stored.occurrence}"
        await self._sources.evidence.adjust(changes, reference, f"{facts['provider']} counted {job.finding.theirs}")
        return f"set right by the provider's count: {split(changes)}"

    async def _start(self, job: Job) -> str:
        started = await self._sources.sagas.start(job.order.order)
        return "started its saga" if started else "its saga had been started meanwhile"

    async def _deliver(self, job: Job) -> str:
        event = await self._report(job)
        source_id = f"reconcile:{job.finding.finding_id}:{job.stored.occurrence}"
        await self._put(job, event.model_copy(update={"source_id": source_id}))
        return f"put what {event.source} says into the inbox"

    async def _report(self, job: Job) -> ParcelEvent | PaymentEvent:
        """What the company says now, as the message that was lost."""
        finding = job.finding
        if finding.source == PAYMENTS:
            about = {"payment_id": finding.facts["payment_id"], "kind": finding.facts["event"]}
            return PaymentEvent(source="reconciliation", source_id="", parcel=finding.parcel, **about)
        reference = finding.facts["reference"]
        source, name = read_source(finding.source)
        if source == LABELS:
            told = await carrier_at(self._sources.carriers, name).look(reference)
            incoming = from_carrier(reference, told) if told is not None else None
        else:
            order = await standing(self._sources.providers[name], reference)
            incoming = from_provider(name, order, datetime.now(UTC)) if order is not None else None
        if incoming is None:
            raise RetryError("not_told", f"nobody says anything of {reference} now")
        return incoming.events[0]

    async def _put(self, job: Job, event: ParcelEvent | PaymentEvent) -> None:
        incoming = Incoming(
            source=event.source, source_id=event.source_id, order_id=job.order.order_id, events=(event,)
        )
        body = incoming.model_dump(mode="json")
        await self._means.inbox.store(event.source, event.source_id, job.order.order_id, body)

    async def _inquire(self, job: Job) -> str:
        """Settle a call by what the other side says now; one that another repair is making is left to that."""
        finding = job.finding
        row = await self._means.ledger.find(finding.order_id, finding.facts["step"], finding.parcel, finding.generation)
        if row is None:
            raise OperatorError("effect_missing", f"there is no effect {finding.facts['key']}")
        row = await self._means.ledger.begin(row.intent)
        if row.status not in OPEN:
            return f"{row.key} is {row.status} by now"
        outcome = await self._settling.outcome(Question(row, job.order))
        await self._means.ledger.settle(row.key, outcome)
        return f"{row.key} is {outcome.status}" + (f" ({outcome.code})" if outcome.code else "")

    async def _ask(self, job: Job) -> str:
        if job.finding.kind is FindingKind.PROVIDER_ORDER_MISSING:
            return await self._ask_about_parcel(job)
        differences = await self._sources.evidence.differences(job.order.order_id)
        if not differences:
            return await self._close(job)
        uneven = f"its books do not balance: {'; '.join(differences)}"
        advice = set_going(job.order.order_id)
        question = f"The order's saga is gone, and {uneven}. To go on, {advice}"
        await self._means.notes.open_question(_question(job, GONE, question))
        raise PersonAskedError(f"{uneven}; {advice}")

    async def _close(self, job: Job) -> str:
        """Nothing is owed, reserved or held any more: the order ends as what became of its goods."""
        status = OrderStatus.COMPLETED if job.order.shipped else OrderStatus.CANCELED
        reason = "closed by reconciliation: its saga was gone, its books balance"
        await self._means.journal.record(JournalUpdate(order_id=job.order.order_id, status=status, reason=reason))
        return f"closed the order as {status}"

    async def _ask_about_parcel(self, job: Job) -> str:
        """A running saga takes the parcel back once it hears of a problem; of a deserted order a person is asked."""
        finding = job.finding
        if not await Looker(self._sources).minded(job.order):
            advice = set_going(job.order.order_id)
            question = f"{finding.what}, and the order's saga is gone. To go on, {advice}"
            await self._means.notes.open_question(_question(job, MISSING, question))
            raise PersonAskedError(f"the order's saga is gone; {advice}")
        owner = parse_label_reference(finding.facts["reference"])
        event = ParcelEvent(
            source=finding.facts["provider"],
            source_id=f"reconcile:{finding.finding_id}:{job.stored.occurrence}",
            parcel=finding.parcel,
            generation=owner.generation if owner is not None else finding.generation,
            status=ParcelStatus.EXCEPTION,
            occurred_at=datetime.now(UTC),
            detail="the provider does not know the parcel any more",
        )
        await self._put(job, event)
        return "told the order: it takes the parcel back and tries elsewhere, or asks a person"


def _given_back(decision: CancelDecision, refusal: str) -> EffectOutcome:
    if decision is CancelDecision.REFUSED:
        return EffectOutcome(
            status=EffectStatus.REFUSED, answer={"decision": decision.value}, code="refused", message=refusal
        )
    return EffectOutcome(status=EffectStatus.DONE, answer={"decision": decision.value})


def _question(job: Job, kind: str, question: str) -> AttentionItem:
    parcel = job.finding.parcel
    return AttentionItem(
        item_id=f"{job.order.order_id}-reconcile-{kind}-{parcel}",
        order_id=job.order.order_id,
        parcel=parcel,
        kind=kind,
        question=question,
        choices=CHOICES,
        opened_at=datetime.now(UTC),
    )
