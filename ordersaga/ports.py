"""What the saga needs of the world, said once. Activities depend on these, never on who provides them.

Every method that changes something outside may raise:
- `RetryError`: no final answer; with `unknown=True` it may have happened, so inquire before repeating;
- `CustomerError`: a final refusal only the shopper can change;
- `OperatorError`: a final refusal an operator must look at.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from ordersaga.breaker_ports import CallPassage
from ordersaga.domain.books import Balance, MoneyTransaction
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow
from ordersaga.domain.journal import AttentionAge, AttentionItem, JournalUpdate, OrderRecord, TimelineEntry
from ordersaga.domain.lanes import LanePause
from ordersaga.domain.notifications import Email
from ordersaga.domain.orders import Address, LineQuantity, Order, ParcelPlan
from ordersaga.domain.payments import PaymentRequest, PaymentState, RefundState
from ordersaga.domain.reconciliation import LabelRecord, PaymentRecord, StockLevel
from ordersaga.domain.return_rules import ParcelFacts
from ordersaga.domain.returns import ExchangeAnswer, Opened, Refusal, ReturnAsk, ReturnRecord, ReturnUpdate
from ordersaga.domain.shipping import (
    AddressDecision,
    CancelDecision,
    HandOff,
    InterceptDecision,
    LabelRequest,
    LabelState,
    ParcelEvent,
    ProviderCapabilities,
    ProviderOrder,
    Quote,
)


class PaymentGateway(Protocol):
    """A payment company, in card terms. `key` is the idempotency key and is always required."""

    async def authorize(self, request: PaymentRequest, *, key: str) -> PaymentState:
        """Reserve funds. A decline is an answer (`status=declined`, `code`), not an error.

        With a `link`, make the page where the shopper will: `requires_action`, and `payment_id` names the page. The
        methods below take that name as well as the payment's own.
        """
        ...

    async def find(self, reference: str) -> PaymentState | None:
        """Find a payment by our own reference; None means not found yet, which is no proof of absence."""
        ...

    async def inquire(self, payment_id: str) -> PaymentState:
        """What the company says about a payment now."""
        ...

    async def capture(self, payment_id: str, amount: int, *, key: str) -> PaymentState:
        """Take `amount` minor units, once; the rest is released. Final refusal: CustomerError."""
        ...

    async def void(self, payment_id: str, *, key: str) -> PaymentState:
        """Give a reservation back. Already voided or lapsed is an answer, not an error."""
        ...

    async def refund(self, payment_id: str, amount: int, *, key: str) -> RefundState:
        """Give `amount` minor units of a captured payment back."""
        ...

    async def find_refund(self, payment_id: str, reference: str) -> RefundState | None:
        """Find a refund by the key it was asked with."""
        ...


class Provider(Protocol):
    """A 3PL that stores and ships."""

    @property
    def capabilities(self) -> ProviderCapabilities: ...

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Hand a parcel over; repeating the same reference gives the same provider order.

        An address it cannot ship to is a CustomerError `address_refused`.
        """
        ...

    async def inquire(self, reference: str) -> ProviderOrder | None:
        """What the provider knows under our reference; None means it has no such order.

        One that refuses later what it had taken may say so here as `submit` would have, with a
        CustomerError or RefusedError: that is on record there, and nothing was made.
        """
        ...

    async def cancel(self, reference: str) -> CancelDecision:
        """Ask it to stop a parcel it has accepted.

        Only asked once the hand-off is known to be done. A reference the provider does not show contradicts that:
        RetryError with `unknown=True`, never NOTHING_TO_UNDO.
        """
        ...

    async def update_address(self, reference: str, ship_to: Address) -> AddressDecision:
        """Ship a parcel it has accepted to another address: all of it or, when REFUSED, none of it.

        Repeating it is harmless: an address that stands already is UPDATED. An address it cannot ship to is a
        CustomerError `address_refused`. As for `cancel`, a reference it does not show is a RetryError.
        """
        ...

    async def changes_since(self, since: datetime) -> Sequence[ProviderOrder]:
        """Orders changed since then: the poller's view of what webhooks missed."""
        ...


@runtime_checkable
class ReservingProvider(Provider, Protocol):
    """A provider that sets a parcel's units aside before they are to be shipped (capability `reserves`)."""

    async def reserve(self, hand_off: HandOff) -> ProviderOrder:
        """Set the parcel's units aside: PLANNED, until `submit` of the same reference ships it or `cancel` ends it.

        Repeating it is harmless, also once the parcel is submitted: its order is returned as it stands. Too few units:
        OperatorError `out_of_stock`.
        """
        ...


class Carrier(Protocol):
    """Who moves a parcel, or an aggregator of such."""

    async def book(self, request: LabelRequest) -> LabelState:
        """Buy a label. Looks for an earlier purchase under the same reference first.

        A label the carrier refuses is a CustomerError `label_refused` (address) or OperatorError (account).
        """
        ...

    async def inquire(self, reference: str) -> LabelState | None:
        """The label bought under our reference; None means none was bought."""
        ...

    async def void(self, reference: str) -> CancelDecision:
        """Give an unused label back; voids settle slowly, PENDING means the carrier took the request."""
        ...

    async def look(self, reference: str) -> ParcelEvent | None:
        """What tracking says now about the parcel under our reference; None while it says nothing."""
        ...

    async def intercept(self, reference: str) -> InterceptDecision:
        """Ask to turn around a parcel on its way. Taken, `inquire` shows the label as `intercepted`.

        REFUSED: not in a state for that (not scanned yet, delivered, no such label). NOT_OFFERED: never.
        """
        ...


class QuotingCarrier(Protocol):
    """A carrier that says what a label would cost before it is bought."""

    async def quote(self, request: LabelRequest) -> Quote | None:
        """The price now; None: it does not serve this parcel (out of its zones, too heavy).

        Nothing is bought, and the price is not kept. Raises RetryError, OperatorError.
        """
        ...


@runtime_checkable
class FollowingCarrier(Protocol):
    """A carrier that says where a parcel is whose label somebody else bought."""

    async def follow(self, number: str, reference: str) -> ParcelEvent | None:
        """What is known of a tracking number now, as news of the parcel under `reference`; None: nothing of use.

        Asking again is harmless; the first time may cost money. OperatorError for a number nobody can place.
        """
        ...


class StockStore(Protocol):
    """What we promised: PostgreSQL is the authority. Every method is idempotent per order and parcel."""

    async def confirm_hold(self, order: Order) -> tuple[ParcelPlan, ...] | None:
        """Make the order's hold permanent, taking it first if it has none (or it expired). None: sold out.

        After its release nothing is taken again: the parcels planned then are returned.
        """
        ...

    async def release(self, order_id: str, parcel: int) -> int:
        """Give a parcel's held units back; returns how many (0: nothing was held)."""
        ...

    async def ship(self, order_id: str, plan: ParcelPlan, transaction: MoneyTransaction) -> None:
        """The parcel's units left: hold ends as shipped, the sale is written, in one transaction."""
        ...

    async def replan(self, order_id: str, parcels: Sequence[ParcelPlan]) -> bool:
        """Hold exactly what these plans say for their parcels, all or nothing. False: too little, nothing changed.

        Other parcels of the order are untouched; a plan without lines gives its parcel's units back. The plans stand
        in the order's record from then on. OperatorError `already_shipped`: a parcel that left was planned otherwise.
        """
        ...

    async def take_back(
        self,
        order_id: str,
        parcel: int,
        reference: str,
        lines: Sequence[LineQuantity],
        location: str,
        *,
        sellable: bool,
    ) -> int:
        """Goods of a parcel came back, once per `reference`; returns the units. Sellable ones are available again.

        OperatorError `not_shipped`: more came back than left; `take_back_conflict`: other goods stand under the
        reference; `unknown_location`.
        """
        ...

    async def ship_from(self, location: str, order: Order, plan: ParcelPlan, reference: str) -> LabelRequest:
        """The label a parcel of this location needs: its address and the products' weights."""
        ...


class EffectLedger(Protocol):
    """Every outside call, written before and after. Outlives Stripe's key memory and Temporal's retention."""

    async def begin(self, intent: EffectIntent) -> EffectRow:
        """Write the intention, or return what stands under its key.

        Raises RetryError `effect_in_flight` (with `retry_after`) while another attempt's lease runs.
        """
        ...

    async def settle(self, key: str, outcome: EffectOutcome) -> None:
        """Write what it came to, with the money it moved, in one transaction. Settling the same again is harmless."""
        ...

    async def find(self, order_id: str, step: str, parcel: int, generation: int | None = None) -> EffectRow | None:
        """This generation of an effect, or the latest one, if it was ever intended."""
        ...

    async def post(self, transaction: MoneyTransaction) -> None:
        """Write money that moved without a call of ours (a lapsed authorization, a write-off)."""
        ...

    async def balance(self, order_id: str) -> Balance:
        """The order's money and units now."""
        ...


class OrderJournal(Protocol):
    """The story of each order, and its status for lists."""

    async def record(self, update: JournalUpdate) -> None:
        """Write status, entries and attention in one transaction; entries already written are skipped."""
        ...

    async def get(self, order_id: str) -> OrderRecord | None: ...

    async def timeline(self, order_id: str) -> Sequence[TimelineEntry]:
        """The whole story in order: journal, effects, messages received."""
        ...

    async def open_attention(
        self,
        *,
        seller: str | None = None,
        order_id: str | None = None,
        kind: str | None = None,
        opened_before: datetime | None = None,
        provider: str | None = None,
    ) -> Sequence[AttentionItem]:
        """Every unresolved question, oldest first; only those of a seller, order, kind, age or provider when named.

        `provider`: who ships the parcel the question is about.
        """
        ...

    async def attention_ages(self) -> Sequence[AttentionAge]:
        """Open questions counted by kind, seller and currency; a question about no money has currency ''."""
        ...


class ReturnStore(Protocol):
    """What shoppers send back. Each method that writes does so in one transaction, and may be repeated."""

    async def open(self, order_id: str, ask: ReturnAsk, now: datetime) -> Opened | Refusal:
        """Accept a return by the rules of `return_rules`, with the status its order has by it; or say why not.

        The same request under the same key or number gives the same return. CustomerError `order_not_found`.
        """
        ...

    async def record(self, update: ReturnUpdate) -> None:
        """Write the return, its entries and questions, and the status its order has by all of its returns."""
        ...

    async def get(self, order_id: str, number: int) -> ReturnRecord | None: ...

    async def of_order(self, order_id: str) -> Sequence[ReturnRecord]:
        """The order's returns by number."""
        ...

    async def parcel(self, order_id: str, parcel: int) -> ParcelFacts | None:
        """What our books say of a parcel now; None: the order has no such parcel."""
        ...


class Exchanges(Protocol):
    """New orders in exchange for goods that came back."""

    async def place(self, order: Order, return_id: str) -> ExchangeAnswer:
        """Accept the order as a checkout's is (hold and order in one commit), linked to its return; once per id."""
        ...

    async def look(self, order_id: str) -> ExchangeAnswer:
        """What became of it since."""
        ...


class Notifier(Protocol):
    """Who hands e-mail out."""

    async def send(self, message: Email) -> None:
        """Send an e-mail. Sending the same again is recognizable by its Message-ID, and harmless.

        Refused for good: OperatorError; the message does not quote the address.
        """
        ...


class PaymentHistory(Protocol):
    """What a payment company has on record, whoever caused it."""

    def payments_since(self, since: datetime) -> AsyncIterator[PaymentRecord]:
        """Every payment made since then, and every older one captured, voided or refunded since, with all its refunds.

        In any order, each once. Raises RetryError midway.
        """
        ...


class ProviderStock(Protocol):
    """What lies on a provider's shelves, as it counts."""

    async def stock(self) -> Sequence[StockLevel]:
        """Every SKU it knows; one it does not know is not listed."""
        ...


class LabelHistory(Protocol):
    """Every label bought on our account."""

    def labels_since(self, since: datetime) -> AsyncIterator[LabelRecord]:
        """Labels bought since then, those given back included."""
        ...

    async def void_label(self, label_id: str) -> CancelDecision:
        """Give back the label with this id of the carrier's own, whichever reference it bears."""
        ...


class LaneGate(Protocol):
    """Before each call of a company whose lane may be paused, or whose breaker open."""

    def passing(self) -> AbstractAsyncContextManager[CallPassage]:
        """Around one call: RetryError `lane_paused` or `breaker_open` while no call is made.

        A RateLimitedError inside pauses the lane for all; other RetryErrors count as failed.
        """
        ...


class LanePauses(Protocol):
    """Which lanes hand nothing out, for every process alike."""

    async def pauses(self) -> Sequence[LanePause]:
        """Those in force now."""
        ...

    async def pause(self, lane: str, wait: timedelta, reason: str, by: str) -> bool:
        """Hand nothing out for `wait`; False when it is paused for longer already."""
        ...

    async def resume(self, lane: str, reason: str, by: str) -> bool:
        """End a pause; False when there is none."""
        ...
