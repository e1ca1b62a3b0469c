"""What a provider has under a reference of ours, for whoever only looks."""

from ordersaga.domain.errors import CustomerError, RefusedError
from ordersaga.domain.shipping import ProviderOrder
from ordersaga.ports import Provider


async def standing(provider: Provider, reference: str) -> ProviderOrder | None:
    """The order; None where it has none, also because it refused it after it had taken it."""
    try:
        return await provider.inquire(reference)
    except (CustomerError, RefusedError):
        return None
