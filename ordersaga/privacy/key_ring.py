"""An order's key: made with the order, kept wrapped, remembered for a while, and gone for good once destroyed."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ordersaga.domain.errors import OperatorError
from ordersaga.privacy.ciphers import new_key
from ordersaga.privacy.master_keys import MasterKeys

EVERYBODY: Final = "@deployment"
"""Whose key is used by what belongs to no order: runs of reconciliation, stops, schedules. No order is called so."""
REMEMBERED: Final = 10_000
LIFE: Final = 300.0
"""Seconds. A key that was destroyed is forgotten at once by who hears of it, and then by everybody.

One that was being read while it was destroyed is used for what it was read for, and not remembered.
"""


class KeyErasedError(OperatorError):
    """The key was destroyed: what it encrypted can never be read again."""

    def __init__(self, subject: str) -> None:
        super().__init__("key_erased", f"the personal data of {subject} was erased")
        self.subject = subject


@dataclass(frozen=True)
class DataKey:
    """The key of one subject, an order's id or `EVERYBODY`; `key_id` is written beside all it encrypts."""

    subject: str
    key_id: str
    key: bytes

    def __repr__(self) -> str:
        return f"DataKey({self.subject}, {self.key_id})"


@dataclass(frozen=True)
class WrappedKey:
    """A key as it is stored. `wrapped` None: it was destroyed."""

    subject: str
    key_id: str
    master: str
    wrapped: bytes | None


class KeyLostError(OperatorError):
    """There is no such key here: the database was restored to a time before it was made, and nowhere is a copy."""

    def __init__(self, subject: str) -> None:
        super().__init__("key_lost", f"the key of {subject} is not there, and no copy of it")


class KeyStore(Protocol):
    """Where wrapped keys are kept."""

    async def read(self, subjects: Sequence[str]) -> Mapping[str, WrappedKey]:
        """Those there are, by subject."""
        ...

    async def keep(self, key: WrappedKey) -> WrappedKey:
        """Keep a new key; returns the one that stands, which is another when somebody was faster."""
        ...

    async def copied(self, keys: Sequence[WrappedKey]) -> Mapping[str, WrappedKey]:
        """Keep copies of new keys where a restore loses none; those that stand there, by subject."""
        ...

    async def copy_of(self, subject: str) -> WrappedKey | None:
        """The copy of a key that the store has lost."""
        ...


class KeyRing:
    """Finds subjects' keys, and makes them. Safe for any number of tasks of one event loop."""

    def __init__(
        self, store: KeyStore, masters: MasterKeys, *, remembered: int = REMEMBERED, life: float = LIFE
    ) -> None:
        self._store, self._masters = store, masters
        self._remembered, self._life = remembered, life
        self._known: OrderedDict[str, tuple[DataKey, float]] = OrderedDict()
        self._forgotten = 0

    async def of(self, subject: str) -> DataKey:
        """The subject's key; the first who asks makes it.

        Raises KeyErasedError; OperatorError and RetryError of the store and of the master keys.
        """
        known = self._recalled(subject)
        if known is not None:
            return known
        look = self._forgotten
        stored = (await self._store.read([subject])).get(subject)
        if stored is None:
            stored = await self._store.keep((await self.new(subject))[1])
        return await self._unwrapped(stored, look)

    async def existing(self, subject: str) -> DataKey:
        """The key with which something was written. Raises what `of` does, and KeyLostError."""
        known = self._recalled(subject)
        if known is not None:
            return known
        look = self._forgotten
        stored = (await self._store.read([subject])).get(subject) or await self._store.copy_of(subject)
        if stored is None:
            raise KeyLostError(subject)
        return await self._unwrapped(stored, look)

    async def everybodys(self) -> DataKey:
        """The deployment's own key."""
        return await self.of(EVERYBODY)

    async def find(self, subjects: Iterable[str]) -> Mapping[str, DataKey]:
        """The keys of those that have one; who never had one, or has it no more, is left out."""
        wanted = set(subjects)
        found = {subject: known for subject in wanted if (known := self._recalled(subject)) is not None}
        missing, look = sorted(wanted - set(found)), self._forgotten
        for stored in (await self._store.read(missing) if missing else {}).values():
            if stored.wrapped is not None:
                found[stored.subject] = await self._unwrapped(stored, look)
        return found

    async def made(self, subjects: Sequence[str]) -> list[tuple[DataKey, WrappedKey]]:
        """Keys for subjects that have none in the store, copied already, and how to store them.

        A copy that stands is taken, whose store has forgotten it. Raises KeyErasedError for one that was destroyed.
        """
        new = {subject: await self.new(subject) for subject in subjects}
        look = self._forgotten
        standing = await self._store.copied([wrapped for _, wrapped in new.values()])
        return [
            each if (stands := standing[subject]) == each[1] else (await self._unwrapped(stands, look), stands)
            for subject, each in new.items()
        ]

    async def new(self, subject: str) -> tuple[DataKey, WrappedKey]:
        """A key nobody has yet, and how to store it."""
        made = DataKey(subject, f"k{secrets.token_hex(8)}", new_key())
        wrapped = await self._masters.wrap(made.key, made.key_id, subject)
        return made, WrappedKey(subject, made.key_id, self._masters.current, wrapped)

    def remember(self, key: DataKey) -> None:
        """A key that is stored: nobody needs to read it for a while."""
        self._known[key.subject] = key, time.monotonic() + self._life
        self._known.move_to_end(key.subject)
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)

    def forget(self, subject: str | None = None) -> None:
        """Remember a subject's key no more, or nobody's; nor one that is being read."""
        self._forgotten += 1
        if subject is None:
            self._known.clear()
        else:
            self._known.pop(subject, None)

    async def rewrapped(self, stored: WrappedKey) -> WrappedKey:
        """The same key, wrapped by the current master key."""
        key = await self.opens(stored)
        wrapped = await self._masters.wrap(key.key, key.key_id, key.subject)
        return WrappedKey(key.subject, key.key_id, self._masters.current, wrapped)

    async def opens(self, stored: WrappedKey) -> DataKey:
        """A stored key, unwrapped. Raises OperatorError when these master keys are not the ones that wrapped it."""
        return await self._unwrapped(stored, self._forgotten)

    @property
    def master(self) -> str:
        """The name of the master key that wraps now."""
        return self._masters.current

    def _recalled(self, subject: str) -> DataKey | None:
        known = self._known.get(subject)
        if known is None or known[1] < time.monotonic():
            return None
        self._known.move_to_end(subject)
        return known[0]

    async def _unwrapped(self, stored: WrappedKey, look: int) -> DataKey:
        """The key, which is remembered unless one was destroyed since `look`, when it began to be read."""
        if stored.wrapped is None:
            raise KeyErasedError(stored.subject)
        key = await self._masters.unwrap(stored.master, stored.wrapped, stored.key_id, stored.subject)
        found = DataKey(stored.subject, stored.key_id, key)
        if look == self._forgotten:
            self.remember(found)
        return found
