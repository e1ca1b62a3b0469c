"""Whether this deployment encrypts, on record: what is on is not lost by a setting that is missing.

Every process asks at its start (`require`). The first one that has master keys turns encryption on; nobody but a
person, with the owner's login, turns it off.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.statuses import FINAL_STATUSES
from ordersaga.privacy.key_ring import KeyRing, WrappedKey
from ordersaga.stores.journal import write_story
from ordersaga.stores.pools import Connection, Pool, connection, transaction

KEYS_MISSING: Final = "encryption_keys_missing"
KEYS_WRONG: Final = "encryption_keys_wrong"
TURNED_OFF: Final = "encryption_turned_off"
REFUSALS: Final = frozenset({KEYS_MISSING, KEYS_WRONG, TURNED_OFF})
"""Why a process does not start."""
STORY: Final = "deployment-encryption"
"""The name under which what people did with it stands in the audit trail; no order can be called so."""
_SETTING: Final = "ORDERSAGA_ENCRYPTION_KEYS (or _KEYS_FILE, or _KMS)"
# Any fixed number: two processes that encrypt for the first time turn it on once.
_LOCK: Final = 7_305_041_903
_STATE: Final = 'SELECT is_on, master, "by", reason, at FROM encryption ORDER BY seq DESC LIMIT 1'
_TELL: Final = 'INSERT INTO encryption (is_on, master, "by", reason) VALUES ($1, $2, $3, $4)'
_ONE_OF_EACH: Final = """
WITH RECURSIVE one AS (
    (SELECT subject, key_id, master, wrapped FROM order_keys
     WHERE wrapped IS NOT NULL ORDER BY master, subject LIMIT 1)
    UNION ALL
    SELECT next.* FROM one CROSS JOIN LATERAL (
        SELECT subject, key_id, master, wrapped FROM order_keys
        WHERE wrapped IS NOT NULL AND order_keys.master > one.master ORDER BY master, subject LIMIT 1) AS next)
SELECT * FROM one
"""
_AT_WORK: Final = """
SELECT DISTINCT application_name AS name FROM pg_stat_activity
WHERE datname = current_database() AND application_name IN ('ordersaga-api', 'ordersaga-worker', 'ordersaga-codec')
ORDER BY 1
"""
_LOST: Final = """
SELECT count(*) AS orders, count(*) FILTER (WHERE status <> ALL($1::text[])) AS open
FROM orders JOIN order_keys ON subject = order_id WHERE wrapped IS NOT NULL
"""


@dataclass(frozen=True)
class Encryption:
    """How it stands. `master`: the master key that wrapped when it was turned on; None: it is off."""

    is_on: bool
    master: str | None
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Lost:
    """Orders that only the master keys open; `open`: of these, the ones whose sagas run."""

    orders: int
    open: int


class PostgresEncryption:
    """Asks whether it is on, holds master keys against the keys there are, and switches."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def state(self) -> Encryption | None:
        """How it stands; None: nobody has ever encrypted here."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_STATE)
        return Encryption(**dict(row)) if row else None

    async def require(self, ring: KeyRing | None, process: str, *, begins: bool = True) -> None:
        """Let a process start only with what is on record. `begins`: one with keys turns on what was never on.

        Raises OperatorError, one of `REFUSALS`; RetryError when a key service or the database does not answer.
        """
        state = await self.state()
        if state is not None and state.is_on != (ring is not None):
            raise _missing(state) if state.is_on else _turned_off(state)
        if ring is None:
            return
        await self._opens(ring)
        if begins:
            await ring.everybodys()
        if begins and state is None:
            await self._turn_on(ring.master, process, "the first process with master keys", only_first=True)

    async def turn_on(self, ring: KeyRing, by: str, reason: str) -> bool:
        """Encrypt from now on, again; False: it is on. Raises OperatorError `encryption_keys_wrong`."""
        state = await self.state()
        if state is not None and state.is_on:
            return False
        await self._opens(ring)
        await ring.everybodys()
        await self._turn_on(ring.master, by, reason)
        return True

    async def turn_off(self, by: str, reason: str, *, unreadable: bool) -> Lost | None:
        """Give encryption up; None: it is not on. `unreadable`: orders may be lost to everybody who has no master key.

        Raises OperatorError `still_at_work` while processes are connected, `orders_unreadable`.
        """
        state = await self.state()
        if state is None or not state.is_on:
            return None
        async with transaction(self._pool) as work:
            if names := [row["name"] for row in await work.fetch(_AT_WORK)]:
                told = f"{', '.join(names)} would go on encrypting: stop every process first"
                raise OperatorError("still_at_work", told)
            row = await work.fetchrow(_LOST, [status.value for status in FINAL_STATUSES])
            assert row is not None, "counting has a row"
            lost = Lost(**dict(row))
            if lost.orders and not unreadable:
                raise _unreadable(lost)
            await _tell(work, None, by, f"{reason} ({lost.orders} orders need the master keys, {lost.open} are open)")
        return lost

    async def _turn_on(self, master: str, by: str, reason: str, *, only_first: bool = False) -> None:
        async with transaction(self._pool) as work:
            await work.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if only_first and await work.fetchrow(_STATE) is not None:
                return
            await _tell(work, master, by, reason)

    async def _opens(self, ring: KeyRing) -> None:
        """Unwrap one key of every master key that wraps any."""
        async with connection(self._pool) as reader:
            found = [WrappedKey(**dict(row)) for row in await reader.fetch(_ONE_OF_EACH)]
        for key in found:
            try:
                await ring.opens(key)
            except OperatorError as error:
                needed = ", ".join(each.master for each in found)
                told = f"{_SETTING}: {error.message}. Orders' keys are wrapped by {needed}: set all of these"
                raise OperatorError(KEYS_WRONG, told) from error


def _missing(state: Encryption) -> OperatorError:
    told = (
        f"{_SETTING}: no master keys, but encryption is on since {state.at:%Y-%m-%d}, under {state.master}: "
        "set the master keys that every other process has. To give encryption up: ordersaga keys off"
    )
    return OperatorError(KEYS_MISSING, told)


def _turned_off(state: Encryption) -> OperatorError:
    told = (
        f"{_SETTING}: there are master keys, but {state.by} turned encryption off on {state.at:%Y-%m-%d}: "
        "take the setting away, or turn encryption on again: ordersaga keys on"
    )
    return OperatorError(TURNED_OFF, told)


def _unreadable(lost: Lost) -> OperatorError:
    told = (
        f"nobody could read {lost.orders} orders any more, and {lost.open} that are open could not go on; "
        "--unreadable does it all the same. Keep the master keys: with them, ordersaga keys on brings all back"
    )
    return OperatorError("orders_unreadable", told)


async def _tell(work: Connection, master: str | None, by: str, reason: str) -> None:
    """Put it on record, and in the audit trail."""
    await work.execute(_TELL, master is not None, master, by, reason)
    turned = "off" if master is None else f"on, under the master key {master}"
    entry = JournalEntry(
        entry_id=f"encryption-{secrets.token_hex(8)}",
        at=datetime.now(UTC),
        kind="encryption_on" if master else "encryption_off",
        text=f"{by} turned encryption {turned}: {reason}",
    )
    await write_story(work, STORY, [entry], ())
