"""Look-ups that come together share a call, and each is answered as it would have been alone."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.gateways.shipbob.finding import MOST, Finder

PAGE = 250


class Orders:
    """Those whose reference begins with `o`; a reference that begins with `!` is refused, whoever is beside it."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.error: Exception | None = None
        self.page = PAGE

    async def ask(self, references: Sequence[str]) -> list[dict[str, Any]]:
        """One call."""
        self.calls.append(list(references))
        await asyncio.sleep(0.01)
        if self.error:
            raise self.error
        if any(name.startswith("!") for name in references):
            raise OperatorError("shipbob_refused", "a reference is refused")
        return [{"reference_id": name} for name in ",".join(references).split(",") if name.startswith("o")][: self.page]


async def test_look_ups_that_come_together_share_calls() -> None:
    """The first goes out at once, the others with the next; each hears of its own order or of none."""
    orders = Orders()
    finder = Finder(orders.ask, PAGE)
    names = [f"o{n}" for n in range(30)] + [f"gone{n}" for n in range(10)]
    found = await asyncio.gather(*(finder.find(name) for name in names))
    assert [order and order["reference_id"] for order in found] == [n if n.startswith("o") else None for n in names]
    assert len(orders.calls) == 1 or [len(call) for call in orders.calls] == [1, 39]


async def test_a_look_up_never_shares_a_call_that_had_begun_before_it() -> None:
    """That one may have looked before the order was made: it proves nothing to who asks later."""
    orders = Orders()
    finder = Finder(orders.ask, PAGE)
    first = asyncio.create_task(finder.find("o1"))
    await asyncio.sleep(0.002)
    await asyncio.gather(first, finder.find("o1"))
    assert orders.calls == [["o1"], ["o1"]]


async def test_a_call_is_not_too_long() -> None:
    """An address has its limits."""
    orders = Orders()
    finder = Finder(orders.ask, PAGE)
    await asyncio.gather(*(finder.find(f"o{n}") for n in range(120)))
    assert max(map(len, orders.calls)) == MOST


async def test_who_is_refused_answers_for_nobody_else() -> None:
    """A list that is refused as a whole is asked one by one."""
    orders = Orders()
    finder = Finder(orders.ask, PAGE)
    asked = [finder.find(name) for name in ("o1", "!bad", "o2")]
    good, bad, other = await asyncio.gather(*asked, return_exceptions=True)
    assert (good, other) == ({"reference_id": "o1"}, {"reference_id": "o2"})
    assert isinstance(bad, OperatorError)


async def test_a_full_page_proves_no_absence() -> None:
    """What is not on it is asked for alone."""
    orders = Orders()
    orders.page = 5
    finder = Finder(orders.ask, 5)
    names = [f"o{n}" for n in range(20)]
    found = await asyncio.gather(*(finder.find(name) for name in names))
    assert [order and order["reference_id"] for order in found] == names


async def test_everybody_hears_that_nobody_answered_and_it_goes_on() -> None:
    """The next look-up is a new call; one who left keeps nobody from an answer."""
    orders = Orders()
    finder = Finder(orders.ask, PAGE)
    orders.error = RetryError("shipbob_no_answer", "no answer", unknown=True)
    failed = await asyncio.gather(*(finder.find(f"o{n}") for n in range(3)), return_exceptions=True)
    assert [type(each) for each in failed] == [RetryError] * 3
    orders.error = None
    leaving = asyncio.create_task(finder.find("o1"))
    staying = asyncio.create_task(finder.find("o2"))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await staying == {"reference_id": "o2"}


async def test_a_list_is_no_reference() -> None:
    """A message may name anything: what would be read as several is none of ours."""
    assert await Finder(Orders().ask, PAGE).find("o1,o2") is None
