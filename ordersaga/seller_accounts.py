"""Sellers' own accounts, opened beside those of the network file: each takes its seller's parcels alone.

They are looked for when a process starts, and again and again while it runs: a seller that is onboarded needs no
restart, nor does a secret that is put where it should be, nor another key or URL of an account that is open. An account
that cannot be opened keeps nobody else's closed; what is changed wrongly leaves its account open as it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog
from pydantic import ValidationError

from ordersaga.domain.sellers import OwnAccount
from ordersaga.network import Account, Network, NetworkError, field_of, is_ours, read_network
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


class SellerAccounts:
    """Opens them. `read`: those that were told; `join`: makes one a part of this process, instead of its former."""

    def __init__(
        self,
        network: Network,
        read: Callable[[], Awaitable[Iterable[OwnAccount]]],
        join: Callable[[str, Account], None],
    ) -> None:
        self._network, self._read, self._join = network, read, join
        self._opened: dict[str, Account] = {}
        self._wrong: dict[tuple[str, str], list[str]] = {}
        self._turn = asyncio.Lock()

    async def open(self) -> tuple[str, ...]:
        """Open those that were not yet, and anew those that were changed; the names of the former.

        RetryError while the database does not answer.
        """
        async with self._turn:
            found = self._openable(await self._read())
            new = tuple(code for code in found if code not in self._opened)
            for code, account in found.items():
                self._join(code, account)
                self._opened[code] = account
            if changed := sorted(found.keys() - set(new)):
                log.info("seller_accounts_changed", accounts=changed)
        return new

    @property
    def closed(self) -> Mapping[tuple[str, str], Sequence[str]]:
        """Accounts as last read that cannot be opened, each with its seller: the fields that cannot be used."""
        return {name: wrong for name, wrong in self._wrong.items() if wrong and name[0] not in self._opened}

    def _openable(self, told: Iterable[OwnAccount]) -> Mapping[str, Account]:
        found: dict[str, Account] = {}
        for own in told:
            one = self._read_one(own)
            self._tell_once(own, [] if isinstance(one, Network) else one)
            found |= one.accounts if isinstance(one, Network) else {}
        return {code: account for code, account in found.items() if self._opened.get(code) != account}

    def _read_one(self, own: OwnAccount) -> Network | list[str]:
        """It alone, or what is wrong with it."""
        if own.account in self._network.accounts:
            return ["its name is taken"]
        if ours := [f"accounts.{own.account}.{name}" for name, value in own.told.items() if is_ours(value)]:
            return ours
        try:
            return Network.model_validate({"accounts": {own.account: {**own.told, "seller": own.seller}}})
        except ValidationError as error:
            return [field_of(each) for each in error.errors(include_url=False, include_input=False)]

    def _tell_once(self, own: OwnAccount, wrong: list[str]) -> None:
        name = own.account, own.seller
        if wrong and self._wrong.get(name) != wrong:
            log.warning("seller_account_not_opened", account=own.account, seller=own.seller, fields=wrong)
        self._wrong[name] = wrong
