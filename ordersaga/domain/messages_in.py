"""What a webhook said, after its signature was verified and its words translated."""

from pydantic import Field

from ordersaga.domain.channels import ChannelNews, ChannelTopic
from ordersaga.domain.identifiers import Code
from ordersaga.domain.orders import not_given
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.values import Message


class Incoming(Message):
    """One verified webhook: store it once under (`source`, `source_id`), then deliver `events` to the order's saga.

    `lookup`: what is said is not enough to act on; ask the company about this object, as it stands now. Of a provider
    it is our reference (the port's `inquire`), of a carrier its own id (its gateway's `resolve`).
    `news`: a marketplace said that orders of a shop changed; fetch each of them. They may not be orders of ours yet.
    None of these, or news of a kind we do not know: nothing to act on; store it and answer 2xx.
    `account`: at whose address it came in, whatever company that is; None: nobody told us, we asked.
    """

    source: str
    source_id: str
    order_id: str | None = None
    events: tuple[ParcelEvent | PaymentEvent, ...] = ()
    lookup: str | None = None
    news: ChannelNews | None = None
    account: Code | None = Field(default=None, exclude_if=not_given)

    @property
    def ignored(self) -> bool:
        """True when there is nothing to deliver and nothing to look up."""
        known = self.news is not None and self.news.topic is not ChannelTopic.UNKNOWN
        return not self.events and self.lookup is None and not known
