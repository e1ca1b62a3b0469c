"""Who pays for a parcel, and with what: as the order says, or as the shopper has chosen since."""

from activities.payments import AuthorizationResult, ParcelPayment
from ordersaga.domain.authorization_clock import reservation_wanted
from ordersaga.domain.orders import Payment
from ordersaga.domain.payments import PayLink, PaymentStatus
from workflows.activity_policies import StepFailedError
from workflows.desk import Desk
from workflows.order_state import ParcelState


class Payer:
    """One parcel's payer.

    `customer`: the payment company's, whom the payment method is saved for. `method`: None as long as the shopper has
    not chosen one.
    """

    def __init__(self, desk: Desk, parcel: ParcelState) -> None:
        self.customer: str | None = None
        self.method = desk.state.order.payment.payment_method
        self._desk = desk
        self._parcel = parcel

    @property
    def saved(self) -> bool:
        """Whether the payment method may be charged again."""
        return (self.customer or self._ordered.customer) is not None

    @property
    def _ordered(self) -> Payment:
        return self._desk.state.order.payment

    def learn(self, asked: ParcelPayment, result: AuthorizationResult) -> None:
        """The payment company said who pays; of a page also with what."""
        self.customer = result.customer or self.customer
        if asked.link is not None:
            self.method = result.payment_method

    def first(
        self, customer: str | None, off_session: bool, save_for_later: bool, method: str | None, link: PayLink | None
    ) -> ParcelPayment:
        """The parcel's first payment. `method`: what another parcel was paid with, where the order names none."""
        self.method = method or self.method
        wanted = {"off_session": off_session, "save_for_later": save_for_later, "link": link}
        return self.payment(1, customer).model_copy(update=wanted)

    def payment(self, generation: int, customer: str | None = None) -> ParcelPayment:
        """A payment of the parcel's amount."""
        order = self._desk.state.order
        return ParcelPayment(
            order_id=order.order_id,
            parcel=self._parcel.plan.parcel,
            amount=self._parcel.plan.amount,
            currency=order.currency,
            payment_method=order.payment.payment_method or self.method or "",
            customer=customer or order.payment.customer,
            generation=generation,
            extended=reservation_wanted(order.terms),
            method_type=order.payment.type,
            return_url=order.payment.return_url,
            collected_by=order.payment.collected_by,
        )

    def again(self, generation: int) -> ParcelPayment:
        """The same amount anew, without the shopper."""
        return self.payment(generation, self.customer).model_copy(update={"off_session": True})


def declined(result: AuthorizationResult) -> StepFailedError:
    """A payment found voided was given up unfinished: by us, if a look at it is repeated after our undo."""
    if result.status is PaymentStatus.VOIDED:
        return StepFailedError("declined", result.code or "payment_abandoned", "the payment was not finished")
    return StepFailedError("declined", result.code or "declined", result.message or "the payment was declined")
