"""Repairs that move money, or enter what moved: each under a key of its own, its postings in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.effects import Effects, always, as_it_stands
from activities.inventory import Inventory, ShipUnits
from activities.payments import ParcelPayment, Payments
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.books import (
    Account,
    MoneyTransaction,
    Posting,
    allowance,
    authorization_ended,
    captured,
    refunded,
)
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.evidence import OrderEvidence
from ordersaga.domain.payments import PaymentState, PaymentStatus, RefundState
from ordersaga.domain.reconciliation import Finding, StoredFinding, repair_step
from ordersaga.ports import EffectLedger, PaymentGateway, StockStore


@dataclass(frozen=True)
class Job:
    """A finding to mend, and its order as our ledgers hold it now; None: we do not know the order."""

    stored: StoredFinding
    ours: OrderEvidence | None

    @property
    def finding(self) -> Finding:
        return self.stored.finding

    @property
    def order(self) -> OrderEvidence:
        """The order, where a repair cannot do without it. Raises OperatorError `order_unknown`."""
        if self.ours is None:
            raise OperatorError("order_unknown", f"order {self.finding.order_id} is not in our books")
        return self.ours

    def intent(self, about: str = "", amount: int | None = None) -> EffectIntent:
        """The repair as the ledger knows it: once for each time the disagreement came about."""
        finding = self.finding
        return EffectIntent(
            order_id=finding.order_id or finding.facts.get("order", ""),
            step=repair_step(finding.repair, about),
            parcel=finding.parcel,
            generation=self.stored.occurrence,
            amount=amount,
            currency=finding.currency if amount is not None else None,
        )

    def money(self, key: str, memo: str, postings: tuple[Posting, ...]) -> tuple[MoneyTransaction, ...]:
        """A transaction of the finding's parcel; none where nothing is posted."""
        if not postings:
            return ()
        return (
            MoneyTransaction(
                transaction_id=f"{key}/{memo}",
                order_id=self.finding.order_id,
                parcel=self.finding.parcel,
                currency=self.finding.currency,
                memo=f"reconciliation: {memo}",
                postings=postings,
            ),
        )


class MoneyRepairs:
    """Void, capture, refund and enter."""

    def __init__(self, gateway: PaymentGateway, effects: Effects, ledger: EffectLedger, stock: StockStore) -> None:
        self._gateway = gateway
        self._effects, self._ledger = effects, ledger
        self._payments = Payments(gateway, effects, ledger)
        self._inventory = Inventory(stock, ledger)

    async def void(self, job: Job) -> str:
        """Give a reservation back that nobody will use."""
        payment_id = job.finding.facts["payment_id"]

        async def call(key: str) -> EffectOutcome:
            return _voided(job, key, await self._gateway.void(payment_id, key=key))

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            state = await self._gateway.inquire(payment_id)
            final = state.status in (PaymentStatus.VOIDED, PaymentStatus.CAPTURED)
            return _voided(job, row.key, state) if final else None

        done(await self._effects.perform(job.intent(payment_id), call, inquire, always))
        return f"voided {self._amount(job)} of {payment_id}"

    async def capture(self, job: Job) -> str:
        """Take what is due for goods that left: the goods enter the books with it, as the saga would have done."""
        finding, ours = job.finding, job.order
        plan, asked = ours.plans[finding.parcel], ours.latest("authorize", finding.parcel, finding.generation)
        if asked is None:
            raise OperatorError("not_authorized", f"parcel {finding.parcel} has no authorization of ours")
        _require_none_of_more(ours, finding)
        if finding.parcel not in ours.shipped:
            units = ShipUnits(order_id=ours.order_id, plan=plan, currency=finding.currency)
            await self._inventory.ship_stock(units)
        payment = ParcelPayment(
            order_id=ours.order_id,
            parcel=finding.parcel,
            amount=asked.amount,
            currency=finding.currency,
            payment_method=ours.order.payment.payment_method or "",
            generation=asked.generation,
            take=finding.money,
        )
        result = await self._payments.capture(payment)
        if result.code is not None:
            raise OperatorError(result.code, result.message or "the payment company refused the capture")
        return f"captured {format_amount(result.captured, finding.currency)} for parcel {finding.parcel}"

    async def refund(self, job: Job) -> str:
        """Give back what was taken for goods that never left; what the books lack of it is entered first."""
        ours, finding = job.order, job.finding
        lacking = finding.money - ours.amount(finding.parcel, Account.CASH)
        for payment_id, amount in sorted(finding.facts.items()):
            await self._refund(job, payment_id, int(amount), lacking)
            lacking = 0
        return f"refunded {self._amount(job)} for parcel {finding.parcel}"

    async def _refund(self, job: Job, payment_id: str, left: int, lacking: int) -> None:
        intent = await as_it_stands(self._ledger, job.intent(payment_id, left), always)
        amount = intent.amount or 0

        async def call(key: str) -> EffectOutcome:
            return _refunded(job, key, await self._gateway.refund(payment_id, amount, key=key), lacking)

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            found = await self._gateway.find_refund(payment_id, row.key)
            return _refunded(job, row.key, found, lacking) if found else None

        done(await self._effects.perform(intent, call, inquire, always))

    async def enter(self, job: Job) -> str:
        """Write into the books what moved without us; nobody outside is called.

        Money a person gave back for goods the shopper keeps is goodwill: the books say so, and owe nothing. Payments
        that were none of ours are kept with the entry, so that they count for their parcel from now on.
        """
        finding, ours = job.finding, job.order
        change = int(finding.facts["theirs"]) - ours.amount(finding.parcel, Account.CASH)
        postings = entered(change) + _forgiven(ours, finding.parcel, change)
        known = dict(ours.payments(finding.parcel))
        strays = " ".join(payment_id for payment_id in finding.payments if payment_id not in known)

        async def write(key: str) -> EffectOutcome:
            return EffectOutcome(
                status=EffectStatus.DONE,
                external_id=strays or None,
                answer={"entered": change},
                transactions=job.money(key, "entered", postings),
            )

        async def rewrite(row: EffectRow) -> EffectOutcome | None:
            return await write(row.key)

        done(await self._effects.perform(job.intent(), write, rewrite, always))
        return f"entered {format_amount(change, finding.currency)} of cash for parcel {finding.parcel}"

    @staticmethod
    def _amount(job: Job) -> str:
        return format_amount(job.finding.money, job.finding.currency)


def _require_none_of_more(ours: OrderEvidence, finding: Finding) -> None:
    """A capture that nobody answered is only ever sent again as it was: for another amount it is settled first."""
    lost = ours.latest("capture", finding.parcel, finding.generation)
    if lost is not None and lost.open and lost.amount != finding.money:
        raise OperatorError("capture_open", f"{lost.key} of {lost.amount} has no known outcome: settle that first")


def done(row: EffectRow) -> EffectRow:
    """The effect, if it is done. Raises OperatorError with the refusal otherwise."""
    if row.status is not EffectStatus.DONE:
        raise OperatorError(row.code or "refused", row.message or f"{row.step} was refused")
    return row


def entered(change: int) -> tuple[Posting, ...]:
    """Cash that moved without us: minor units taken, or given back when negative."""
    return captured(change, 0) if change > 0 else refunded(-change)


def _forgiven(ours: OrderEvidence, parcel: int, change: int) -> tuple[Posting, ...]:
    owed = ours.amount(parcel, Account.RECEIVABLE) - change
    return allowance(min(owed, -change)) if parcel in ours.shipped and change < 0 < owed else ()


def _voided(job: Job, key: str, state: PaymentState) -> EffectOutcome:
    if state.status is PaymentStatus.CAPTURED:
        return EffectOutcome(status=EffectStatus.REFUSED, code="captured", message="the money was taken already")
    known = job.ours.of("authorize", job.finding.parcel) if job.ours is not None else []
    ours = job.ours if any(state.payment_id == deed.external_id for deed in known) else None
    reserved = ours.amount(job.finding.parcel, Account.AUTHORIZATION) if ours is not None else 0
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=state.payment_id,
        answer={"status": state.status.value},
        transactions=job.money(key, "voided", authorization_ended(min(reserved, job.finding.money))),
    )


def _refunded(job: Job, key: str, refund: RefundState, lacking: int) -> EffectOutcome:
    if refund.status in ("failed", "canceled"):
        return EffectOutcome(status=EffectStatus.REFUSED, external_id=refund.refund_id, code=f"refund_{refund.status}")
    moved: Sequence[MoneyTransaction] = [
        *job.money(key, "entered", entered(lacking)),
        *job.money(key, "refunded", refunded(refund.amount)),
    ]
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=refund.refund_id,
        answer=refund.model_dump(mode="json"),
        transactions=tuple(moved),
    )
