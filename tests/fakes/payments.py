"""The PaymentGateway port in memory: a payment company that does what the test tells it."""

from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import count

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.payments import NextAction, PaymentRequest, PaymentState, PaymentStatus, RefundState
from ordersaga.domain.reconciliation import PaymentRecord, RefundRecord
from tests.fakes.memory import Memory
from tests.fakes.script import Scripted

ORDINARY_DAYS = 7
_BY_HAND = "by hand "
_OPEN = (PaymentStatus.AUTHORIZED, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING)


class FakePayments(Scripted):
    """Authorizes everything unless told otherwise; the same key always gives the same answer."""

    def __init__(self, memory: Memory | None = None) -> None:
        super().__init__()
        self.memory = memory or Memory()
        self.payments: dict[str, PaymentState] = {}
        self.references: dict[str, str] = {}
        self.requests: list[PaymentRequest] = []
        self.refunds: dict[str, RefundState] = {}
        self._by_key: dict[str, str] = {}
        self._made: dict[str, datetime] = {}
        self._moved: dict[str, datetime] = {}
        self._asked: dict[str, PaymentRequest] = {}
        self._slow_refunds = 0
        self._hidden_refunds = 0
        self._hold_days = 30
        self._made_on_page: dict[str, str] = {}
        self._answers: deque[tuple[PaymentStatus, str | None]] = deque()
        self._numbers = count(1)

    def decline_next(self, code: str = "card_declined") -> None:
        """The next authorization is declined."""
        self._answers.append((PaymentStatus.DECLINED, code))

    def require_action_next(self) -> None:
        """The next authorization waits for the shopper; `complete_action` ends the wait."""
        self._answers.append((PaymentStatus.REQUIRES_ACTION, None))

    def authorize_next(self) -> None:
        """The next authorization passes; for scripts of several: then `decline_next` is about the one after."""
        self._answers.append((PaymentStatus.AUTHORIZED, None))

    def complete_action(self, payment_id: str) -> PaymentState:
        """The shopper passed the challenge: the payment is authorized."""
        amount = self.payments[payment_id].amount
        return self._set(payment_id, status=PaymentStatus.AUTHORIZED, capturable=amount, next_action=None)

    def process_next(self) -> None:
        """The next payment is one whose bank confirms days later; `take_at_once` or `refuse_late` ends the wait."""
        self._answers.append((PaymentStatus.PROCESSING, None))

    def process(self, payment_id: str) -> None:
        """The shopper has done everything; the bank confirms later."""
        self._set(payment_id, status=PaymentStatus.PROCESSING, next_action=None)

    def take_at_once(self, payment_id: str) -> None:
        """The money has come: of a method that cannot be reserved, or of a bank that took its time."""
        amount = self.payments[payment_id].amount
        self._set(payment_id, status=PaymentStatus.CAPTURED, captured=amount, capturable=0, next_action=None)

    def refuse_late(self, payment_id: str, code: str = "insufficient_funds") -> None:
        """The bank's no, days later."""
        self._set(payment_id, status=PaymentStatus.DECLINED, code=code)

    def pay_on_page(self, link_id: str, *, method: str = "pm_card_visa") -> bool:
        """The shopper pays on the page of a pay link; False when it is closed, or somebody has paid there."""
        if self.payments[link_id].status is not PaymentStatus.REQUIRES_ACTION or link_id in self._made_on_page:
            return False
        asked = self._asked.pop(link_id)
        paid = asked.model_copy(update={"link": None, "payment_method": method})
        self._made_on_page[link_id] = self._create(paid).payment_id
        return True

    def slow_refund_next(self) -> None:
        """The next refund stays pending; `settle_refund` ends the wait."""
        self._slow_refunds += 1

    def hide_refund_next(self) -> None:
        """The next look for a refund finds nothing yet."""
        self._hidden_refunds += 1

    def settle_refund(self, key: str, *, succeed: bool) -> None:
        """The bank's word on a refund; a failed one leaves the money with us."""
        refund = self.refunds[key]
        self.refunds[key] = refund.model_copy(update={"status": "succeeded" if succeed else "failed"})
        if not succeed:
            back = self.payments[refund.payment_id].refunded - refund.amount
            self._set(refund.payment_id, refunded=back)

    def allow_long_holds(self, *, allowed: bool) -> None:
        """Whether banks hold funds longer than usual when asked to."""
        self._hold_days = 30 if allowed else ORDINARY_DAYS

    def lapse(self, payment_id: str) -> PaymentState:
        """The authorization ended by itself."""
        return self._set(payment_id, status=PaymentStatus.VOIDED, capturable=0, code="expired")

    def pay_elsewhere(self, amount: int, status: PaymentStatus = PaymentStatus.CAPTURED) -> str:
        """A payment of another system in the same account; returns its id."""
        payment_id = f"pi_{next(self._numbers)}"
        captured = amount if status is PaymentStatus.CAPTURED else 0
        self.payments[payment_id] = PaymentState(
            payment_id=payment_id, status=status, amount=amount, captured=captured, currency="USD"
        )
        self._made[payment_id] = self._moved[payment_id] = self.memory.now()
        return payment_id

    def refund_by_hand(self, payment_id: str, amount: int) -> None:
        """Somebody gives money back at the company itself, under no key of ours."""
        self._set(payment_id, refunded=self.payments[payment_id].refunded + amount)
        self.refunds[f"{_BY_HAND}{len(self.refunds)}"] = self._refund(payment_id, amount)

    async def authorize(self, request: PaymentRequest, *, key: str) -> PaymentState:
        """Reserve funds; a decline is an answer."""
        with self._call("authorize", request.reference, request.amount, key):
            self.requests.append(request)
            if key not in self._by_key:
                self._by_key[key] = self._create(request).payment_id
            return self.payments[self._by_key[key]]

    async def find(self, reference: str) -> PaymentState | None:
        """Find a payment by our own reference."""
        with self._call("find", reference):
            found = self.references.get(reference)
            return self.payments[found] if found else None

    async def inquire(self, payment_id: str) -> PaymentState:
        """The payment now."""
        with self._call("inquire", payment_id):
            return self.payments[self._made_on_page.get(payment_id, payment_id)]

    async def capture(self, payment_id: str, amount: int, *, key: str) -> PaymentState:
        """Take `amount` once; the rest is released."""
        with self._call("capture", payment_id, amount, key):
            state = self.payments[payment_id]
            if self._by_key.get(key) == payment_id:
                return state
            if state.status is not PaymentStatus.AUTHORIZED or amount > state.capturable:
                raise CustomerError("capture_refused", f"Payment {payment_id} is {state.status}")
            self._by_key[key] = payment_id
            return self._set(payment_id, status=PaymentStatus.CAPTURED, captured=amount, capturable=0)

    async def void(self, payment_id: str, *, key: str) -> PaymentState:
        """Give a reservation back; a payment without one is returned as it is."""
        with self._call("void", payment_id, key):
            payment_id = self._made_on_page.get(payment_id, payment_id)
            if self.payments[payment_id].status not in _OPEN:
                return self.payments[payment_id]
            return self._set(payment_id, status=PaymentStatus.VOIDED, capturable=0)

    async def refund(self, payment_id: str, amount: int, *, key: str) -> RefundState:
        """Give `amount` of a captured payment back."""
        with self._call("refund", payment_id, amount, key):
            state = self.payments[payment_id]
            if key not in self.refunds:
                if amount > state.captured - state.refunded:
                    raise CustomerError("refund_refused", f"Payment {payment_id} has less than {amount} left")
                self._set(payment_id, refunded=state.refunded + amount)
                self.refunds[key] = self._refund(payment_id, amount)
            return self.refunds[key]

    async def find_refund(self, payment_id: str, reference: str) -> RefundState | None:
        """Find a refund by the key it was asked with."""
        with self._call("find_refund", payment_id, reference):
            hidden = self._hidden_refunds > 0
            self._hidden_refunds -= hidden
            found = self.refunds.get(reference)
            return found if found and found.payment_id == payment_id and not hidden else None

    async def payments_since(self, since: datetime) -> AsyncIterator[PaymentRecord]:
        """Every payment made or moved since then."""
        with self._call("payments_since", since):
            for payment_id in [each for each, at in self._moved.items() if at >= since]:
                yield self._record(payment_id)

    def _record(self, payment_id: str) -> PaymentRecord:
        state, asked = self.payments[payment_id], self._asked.get(payment_id)
        return PaymentRecord(
            payment_id=payment_id,
            order_id=asked.order_id if asked else "",
            parcel=asked.parcel if asked else 0,
            key=asked.reference if asked else "",
            status=state.status,
            amount=state.amount,
            captured=state.captured,
            currency=state.currency,
            created_at=self._made[payment_id],
            refunds=tuple(_listed(key, made) for key, made in self.refunds.items() if made.payment_id == payment_id),
        )

    def _refund(self, payment_id: str, amount: int) -> RefundState:
        slow = self._slow_refunds > 0
        self._slow_refunds -= slow
        return RefundState(
            refund_id=f"re_{next(self._numbers)}",
            payment_id=payment_id,
            status="pending" if slow else "succeeded",
            amount=amount,
        )

    def _create(self, request: PaymentRequest) -> PaymentState:
        usual = PaymentStatus.REQUIRES_ACTION if request.link else PaymentStatus.AUTHORIZED
        status, code = self._answers.popleft() if self._answers else (usual, None)
        payment_id = f"{'cs' if request.link else 'pi'}_{next(self._numbers)}"
        challenge = NextAction(kind="redirect", payment_id=payment_id, url="https://pay.example/challenge")
        state = PaymentState(
            payment_id=payment_id,
            status=status,
            amount=request.amount,
            capturable=request.amount if status is PaymentStatus.AUTHORIZED else 0,
            currency=request.currency,
            customer=request.customer or (f"cus_{request.order_id}" if request.save_for_later else None),
            payment_method=request.payment_method or None,
            capture_before=self.memory.now() + timedelta(days=self._hold_days if request.extended else ORDINARY_DAYS),
            next_action=challenge if status is PaymentStatus.REQUIRES_ACTION else None,
            code=code,
        )
        self.payments[state.payment_id] = state
        self.references[request.reference], self._asked[payment_id] = payment_id, request
        self._made[payment_id] = self._moved[payment_id] = self.memory.now()
        return state

    def _set(self, payment_id: str, **changes: object) -> PaymentState:
        self._moved[payment_id] = self.memory.now()
        self.payments[payment_id] = self.payments[payment_id].model_copy(update=changes)
        return self.payments[payment_id]


def _listed(key: str, refund: RefundState) -> RefundRecord:
    ours = "" if key.startswith(_BY_HAND) else key
    return RefundRecord(refund_id=refund.refund_id, key=ours, amount=refund.amount, status=refund.status)
