"""The audit trail's rules: whatever is changed in a trail is found, and no two lists of texts look alike."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ordersaga.domain.audit_chain import (
    FIELDS,
    WORDS,
    ChainEntry,
    Fact,
    Head,
    OrderTrail,
    check_order,
    encode,
    entry_hash,
    words_hash,
)
from ordersaga.domain.audit_file import dump_trail, load_trail

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
lists = st.lists(texts, max_size=5)
salts = st.uuids().map(str)


@st.composite
def trails(draw: st.DrawFn) -> OrderTrail:
    """One to five facts of any source and content, chained by the rules."""
    facts: list[Fact] = []
    entries: list[ChainEntry] = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        source = draw(st.sampled_from(sorted(FIELDS)))
        fact = Fact(source, f"{source}-{number}", *(_texts(draw, names[source]) for names in (FIELDS, WORDS)))
        salt = draw(salts) if fact.words else None
        entry = ChainEntry(number, source, fact.source_id, salt, words_hash(salt, fact.words) if salt else None, b"")
        previous = entries[-1].hash if entries else None
        entries.append(replace(entry, hash=entry_hash("o1", entry, previous, fact.fields)))
        facts.append(fact)
    return OrderTrail("o1", entries, facts, sealed=[], head=Head(len(entries), entries[-1].hash))


def _texts(draw: st.DrawFn, names: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(draw(texts) for _ in names)


@given(lists, lists)
def test_different_lists_have_different_encodings(one: list[str | None], other: list[str | None]) -> None:
    """Texts cannot be moved across the border between them, and nothing is taken for something empty."""
    assert (encode(*one) == encode(*other)) == (one == other)


def _told(text: str) -> OrderTrail:
    """A trail of one line of a story."""
    fact = Fact("journal", "saga-1", ("0", "note", "0"), (text,))
    entry = ChainEntry(1, "journal", "saga-1", "s", words_hash("s", fact.words), b"")
    entry = replace(entry, hash=entry_hash("o1", entry, None, fact.fields))
    return OrderTrail("o1", [entry], [fact], sealed=[], head=Head(1, entry.hash))


@settings(max_examples=50)
@given(trails())
@example(_told('\u2028\u2029\x85\x0b\x0c\x1c\r\n"\\'))
def test_a_trail_survives_its_file(trail: OrderTrail) -> None:
    """What was chained is found whole, and so is its export."""
    assert check_order(trail) == []
    assert load_trail("\n".join(dump_trail(trail))) == trail


@settings(max_examples=50)
@given(trails(), st.data())
def test_any_changed_fact_is_found(trail: OrderTrail, data: st.DataObject) -> None:
    """Another value in any field or word of any fact is told for exactly that entry."""
    place = data.draw(st.integers(0, len(trail.facts) - 1))
    fact = trail.facts[place]
    column = data.draw(st.integers(0, len(fact.fields) + len(fact.words) - 1))
    values = [*fact.fields, *fact.words]
    values[column] = data.draw(texts.filter(lambda text: text != values[column]))
    changed = replace(fact, fields=tuple(values[: len(fact.fields)]), words=tuple(values[len(fact.fields) :]))

    found = check_order(replace(trail, facts=[*trail.facts[:place], changed, *trail.facts[place + 1 :]]))

    assert [each.entry for each in found] == [place + 1]


@settings(max_examples=50)
@given(trails(), st.data())
def test_any_missing_or_moved_entry_is_found(trail: OrderTrail, data: st.DataObject) -> None:
    """A trail with an entry left out, also the last one, or in another's place is not whole."""
    place = data.draw(st.integers(0, len(trail.entries) - 1))
    without = [*trail.entries[:place], *trail.entries[place + 1 :]]
    assert check_order(replace(trail, entries=without))

    target = data.draw(st.integers(0, len(without)))
    moved = [*without[:target], trail.entries[place], *without[target:]]
    renumbered = [replace(entry, chain_no=number) for number, entry in enumerate(moved, start=1)]
    assert bool(check_order(replace(trail, entries=renumbered))) == (renumbered != list(trail.entries))
