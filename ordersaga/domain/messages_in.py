"""What a webhook said, after its signature was verified and its words translated."""

from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.values import Message


class Incoming(Message):
    """One verified webhook: store it once under (`source`, `source_id`), then deliver `events` to the order's saga.

    `lookup`: what is said is not enough to act on; ask the company about this object, as it stands now. Of a provider
    it is our reference (the port's `inquire`), of a carrier its own id (its gateway's `resolve`).
    Neither events nor a lookup: nothing of ours, or of a kind we do not act on; store it and answer 2xx.
    """

    source: str
    source_id: str
    order_id: str | None = None
    events: tuple[ParcelEvent | PaymentEvent, ...] = ()
    lookup: str | None = None

    @property
    def ignored(self) -> bool:
        """True when there is nothing to deliver and nothing to look up."""
        return not self.events and self.lookup is None
