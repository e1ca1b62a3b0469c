"""Returns: their record and close, what they are worth now, refunds a person paid, and orders in exchange."""

from temporalio import activity

from activities.effects import Effects, always
from activities.failures import translated
from activities.journal import CloseResult
from activities.refunds import PartialRefund, refund_intent, refund_postings
from ordersaga.domain.books import MoneyTransaction
from ordersaga.domain.effects import EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import LineQuantity, Order
from ordersaga.domain.return_rules import value_of
from ordersaga.domain.returns import ExchangeAnswer, ReturnCase, ReturnUpdate
from ordersaga.domain.values import Message
from ordersaga.ports import EffectLedger, Exchanges, ReturnStore


class QuoteRefund(Message):
    """What are these units of a return worth to the shopper? Goods that are kept: as much as was asked for."""

    case: ReturnCase
    units: tuple[LineQuantity, ...]


class RefundQuote(Message):
    """`amount` in minor units, of the captured payment of that generation; `worth` is what the rule alone says."""

    amount: int
    worth: int
    payment: int


class PlaceExchange(Message):
    """The order wanted in exchange, and the return it is for."""

    order: Order
    return_id: str


class Returns:
    """Activities on our own database."""

    def __init__(self, store: ReturnStore, exchanges: Exchanges, effects: Effects, ledger: EffectLedger) -> None:
        self._store = store
        self._exchanges = exchanges
        self._effects = effects
        self._ledger = ledger

    @activity.defn
    @translated
    async def record_return(self, update: ReturnUpdate) -> None:
        """Write where the return stands, beside its order's status and story."""
        await self._store.record(update)

    @activity.defn
    @translated
    async def close_return(self, update: ReturnUpdate) -> CloseResult:
        """Write how the return ended if the order's books balance; otherwise write nothing and say what differs."""
        differences = (await self._ledger.balance(update.record.case.order_id)).differences()
        if not differences:
            await self._store.record(update)
        return CloseResult(differences=tuple(differences))

    @activity.defn
    @translated
    async def quote_refund(self, asked: QuoteRefund) -> RefundQuote:
        """What the rule gives for the units, but never more than is left of the capture; goodwill whole or not."""
        case = asked.case
        facts = await self._store.parcel(case.order_id, case.plan.parcel)
        if facts is None:
            raise OperatorError("parcel_missing", f"order {case.order_id} has no parcel {case.plan.parcel} any more")
        worth = case.request.amount or max(value_of(case, asked.units), 0)
        left = max(facts.captured, 0)
        less = 0 if case.request.keeps_goods else left
        return RefundQuote(amount=worth if worth <= left else less, worth=worth, payment=facts.payment)

    @activity.defn
    @translated
    async def refund_settled_by_hand(self, refund: PartialRefund) -> None:
        """A person gave the money back outside: entered once, so that no later step gives it again."""
        outcome = _by_hand(refund)

        async def call(_: str) -> EffectOutcome:
            return outcome

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            return outcome

        await self._effects.perform(refund_intent(refund), call, inquire, always)

    @activity.defn
    @translated
    async def place_exchange(self, wanted: PlaceExchange) -> ExchangeAnswer:
        """Accept the order in exchange, once per order id."""
        return await self._exchanges.place(wanted.order, wanted.return_id)

    @activity.defn
    @translated
    async def look_at_exchange(self, order_id: str) -> ExchangeAnswer:
        """What became of it since."""
        return await self._exchanges.look(order_id)


def _by_hand(refund: PartialRefund) -> EffectOutcome:
    transaction = MoneyTransaction(
        transaction_id=f"{refund_intent(refund).key}/by_hand",
        order_id=refund.order_id,
        parcel=refund.parcel,
        currency=refund.currency,
        memo="refund, settled by hand",
        postings=refund_postings(refund),
    )
    return EffectOutcome(status=EffectStatus.DONE, answer={"settled": "by hand"}, transactions=(transaction,))
