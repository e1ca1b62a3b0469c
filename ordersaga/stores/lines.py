"""Lines of those who wait: joining them, and what is told of it. A line is one of `ordersaga.domain.capacity`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ordersaga.domain.capacity import Line
from ordersaga.domain.journal import JournalEntry
from ordersaga.stores.journal import begin_stories
from ordersaga.stores.pools import Connection, columns

_LENGTHS = "SELECT line, count(*) AS length FROM waiting_lines WHERE line = ANY($1::text[]) GROUP BY line"
# The sequence gives places in the order in which rows arrive here.
_JOIN = """
WITH joined AS (
    INSERT INTO waiting_orders (order_id, until)
    SELECT order_id, until FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS new(order_id, until, turn)
    ORDER BY turn RETURNING order_id, place)
INSERT INTO waiting_lines (line, place, order_id)
SELECT new.line, place, order_id FROM joined JOIN unnest($3::text[], $4::text[]) AS new(order_id, line) USING (order_id)
"""
_STAND_IN = """
INSERT INTO waiting_lines (line, place, order_id)
SELECT new.line, place, order_id FROM waiting_orders JOIN unnest($1::text[], $2::text[]) AS new(order_id, line)
USING (order_id) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Joining:
    """An order that begins to wait, in all these lines, until then; `text` says for what."""

    order_id: str
    lines: frozenset[Line]
    until: datetime
    text: str


async def join_lines(work: Connection, joining: Sequence[Joining]) -> dict[str, int]:
    """Let orders wait, first come first served; returns how far back each stands in its longest line, from 1."""
    if not joining:
        return {}
    pairs = [(one.order_id, line) for one in joining for line in sorted(one.lines)]
    lengths = Counter(await _lengths(work, {line for _, line in pairs}))
    places: dict[str, int] = {}
    for one in joining:
        lengths.update(one.lines)
        places[one.order_id] = max(lengths[line] for line in one.lines)
    await work.execute(_JOIN, [one.order_id for one in joining], [one.until for one in joining], *columns(pairs, 2))
    await begin_stories(work, [(one.order_id, _told(one, places[one.order_id])) for one in joining])
    return places


def _told(one: Joining, place: int) -> JournalEntry:
    text = f"{one.text}; place {place}, until {one.until:%d %b %H:%M} UTC"
    return JournalEntry(entry_id="waitlist-1", at=datetime.now(UTC), kind="waitlisted", text=text)


async def stand_in(work: Connection, more: Iterable[tuple[str, Line]]) -> None:
    """Let waiting orders stand in further lines, by (order id, line); their arrival counts there too."""
    await work.execute(_STAND_IN, *columns(more, 2))


async def _lengths(work: Connection, lines: set[Line]) -> dict[Line, int]:
    return {row["line"]: row["length"] for row in await work.fetch(_LENGTHS, sorted(lines))}
