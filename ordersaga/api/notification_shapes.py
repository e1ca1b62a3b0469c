"""The bodies about notifications that go out. A secret is shown once, in the answer that made it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AwareDatetime, Field, field_validator

from ordersaga.api.shapes import Request
from ordersaga.domain.identifiers import Code
from ordersaga.domain.notifications import TYPES, DeliveryStatus
from ordersaga.domain.values import Message

if TYPE_CHECKING:  # the command line reads these shapes too, and must not pay for stores and gateways
    from ordersaga.bootstrap import Delivery, Endpoint

Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(9000, 1, 1, tzinfo=UTC))]


class Chosen(Request):
    """A body that chooses event types; none chosen is all of them."""

    types: Annotated[tuple[str, ...], Field(max_length=len(TYPES))] = ()

    @field_validator("types")
    @classmethod
    def _known(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(types) - set(TYPES))
        if unknown:
            raise ValueError(f"{unknown[0][:64]} is no event type; use any of {', '.join(TYPES)}")
        return tuple(dict.fromkeys(types))


class NewEndpoint(Chosen):
    """Where to send notifications: an `https:` URL or a `mailto:` address. Without a seller: of all sellers."""

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    seller: Code | None = None


class ReplayBody(Chosen):
    """Which events to send again: from `since` to before `until`, by their own time."""

    since: Moment
    until: Moment | None = None


class EndpointRow(Message):
    """An endpoint. `disabled_reason`: why it gets nothing any more."""

    id: str
    seller: str | None
    kind: Literal["http", "email"]
    url: str
    types: tuple[str, ...]
    created_at: AwareDatetime
    disabled_at: AwareDatetime | None
    disabled_reason: str | None

    @classmethod
    def of(cls, endpoint: "Endpoint", **more: object) -> Self:
        """The row of an endpoint."""
        return cls.model_validate({**{name: getattr(endpoint, name) for name in EndpointRow.model_fields}, **more})


class NewEndpointRow(EndpointRow):
    """An endpoint just added, with the secret its messages are signed with; None for e-mail."""

    secret: str | None


class EndpointList(Message):
    """Endpoints, oldest first."""

    endpoints: tuple[EndpointRow, ...]


class RotatedSecret(Message):
    """The secret that signs from now on; the one before signs beside it until then."""

    id: str
    secret: str
    previous_until: AwareDatetime


class ReplayAnswer(Message):
    """How many events are sent again. `next_since`: there are more; ask again from then on."""

    queued: int
    next_since: AwareDatetime | None


class DeliveryRow(Message):
    """How the delivery of an event stands. `id` is what the receiver gets as `webhook-id`."""

    id: str
    type: str
    order_id: str
    parcel: int
    at: AwareDatetime
    status: DeliveryStatus
    attempts: int
    queued_at: AwareDatetime
    next_attempt_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    last_error: str | None

    @classmethod
    def of(cls, delivery: "Delivery") -> Self:
        """The row of a delivery."""
        known = {name: getattr(delivery, name) for name in cls.model_fields}
        return cls.model_validate(known if delivery.status == "pending" else {**known, "next_attempt_at": None})


class DeliveryList(Message):
    """Deliveries, newest first."""

    deliveries: tuple[DeliveryRow, ...]
