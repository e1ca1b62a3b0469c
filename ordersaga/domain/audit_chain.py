"""The audit trail's rules: how facts are encoded and hashed, and what a broken trail looks like. Pure: no database.

The database chains facts as they are written (migration 0008). This module spells the same encoding a second time and
trusts no hash it did not compute. `docs/audit.md` is the reference for others who want to verify.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "order": ("accepted_at", "seller", "channel", "currency", "total"),
    "journal": ("at", "kind", "parcel"),
    "effect": (
        *("intended_at", "settled_at", "step", "parcel", "generation", "amount", "currency", "status"),
        *("external_id", "code"),
    ),
    "money": ("posted_at", "parcel", "currency", "memo", "postings"),
    "units": (
        *("moved_at", "kind", "account_from", "account_to", "location", "sku", "quantity", "take", "parcel"),
        "reference",
    ),
    "decision": ("opened_at", "resolved_at", "kind", "parcel", "money", "currency", "resolved"),
}
"""What is in the chain as it is, by source and in order."""
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "order": ("request", "terms"),
    "journal": ("text",),
    "effect": ("answer", "message"),
    "money": (),
    "units": (),
    "decision": ("question", "resolved_by", "resolved_reason", "proposed", "proposed_by"),
}
"""What may hold personal data: in the chain by a salted hash, so that it can be erased."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ERASED: Final = (None, "", "{}")
_NO_WORDS: Final[tuple[str | None, ...]] = ()

Key = tuple[str, str]
"""Source and source id of a fact."""


class _Sourced:
    """Something known by where it came from."""

    source: str
    source_id: str

    @property
    def key(self) -> Key:
        return self.source, self.source_id

    def __str__(self) -> str:
        return f"{self.source} {self.source_id}"


@dataclass(frozen=True)
class Fact(_Sourced):
    """A row of the trail's sources as texts: numbers in decimal, times in microseconds since 1970 (UTC)."""

    source: str
    source_id: str
    fields: tuple[str | None, ...]
    words: tuple[str | None, ...] = _NO_WORDS


@dataclass(frozen=True)
class ChainEntry(_Sourced):
    """One link. `salt` and `words_hash` are None for a fact without words; `salt` alone when they were erased."""

    chain_no: int
    source: str
    source_id: str
    salt: str | None
    words_hash: bytes | None
    hash: bytes


@dataclass(frozen=True)
class SealedHead:
    """What a seal says of one order: its chain's last entry at that moment."""

    order_id: str
    seal_no: int
    chain_no: int
    hash: bytes


@dataclass(frozen=True)
class Seal:
    """A seal over the heads of `orders` chains. `hash` covers them and the hash of the seal before."""

    seal_no: int
    at: datetime
    orders: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seal_no}:{self.hash.hex()}"


@dataclass(frozen=True)
class Head:
    """Where a chain is said to end; `unsealed`: entries behind its last seal are to be expected."""

    chain_no: int
    hash: bytes
    unsealed: bool = True


@dataclass(frozen=True)
class OrderTrail:
    """All there is about one order. `entries` by number, `sealed` by seal."""

    order_id: str
    entries: Sequence[ChainEntry] = ()
    facts: Sequence[Fact] = ()
    sealed: Sequence[SealedHead] = ()
    head: Head | None = None


@dataclass(frozen=True)
class Break:
    """Something that is not as it was written. `order_id` is empty for a seal, `entry` is None for the whole."""

    order_id: str
    entry: int | None
    what: str

    def __str__(self) -> str:
        place = f"order {self.order_id}" if self.order_id else "seals"
        return f"{place}{f', entry {self.entry}' if self.entry is not None else ''}: {self.what}"


@dataclass
class Verification:
    """What a verification looked at and found.

    `unsealed`: entries that no seal covers yet. `erased`: entries whose words were erased.
    """

    orders: int = 0
    entries: int = 0
    seals: int = 0
    unsealed: int = 0
    erased: int = 0
    breaks: list[Break] = field(default_factory=list)

    def add_order(self, trail: OrderTrail) -> None:
        """Check an order's trail and count it."""
        self.orders += 1
        self.entries += len(trail.entries)
        self.unsealed += sum(entry.chain_no > _sealed_to(trail) for entry in trail.entries)
        self.erased += sum(_is_erased(entry) for entry in trail.entries)
        self.breaks += check_order(trail)


def encode(*parts: str | None) -> str:
    """A list of texts as one: each as its length in bytes of UTF-8, a colon and itself; None as a minus."""
    return "".join("-" if part is None else f"{len(part.encode())}:{part}" for part in parts)


def digest(*parts: str | None) -> bytes:
    """SHA-256 of the encoded list."""
    return hashlib.sha256(encode(*parts).encode()).digest()


def as_text(value: Any) -> str | None:
    """A column's value as it is hashed. Times must be timezone-aware."""
    if isinstance(value, datetime):
        return str((value - _EPOCH) // timedelta(microseconds=1))
    return None if value is None else str(value)


def postings_text(postings: Iterable[tuple[str, int]]) -> str:
    """Accounts and signed minor units of a money transaction, in the order they were written."""
    return "".join(encode(account, str(amount)) for account, amount in postings)


def words_hash(salt: str, words: Sequence[str | None]) -> bytes:
    """The hash that stands for a fact's words."""
    return digest("words.1", salt, *words)


def entry_hash(order_id: str, entry: ChainEntry, previous: bytes | None, fields: Sequence[str | None]) -> bytes:
    """What an entry's hash must be."""
    where = (order_id, str(entry.chain_no), _hex(previous))
    return digest("entry.1", *where, entry.source, entry.source_id, _hex(entry.words_hash), *fields)


def seal_hash(seal_no: int, at: datetime, previous: bytes | None, heads: Iterable[SealedHead]) -> bytes:
    """What a seal's hash must be; heads are taken by order id, in the order of code points."""
    ordered = sorted(heads, key=lambda head: head.order_id)
    listed = (part for head in ordered for part in (head.order_id, str(head.chain_no), head.hash.hex()))
    return digest("seal.1", str(seal_no), as_text(at), _hex(previous), str(len(ordered)), *listed)


def check_order(trail: OrderTrail) -> list[Break]:
    """Everything that is wrong with an order's trail, by entry."""
    found = [*_chain(trail), *_unchained(trail), *_seals_kept(trail), *_ending(trail)]
    return [Break(trail.order_id, number, what) for number, what in found]


def check_seals(seals: Sequence[tuple[Seal, Sequence[SealedHead]]], before: Seal | None = None) -> list[Break]:
    """What is wrong with seals that follow each other, after `before` (None: from the first on)."""
    found: list[Break] = []
    for seal, heads in seals:
        if gap := _missing("seal", before.seal_no + 1 if before else 1, seal.seal_no):
            found.append(Break("", None, gap))
        elif seal_hash(seal.seal_no, seal.at, before.hash if before else None, heads) != seal.hash:
            found.append(Break("", None, f"seal {seal.seal_no} is not what was sealed"))
        before = seal
    return found


def check_noted(noted: str, seal: Seal | None) -> list[Break]:
    """Whether a seal noted outside as NUMBER:HASH stands as it was; `seal`: the one with its number, if any."""
    if seal is None:
        return [Break("", None, f"seal {noted.partition(':')[0]} was noted, and there is none")]
    return [] if str(seal) == noted.strip().lower() else [Break("", None, f"seal {seal.seal_no} is not the one noted")]


def _chain(trail: OrderTrail) -> Iterator[tuple[int, str]]:
    """Each entry follows the one before, once, and its fact is what was chained."""
    facts = {fact.key: fact for fact in trail.facts}
    seen = Counter[Key]()
    previous: ChainEntry | None = None
    for entry in trail.entries:
        due = previous.chain_no + 1 if previous else 1
        if gap := _missing("entry", due, entry.chain_no):
            yield due, gap
        elif what := _link(trail.order_id, entry, previous, facts.get(entry.key)):
            yield entry.chain_no, what
        seen[entry.key] += 1
        if seen[entry.key] == 2:
            yield entry.chain_no, f"{entry} is chained a second time"
        previous = entry


def _link(order_id: str, entry: ChainEntry, previous: ChainEntry | None, fact: Fact | None) -> str | None:
    if fact is None:
        return f"{entry} is gone"
    if entry_hash(order_id, entry, previous.hash if previous else None, fact.fields) != entry.hash:
        return f"{entry} is not what was chained"
    if not _same_words(entry, fact):
        return f"the words of {entry} are not what was chained"
    return None


def _same_words(entry: ChainEntry, fact: Fact) -> bool:
    if entry.words_hash is None:
        return fact.words == _NO_WORDS
    if entry.salt is None:
        return all(word in _ERASED for word in fact.words)
    return words_hash(entry.salt, fact.words) == entry.words_hash


def _is_erased(entry: ChainEntry) -> bool:
    return entry.words_hash is not None and entry.salt is None


def _unchained(trail: OrderTrail) -> Iterator[tuple[None, str]]:
    chained = {entry.key for entry in trail.entries}
    for fact in trail.facts:
        if fact.key not in chained:
            yield None, f"{fact} is in no chain"


def _seals_kept(trail: OrderTrail) -> Iterator[tuple[int, str]]:
    """Every head that was sealed is still an entry of the chain."""
    hashes = {entry.chain_no: entry.hash for entry in trail.entries}
    for sealed in trail.sealed:
        if sealed.chain_no not in hashes:
            yield sealed.chain_no, f"gone, though seal {sealed.seal_no} has it"
        elif hashes[sealed.chain_no] != sealed.hash:
            yield sealed.chain_no, f"another than seal {sealed.seal_no} has"
    for one, next_one in pairwise(trail.sealed):
        if next_one.chain_no <= one.chain_no:
            yield next_one.chain_no, f"seal {next_one.seal_no} does not go on from seal {one.seal_no}"


def _ending(trail: OrderTrail) -> Iterator[tuple[int | None, str]]:
    """The chain ends where its head says, and what counts as sealed is."""
    last = trail.entries[-1] if trail.entries else None
    head = trail.head
    if head is None:
        if last:
            yield last.chain_no, "the chain's end is not on record"
    elif last is None or (last.chain_no, last.hash) != (head.chain_no, head.hash):
        yield head.chain_no, f"the chain ends at entry {last.chain_no if last else 0}, not as it is on record"
    elif not head.unsealed and _sealed_to(trail) < head.chain_no:
        yield head.chain_no, "counts as sealed, and no seal has it"


def _sealed_to(trail: OrderTrail) -> int:
    return max((sealed.chain_no for sealed in trail.sealed), default=0)


def _missing(noun: str, due: int, number: int) -> str | None:
    """What is missing where one number was due and another stands."""
    if number == due:
        return None
    return f"{noun} {due} is missing" + (f", up to {number - 1}" if number > due + 1 else "")


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
