"""An order's audit trail as JSON lines: a head, its entries with their facts, and the seals that list it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter, ValidationError

from ordersaga.domain.audit_chain import FIELDS, WORDS, ChainEntry, Fact, Head, OrderTrail, SealedHead
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.values import Value

Hash = Annotated[
    bytes,
    BeforeValidator(lambda text: bytes.fromhex(text) if isinstance(text, str) else text),
    PlainSerializer(bytes.hex),
]
"""SHA-256, in the file as 64 hexadecimal digits."""
Texts = Mapping[str, str | None]
"""Values by name, as they are hashed."""


class HeadLine(Value):
    """The first line: whose trail, and where its chain ends; entry 0 when nothing was chained."""

    line: Literal["order"] = "order"
    format: Literal[1] = 1
    order_id: str
    chain_no: int = Field(ge=0)
    hash: Hash


class EntryLine(Value):
    """An entry with its fact; `fields` is None when the fact is gone."""

    line: Literal["entry"] = "entry"
    chain_no: int
    source: str
    source_id: str
    fields: Texts | None
    words: Texts
    salt: str | None
    words_hash: Hash | None
    hash: Hash


class FactLine(Value):
    """A fact that is in no chain: the trail is broken, and its export says so."""

    line: Literal["unchained"] = "unchained"
    source: str
    source_id: str
    fields: Texts
    words: Texts


class SealLine(Value):
    """A seal that lists the order with this entry as its last."""

    line: Literal["seal"] = "seal"
    seal_no: int
    chain_no: int
    hash: Hash


_LINES: Final[TypeAdapter[HeadLine | EntryLine | FactLine | SealLine]] = TypeAdapter(
    Annotated[HeadLine | EntryLine | FactLine | SealLine, Field(discriminator="line")]
)


def dump_trail(trail: OrderTrail) -> Iterator[str]:
    """The lines of a trail, also of a broken one."""
    facts = {fact.key: fact for fact in trail.facts}
    head = trail.head or Head(0, b"")
    yield HeadLine(order_id=trail.order_id, chain_no=head.chain_no, hash=head.hash).model_dump_json()
    for entry in trail.entries:
        yield _entry_line(entry, facts.get(entry.key)).model_dump_json()
    chained = {entry.key for entry in trail.entries}
    for fact in trail.facts:
        if fact.key not in chained:
            yield _fact_line(fact).model_dump_json()
    for sealed in trail.sealed:
        line = SealLine(seal_no=sealed.seal_no, chain_no=sealed.chain_no, hash=sealed.hash)
        yield line.model_dump_json()


def load_trail(text: str) -> OrderTrail:
    """A trail as it was exported, a line for each newline. Raises OperatorError `trail_unreadable`, naming the line.

    `no_trail` when it does not begin as one: then it is another file, not a trail that was changed.
    """
    # splitlines() would also split at separators that JSON leaves as they are
    lines = text.removesuffix("\n").split("\n")
    read = [_line(number, line) for number, line in enumerate(lines, start=1)]
    head = read[0]
    if not isinstance(head, HeadLine):
        raise OperatorError("no_trail", "The first line is not an order's")
    if any(isinstance(line, HeadLine) for line in read[1:]):
        raise OperatorError("trail_unreadable", "The first line, and no other, must be the order's")
    return OrderTrail(
        order_id=head.order_id,
        entries=[_entry(line) for line in read if isinstance(line, EntryLine)],
        facts=[fact for line in read if isinstance(line, EntryLine | FactLine) and (fact := _fact(line))],
        sealed=[_sealed(head.order_id, line) for line in read if isinstance(line, SealLine)],
        head=Head(head.chain_no, head.hash) if head.chain_no else None,
    )


def _line(number: int, text: str) -> HeadLine | EntryLine | FactLine | SealLine:
    try:
        line = _LINES.validate_json(text)
        if isinstance(line, EntryLine | FactLine):
            _require_names(line)
    except (ValidationError, ValueError) as error:
        code = "trail_unreadable" if number > 1 else "no_trail"
        raise OperatorError(code, f"Line {number} is not one of an exported trail") from error
    return line


def _require_names(line: EntryLine | FactLine) -> None:
    """Raises ValueError for a value that no hash covers."""
    if line.source not in FIELDS:
        raise ValueError(line.source)
    if line.fields is not None and (set(line.fields), set(line.words)) != (
        set(FIELDS[line.source]),
        set(WORDS[line.source]),
    ):
        raise ValueError(line.source_id)


def _entry_line(entry: ChainEntry, fact: Fact | None) -> EntryLine:
    return EntryLine(
        chain_no=entry.chain_no,
        source=entry.source,
        source_id=entry.source_id,
        fields=_named(FIELDS, fact.source, fact.fields) if fact else None,
        words=_named(WORDS, fact.source, fact.words) if fact else {},
        salt=entry.salt,
        words_hash=entry.words_hash,
        hash=entry.hash,
    )


def _fact_line(fact: Fact) -> FactLine:
    fields, words = _named(FIELDS, fact.source, fact.fields), _named(WORDS, fact.source, fact.words)
    return FactLine(source=fact.source, source_id=fact.source_id, fields=fields, words=words)


def _named(names: Mapping[str, Sequence[str]], source: str, values: Sequence[str | None]) -> Texts:
    return dict(zip(names[source], values, strict=True))


def _fact(line: EntryLine | FactLine) -> Fact | None:
    if line.fields is None:
        return None
    fields = tuple(line.fields.get(name) for name in FIELDS[line.source])
    words = tuple(line.words.get(name) for name in WORDS[line.source])
    return Fact(line.source, line.source_id, fields, words)


def _entry(line: EntryLine) -> ChainEntry:
    return ChainEntry(line.chain_no, line.source, line.source_id, line.salt, line.words_hash, line.hash)


def _sealed(order_id: str, line: SealLine) -> SealedHead:
    return SealedHead(order_id, line.seal_no, line.chain_no, line.hash)
