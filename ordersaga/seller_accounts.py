"""Sellers' own accounts, opened beside those of the network file: each takes its seller's parcels alone.

An account that cannot be opened, because its secret is not where it should be, keeps nobody else's from being opened.
"""

from collections.abc import Iterable

import structlog
from pydantic import ValidationError

from ordersaga.domain.sellers import OwnAccount
from ordersaga.network import Account, Network, NetworkError, field_of, read_network
from ordersaga.settings import Settings, SettingsError, environment_name

log = structlog.get_logger(__name__)


def network_of(settings: Settings) -> Network:
    """The accounts of the network file, none without one. SettingsError names everything that is wrong in it."""
    if settings.network is None:
        return Network()
    try:
        return read_network(settings.network)
    except NetworkError as error:
        raise SettingsError(f"{environment_name('network')}: {error}") from None


def with_sellers(network: Network, own: Iterable[OwnAccount]) -> Network:
    """The network with the sellers' own accounts that can be opened here; the log names each other one's fields."""
    opened = {code: account for each in own for code, account in _opened(each, network).items()}
    return network.model_copy(update={"accounts": {**network.accounts, **opened}}) if opened else network


def _opened(own: OwnAccount, network: Network) -> dict[str, Account]:
    if own.account in network.accounts:
        log.warning("seller_account_not_opened", account=own.account, seller=own.seller, fields=["its name is taken"])
        return {}
    try:
        one = Network.model_validate({"accounts": {own.account: {**own.told, "seller": own.seller}}})
    except ValidationError as error:
        fields = [field_of(each) for each in error.errors(include_url=False, include_input=False)]
        log.warning("seller_account_not_opened", account=own.account, seller=own.seller, fields=fields)
        return {}
    return dict(one.accounts)
