"""What people look at in the console, on a real command line before a real API whose running orders are a stub."""

import json
from datetime import UTC, datetime

from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.lanes import provider_lane
from ordersaga.domain.people import Identity, PersonRole
from ordersaga.domain.statuses import OrderStatus
from tests.support.api import attention, order_body
from tests.support.database import database_server, database_url
from tests.support.terminal import Terminal, terminal

__all__ = ["database_server", "database_url", "terminal"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LANE = provider_lane("shipbob")


async def place(terminal: Terminal, order_id: str = "web_1") -> None:
    """Place an order of one MUG."""
    assert (await terminal.api.post("/v1/orders", order_body(order_id=order_id))).status_code == 202


async def deed(terminal: Terminal, number: int, text: str) -> None:
    """Somebody did this with the order, so many minutes after noon."""
    at = NOON.replace(minute=number)
    entry = JournalEntry(entry_id=f"e{number}", at=at, kind="hold", text=text)
    await terminal.api.services.journal.note("web_1", entry)


async def sign_in(terminal: Terminal, name: str, role: PersonRole, seller: str | None = None) -> str:
    """Somebody signs in to the console; their session's id."""
    identity = Identity(issuer="tests", subject=name, name=name, role=role, seller=seller)
    token = await terminal.api.services.people.sign_in(identity)
    session = await terminal.api.services.people.verify(token)
    assert session is not None
    return session.id


async def test_who_did_what_is_listed_found_and_paged(terminal: Terminal) -> None:
    """By person and time, newest first; a kind that there is not names those there are; a seller's key sees its own."""
    await place(terminal)
    await deed(terminal, 1, "ada placed hold fraud: odd")
    await deed(terminal, 2, "grace placed hold stock: counted")
    listed = (await terminal("audit", "deeds")).out
    assert listed.index("grace placed hold") < listed.index("ada placed hold")
    assert "order web_1" in listed
    found = json.loads((await terminal("audit", "deeds", "--by", "ada", "--json")).out)["deeds"]
    assert [(each["by"], each["subject"]) for each in found] == [("ada", "web_1")]
    early = (await terminal("audit", "deeds", "--until", "2026-03-01T12:02Z")).out
    assert ("ada" in early, "grace" in early) == (True, False)
    first = (await terminal("audit", "deeds", "--limit", "1")).out
    cursor = first.rpartition("more: --cursor ")[2].strip()
    rest = (await terminal("audit", "deeds", "--limit", "1", "--cursor", cursor)).out
    assert ("grace" in first, "ada" in rest, "grace" in rest) == (True, True, False)
    wrong = await terminal("audit", "deeds", "--kind", "shipped")
    assert (wrong.code, "use one of breaker_set" in wrong.err) == (1, True)
    soon = await terminal("audit", "deeds", "--since", "soon")
    assert (soon.code, soon.err) == (
        2,
        "ordersaga: --since 'soon' is no age or time; write 90m, 24h, 7d, or 2026-03-01T08:00Z\n",
    )
    terminal.api.keys["bolt"] = await terminal.api.services.api_keys.issue("operator", "bolt", "bolt")
    theirs = await terminal("audit", "deeds", "--json", role="bolt")
    assert json.loads(theirs.out)["deeds"] == []


async def test_a_record_is_checked_through_the_api(terminal: Terminal) -> None:
    """Exit code 0 as it was written, 1 once it was changed, with what is wrong; 1 for an order that there is not."""
    await place(terminal)
    await deed(terminal, 1, "ada placed hold fraud: odd")
    sound = await terminal("audit", "check", "web_1")
    assert (sound.code, sound.out.startswith("as it was written: entries ")) == (0, True), sound.err
    async with terminal.api.services.pool.acquire() as work, work.transaction():
        await work.execute("SET LOCAL session_replication_role = replica")
        await work.execute("UPDATE journal SET text = 'nothing' WHERE kind = 'hold'")
    changed = await terminal("audit", "check", "web_1")
    assert (changed.code, "\nchanged: entries " in changed.out) == (1, True)
    told = await terminal("audit", "check", "web_1", "--json")
    assert (told.code, json.loads(told.out)["intact"]) == (1, False)
    ghost = await terminal("audit", "check", "ghost")
    assert (ghost.code, ghost.out, "ghost" in ghost.err) == (1, "", True)


async def test_sessions_are_listed_and_ended_by_an_admin(terminal: Terminal) -> None:
    """Who is signed out so is in the list of sign-ins; nobody but an admin does or sees it."""
    ann = await sign_in(terminal, "ann", "operator")
    bob = await sign_in(terminal, "bob", "support", "acme")
    listed = await terminal("sessions", "list", role="admin")
    assert [line for line in listed.out.splitlines() if ann in line and "ann" in line and "all" in line]
    ended = await terminal("sessions", "end", bob, role="admin")
    assert (ended.code, ended.out) == (0, f"{bob} is ended\n"), ended.err
    left = json.loads((await terminal("sessions", "list", "--json", role="admin")).out)["sessions"]
    assert [each["id"] for each in left] == [ann]
    again = await terminal("sessions", "end", bob, "--json", role="admin")
    assert (again.code, again.out, "no session" in again.err) == (1, "", True)
    for words in (("list",), ("end", ann)):
        refused = await terminal("sessions", *words)
        assert (refused.code, refused.out, "the role operator may not do this" in refused.err) == (1, "", True)
    told = (await terminal("audit", "sign-ins", "--limit", "2")).out
    assert "ended by test admin" in told
    newest = json.loads((await terminal("audit", "sign-ins", "--json")).out)["sign_ins"]
    assert [(each["what"], each["name"]) for each in newest] == [
        ("ended", "bob"),
        ("signed_in", "bob"),
        ("signed_in", "ann"),
    ]
    older = (await terminal("audit", "sign-ins", "--before", str(newest[1]["id"]))).out
    assert ("ann" in older, "bob" in older) == (True, False)


async def test_the_ledgers_and_the_links_of_an_order_are_shown(terminal: Terminal) -> None:
    """Units line by line with what stands in each account; its workflow in Temporal's UI."""
    await place(terminal)
    books = (await terminal("order", "books", "web_1")).out
    assert "available to held" in books
    told = json.loads((await terminal("order", "books", "web_1", "--json")).out)
    assert [(each["account"], each["quantity"]) for each in told["unit_totals"]] == [("held", 1)]
    assert told["money"] == []
    links = await terminal("order", "links", "web_1")
    assert "/namespaces/default/workflows/order-web_1" in links.out
    assert (await terminal("order", "links", "ghost")).code == 1


async def test_questions_are_counted_by_cause(terminal: Terminal) -> None:
    """With the age of the oldest and the money at stake; only those that match."""
    for number, cents in ((1, 500), (2, 1500)):
        await place(terminal, f"web_{number}")
        item = attention(f"web_{number}", f"web_{number}-a1").model_copy(update={"money": cents, "currency": "USD"})
        update = JournalUpdate(order_id=f"web_{number}", status=OrderStatus.NEEDS_ATTENTION, attention=(item,))
        await terminal.api.services.journal.record(update)
    (row,) = [line for line in (await terminal("attention", "groups")).out.splitlines() if "unknown_capture" in line]
    assert "USD 20.00" in row
    assert json.loads((await terminal("attention", "groups", "--seller", "bolt", "--json")).out)["groups"] == []


async def test_a_surge_is_told_seller_by_seller(terminal: Terminal) -> None:
    """With the time left to ship, and what waits in lanes; a seller's key is told its own, and of no lane."""
    await place(terminal)
    told = json.loads((await terminal("surge", "--by-seller", "--json")).out)
    assert [(each["seller"], each["accepted"]) for each in told["sellers"]] == [("acme", 1)]
    tables = (await terminal("surge", "--by-seller")).out
    assert "Not shipped, by the time left until the promise" in tables
    assert [line for line in tables.splitlines() if "acme" in line and "1" in line]
    assert LANE in tables
    terminal.api.keys["bolt"] = await terminal.api.services.api_keys.issue("operator", "bolt", "bolt")
    theirs = (await terminal("surge", "--by-seller", role="bolt")).out
    assert ("acme" in theirs, LANE in theirs, "all" in theirs) == (False, False, True)
    whole = json.loads((await terminal("surge", "--json")).out)
    assert sum(whole["orders"].values()) == 1
    assert (await terminal("surge")).out.startswith("orders:")
    watched = await terminal("surge", "--by-seller", "--watch", "1")
    assert (watched.code, "--watch is for a terminal" in watched.err) == (2, True)


async def test_a_lane_is_steered_only_after_its_preview_says_what_it_does(terminal: Terminal) -> None:
    """--preview does nothing, for each of the words."""
    before = (await terminal("lanes", "--json")).out
    for words in (("pause", "--for", "2h"), ("open",), ("close",)):
        outcome = await terminal("lanes", words[0], LANE, "--reason", "trying", "--preview", *words[1:])
        assert outcome.code == 0, outcome.err
        assert len(outcome.out.splitlines()) >= 2
        assert outcome.out.endswith("nothing was done: leave out --preview to do it\n")
    assert (await terminal("lanes", "--json")).out == before
    effect = json.loads((await terminal("lanes", "open", LANE, "--reason", "x", "--preview", "--json")).out)["effect"]
    assert effect
