"""Half a minute of hostile input at every door of a whole stack."""

from pathlib import Path

import pytest

from tests.fuzz.messages import MESSAGES
from tests.fuzz.run import fuzz, opened
from tests.fuzz.tally import shown
from tests.support.api import ROLES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


async def test_no_door_breaks(tmp_path: Path) -> None:
    """Every door is tried, every role asks, and nothing is answered by 5xx, by silence or by an unforeseen error."""
    async with opened(tmp_path) as ground:
        outcome = await fuzz(ground, 0.5, 7, print)
    table = shown(outcome.tallies)
    assert outcome.good, "\n".join([table, *(told for each in outcome.tallies for told in each.kept)])
    doors = {each.door for each in outcome.tallies}
    assert {f"webhook {source}, signed" for source in MESSAGES} | {"codec decode", "codec encode"} <= doors
    assert outcome.asked.roles.keys() == {*ROLES, "nobody"}, table
