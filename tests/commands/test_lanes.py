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


async def test_a_breaker_is_set_by_hand_and_its_history_shown(terminal: Terminal) -> None:
    """Opened, closed, left to itself; then who did what, and why."""
    opened = await terminal("lanes", "open", LANE, "--reason", "orders get lost", "--for", "2h", "--by", "ada")
    assert opened.code == 0, opened.err
    assert opened.out.startswith(f"the breaker of {LANE} is open since ")
    closed = await terminal("lanes", "close", LANE, "--reason", "only their listing fails", "--json")
    assert json.loads(closed.out)["breaker"]["state"] == "closed"
    left = await terminal("lanes", "auto", LANE, "--reason", "repaired")
    assert (left.code, left.out) == (0, f"the breaker of {LANE} is closed\n")
    shown = await terminal("lanes", "history", LANE)
    rows = [line for line in shown.out.splitlines() if "breaker" in line and "test operator" in line]
    assert ["ada" in row for row in rows] == [True, False, False]
    assert [why in row for row, why in zip(rows, ("orders get lost", "listing", "repaired"), strict=True)] == [True] * 3
    deeds = json.loads((await terminal("lanes", "history", LANE, "--json")).out)["deeds"]
    assert len(deeds) == 3


async def test_refusals_are_one_line(terminal: Terminal) -> None:
    """With the remedy."""
    unknown = await terminal("lanes", "pause", "books", "--reason", "test")
    assert unknown.code == 1
    assert LANE in unknown.err
    bad = await terminal("lanes", "pause", LANE, "--reason", "test", "--for", "soon")
    assert (bad.code, "30m" in bad.err) == (2, True)
