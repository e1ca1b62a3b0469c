"""A private courier's webhooks: Standard Webhooks, each holding one whole event; late, twice and out of order."""

from collections.abc import Mapping

from pydantic import ValidationError
from standardwebhooks import Webhook

from ordersaga.domain.identifiers import parse_label_reference
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.values import Message
from ordersaga.gateways.private_delivery.states import SOURCE, Event, parcel_event, source_id
from ordersaga.gateways.webhook_parts import header, ignored, verifying


class _Told(Message):
    """The body of a webhook."""

    data: Event


def verify_and_read(headers: Mapping[str, str], body: bytes, secret: str, name: str = SOURCE) -> Incoming:
    """Verify `webhook-signature` and translate. `name`: what this courier is called, as in its gateway.

    Raises:
        OperatorError: `bad_signature`.
    """
    with verifying(SOURCE):
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    event = _event(body)
    told, owner = (parcel_event(event, name), parse_label_reference(event.reference)) if event else (None, None)
    if told is None or owner is None:
        return ignored(SOURCE, source_id(name, header(headers, "webhook-id")), body)
    return Incoming(source=SOURCE, source_id=told.source_id, order_id=owner.order_id, events=(told,))


def _event(body: bytes) -> Event | None:
    try:
        return _Told.model_validate_json(body).data
    except ValidationError:
        return None
