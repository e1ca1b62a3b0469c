"""A message that says too little to act on: the company that sent it is asked how the thing stands now.

The answer is what holds now, not what held when the message was sent, so that a late message cannot mislead, and one
shipment of several cannot speak for its parcel. It costs one call per message.
"""

from datetime import UTC, datetime

from ordersaga.bootstrap import Services
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming
from ordersaga.polled import from_provider
from ordersaga.ports import Provider


async def resolved(services: Services, incoming: Incoming) -> Incoming:
    """The message with its events.

    Raises RetryError while the company does not answer, OperatorError when it does not show what it spoke of.
    """
    if incoming.lookup is None:
        return incoming
    provider = services.providers.get(incoming.source)
    if provider is not None:
        return await _ask(provider, incoming, incoming.lookup)
    carrier = services.carriers.get(incoming.source)
    if carrier is None:
        raise OperatorError("unknown_source", f"nobody is named {incoming.source!r} who could be asked")
    return await carrier.resolve(incoming)


async def _ask(provider: Provider, incoming: Incoming, reference: str) -> Incoming:
    order = await provider.inquire(reference)
    if order is None:
        raise OperatorError(f"{incoming.source}_not_visible", f"{incoming.source} does not show the order {reference}")
    told = from_provider(incoming.source, order, datetime.now(UTC), source_id=incoming.source_id)
    return told or Incoming(source=incoming.source, source_id=incoming.source_id)
