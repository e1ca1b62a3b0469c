"""What became of a return, in words: what was found, given back and placed in exchange. Pure rules."""

from collections.abc import Iterable, Iterator
from typing import Final

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.journal import JournalEntry, TimelineEntry
from ordersaga.domain.return_rules import words
from ordersaga.domain.returns import Inspection, ReturnRecord

_LIMITED: Final = ("refund_limited",)
_EXCHANGE: Final = ("exchange_placed", "exchange_not_placed", "exchange_undecided")


def outcome_told(record: ReturnRecord, story: Iterable[JournalEntry | TimelineEntry]) -> list[str]:
    """Sentences about a return's outcome so far. `story`: its lines, or those of its whole order, oldest first."""
    return [*_found(record), *_lasting(record.case.return_id, list(story))]


def _found(record: ReturnRecord) -> Iterator[str]:
    """The money given back, and the units it was not given back for. Goodwill names its amount already."""
    inspection = record.inspection
    if record.refunded and not record.case.request.keeps_goods:
        back = inspection.units("accepted") if inspection else record.case.request.lines
        yield f"{format_amount(record.refunded, record.case.order.currency)} was given back for {words(back)}."
    if inspection is not None:
        yield from _not_accepted(inspection)


def _not_accepted(inspection: Inspection) -> Iterator[str]:
    if missing := inspection.units("missing"):
        yield f"Missing: {words(missing)}."
    if refused := inspection.units("refused"):
        yield f"Refused and sent back: {words(refused)}."


def _lasting(return_id: str, story: list[JournalEntry | TimelineEntry]) -> Iterator[str]:
    """The last line about a refund that was limited, and about the exchange."""
    mine = f"{return_id}: "
    for kinds in (_LIMITED, _EXCHANGE):
        said = [entry.text for entry in story if entry.kind in kinds and entry.text.startswith(mine)]
        if said:
            text = said[-1].removeprefix(mine)
            yield f"{text[:1].upper()}{text[1:]}."
