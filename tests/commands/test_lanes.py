"""`ordersaga lanes`: a real command line before a real API."""

import json

from ordersaga.domain.lanes import provider_lane
from tests.support.database import database_server, database_url
from tests.support.terminal import Terminal, terminal

__all__ = ["database_server", "database_url", "terminal"]

LANE = provider_lane("shipbob")


async def test_a_lane_is_seen_paused_and_resumed(terminal: Terminal) -> None:
    """With its rate, what waits, until when it is paused, by whom and why."""
    paused = await terminal("lanes", "pause", LANE, "--reason", "they repair it", "--for", "2h", "--by", "ada")
    assert paused.code == 0, paused.err
    assert paused.out.startswith(f"{LANE} is paused until ")
    assert "ada" in paused.out
    listed = await terminal("lanes")
    (row,) = [line for line in listed.out.splitlines() if LANE in line]
    assert all(word in row for word in ("60 of 120", "150", "7", "they repair it"))
    views = json.loads((await terminal("lanes", "--json")).out)["lanes"]
    assert [view["lane"] for view in views if view["paused"]] == [LANE]
    resumed = await terminal("lanes", "resume", LANE, "--reason", "it answers")
    assert (resumed.code, resumed.out) == (0, f"{LANE} is not paused\n")


async def test_refusals_are_one_line(terminal: Terminal) -> None:
    """With the remedy."""
    unknown = await terminal("lanes", "pause", "books", "--reason", "test")
    assert unknown.code == 1
    assert LANE in unknown.err
    bad = await terminal("lanes", "pause", LANE, "--reason", "test", "--for", "soon")
    assert (bad.code, "30m" in bad.err) == (2, True)
