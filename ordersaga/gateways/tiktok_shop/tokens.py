"""The access token of one shop: renewed when TikTok says that it expired, by one process for all that share it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from ordersaga.channel_ports import TokenPair, TokenVault
from ordersaga.domain.errors import RetryError

Renewal = Callable[[str], Awaitable[TokenPair]]
"""Asks TikTok for new tokens with a refresh token."""

log = structlog.get_logger(__name__)


class OnlyHere:
    """A vault of nothing: tokens are known to this process alone, as long as it runs."""

    async def newest(self) -> TokenPair | None:
        """Nothing is kept."""
        return None

    async def renew(self, renewal: Callable[[TokenPair | None], Awaitable[TokenPair]]) -> TokenPair:
        """Nobody else renews."""
        return await renewal(None)


ONLY_HERE: Final[TokenVault] = OnlyHere()


class Tokens:
    """One shop's. `given`: those of the settings, until there are newer ones."""

    def __init__(self, given: TokenPair, ask: Renewal, vault: TokenVault = ONLY_HERE) -> None:
        self._pair, self._ask, self._vault = given, ask, vault
        self._lock = asyncio.Lock()
        self._looked = self._unsaved = False

    async def access(self) -> str:
        """The access token to try. Raises RetryError while the vault does not answer: nothing was asked yet."""
        if self._unsaved or not self._looked:
            async with self._lock:
                await self._look()
        return self._pair.access

    async def instead_of(self, refused: str, *, expired: bool) -> str | None:
        """Another access token than one that TikTok refused; None when there is none to be had.

        Somebody else's is taken before a new one is asked for; that is done only for one that has expired.
        Raises RetryError or OperatorError when none can be had for now; the call that needed it was not made.
        """
        async with self._lock:
            if self._pair.access == refused:
                await self._look()
            if self._pair.access == refused and expired and self._pair.refresh:
                await self._renew(refused)
            return self._pair.access if self._pair.access != refused else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat."""
        return (self._pair.access, self._pair.refresh or "")

    async def _look(self) -> None:
        if self._unsaved:
            await self._save()
            return
        try:
            newest = await self._vault.newest()
        except RetryError as error:
            raise _not_now(error) from None
        self._pair, self._looked = newest or self._pair, True

    async def _renew(self, refused: str) -> None:
        """New tokens count from the moment we have them: the old ones may be worth nothing any more."""

        async def renewal(newest: TokenPair | None) -> TokenPair:
            if newest is None or newest.access == refused:
                newest = await self._ask((newest or self._pair).refresh or "")
                self._unsaved = True
            self._pair = newest
            return newest

        try:
            await self._vault.renew(renewal)
        except RetryError as error:
            if self._pair.access == refused:
                raise _not_now(error) from None
            log.warning("renewed_tokens_not_kept_yet", reason=error.code)
            return
        self._unsaved = False

    async def _save(self) -> None:
        """What could not be kept when it was renewed; until then only this process can call."""

        async def ours(_: TokenPair | None) -> TokenPair:
            return self._pair

        try:
            await self._vault.renew(ours)
        except RetryError as error:
            log.warning("renewed_tokens_not_kept_yet", reason=error.code)
            return
        self._unsaved = False


def _not_now(error: RetryError) -> RetryError:
    """Whatever is unknown about the vault, nothing is unknown about the call: it was not made."""
    return RetryError(error.code, error.message)
