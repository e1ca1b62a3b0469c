"""Many things done a few at a time, so that whoever asked sees how far it is and what each came to.

The page holds what is left: each answer does the next few and brings the form for the rest, which sends itself. What is
left when the page is closed stays as it was.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData

from ordersaga.console.forms import text

MOST: Final = 1000
"""Things that may be chosen at once, as the API takes them."""
_TALLY: Final = "tally."


@dataclass(frozen=True)
class Batch:
    """`now` is done by this request, `rest` afterwards; `tally`: what came of those before. `total`: all of them."""

    now: tuple[str, ...]
    rest: tuple[str, ...]
    total: int
    tally: Mapping[str, int]

    def done(self, rows: Sequence[Mapping[str, Any]], settled: str) -> "Done":
        """What it came to. What the API does not speak of was `settled` before."""
        tally = Counter(self.tally)
        tally.update(str(row["result"]) for row in rows)
        tally.update({settled: len(self.now) - len(rows)})
        return Done(tuple(rows), self.rest, self.total, {name: count for name, count in tally.items() if count > 0})


@dataclass(frozen=True)
class Done:
    """How far it is: the `rows` of this part, and the `tally` of all so far by result."""

    rows: tuple[Mapping[str, Any], ...]
    rest: tuple[str, ...]
    total: int
    tally: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many of `total` are behind us."""
        return self.total - len(self.rest)


def batch_of(form: FormData, size: int) -> Batch:
    """The next `size` of the ids that a form names."""
    ids = tuple(dict.fromkeys(str(each) for each in form.getlist("id")))[:MOST]
    tally = {
        name.removeprefix(_TALLY): _number(form, name, 0) for name in form if isinstance(name, str) and _is_tally(name)
    }
    return Batch(ids[:size], ids[size:], max(len(ids), _number(form, "total", 0)), tally)


def _is_tally(name: str) -> bool:
    return name.startswith(_TALLY)


def _number(form: FormData, name: str, otherwise: int) -> int:
    value = text(form, name)
    return int(value) if value.isdecimal() and len(value) <= len(str(MOST)) else otherwise
