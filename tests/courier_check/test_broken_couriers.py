"""The checks catch couriers that do one thing wrong, and say which."""

from collections.abc import Collection
from pathlib import Path

import pytest

from ordersaga.courier_check import Outcome, Report, Target, check_courier
from tests.courier_check.broken import BROKEN
from tests.courier_check.support import KEY, courier

QUICK = [
    "buys twice",
    "ignores other bodies",
    "says voided after the scan",
    "lets everybody in",
    "answers plain errors",
]
QUICK += ["goes everywhere", "proves nothing", "picks up at any minute"]
HARMLESS = frozenset({"unknown_shipments", "quotes_keep_to_the_zones"})
"""They find nothing at any of these couriers, but meet answers and problems for `published_api` to judge."""


async def judged(name: str, data: Path, only: Collection[str] = ()) -> Report:
    """What the checks say of a broken courier."""
    async with courier(data, BROKEN[name][0]) as url:
        return await check_courier(Target(url, KEY), only=only)


def failures(report: Report) -> dict[str, str]:
    """Why each failed check failed."""
    return {each.name: each.reason for each in report.results if each.outcome is Outcome.FAILED}


@pytest.mark.parametrize("name", QUICK)
async def test_what_is_wrong_is_found(name: str, tmp_path: Path) -> None:
    """The checks that concern it fail, each with a reason; two that do not pass."""
    expected = BROKEN[name][1]
    report = await judged(name, tmp_path, expected | HARMLESS)
    assert failures(report).keys() == expected
    assert all(failures(report).values())
    assert not report.good


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", BROKEN)
async def test_nothing_else_is_complained_of(name: str, tmp_path: Path) -> None:
    """Of all checks exactly those fail that concern it."""
    report = await judged(name, tmp_path)
    assert failures(report).keys() == BROKEN[name][1]
