"""`ordersaga webhooks`: a real command line before a real API."""

import json

from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from tests.fakes.samples import PLACED_AT, order
from tests.support.database import database_server, database_url
from tests.support.terminal import Terminal, terminal

__all__ = ["database_server", "database_url", "terminal"]

URL = "https://hooks.acme.example/orders"


async def test_an_endpoint_lives_and_goes(terminal: Terminal) -> None:
    """Its secret is shown when it is added and when it is rotated, and not in the list."""
    added = await terminal("webhooks", "add", URL, "--seller", "acme", "--type", "order.confirmed")
    facts = {name: value.strip() for name, _, value in (line.partition(":") for line in added.out.splitlines())}
    assert added.code == 0, added.err
    assert (facts["url"], facts["seller"], facts["hears"]) == (URL, "acme", "order.confirmed")
    assert facts["secret"].startswith("whsec_")

    listed = await terminal("webhooks", "list")
    assert facts["id"] in listed.out
    assert "whsec_" not in listed.out
    rotated = json.loads((await terminal("webhooks", "rotate-secret", facts["id"], "--json")).out)
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != facts["secret"]

    removed = await terminal("webhooks", "remove", facts["id"])
    assert (removed.code, removed.out) == (0, f"{facts['id']} is removed\n")
    assert json.loads((await terminal("webhooks", "list", "--json")).out) == {"endpoints": []}


async def test_deliveries_are_listed_and_replayed(terminal: Terminal) -> None:
    """A delivery given up on is shown with its reason, and sent again under its id."""
    services = terminal.api.services
    made = json.loads((await terminal("webhooks", "add", URL, "--json")).out)
    assert await services.stock.confirm_hold(order("o1"))
    entry = JournalEntry(entry_id="e1", at=PLACED_AT, kind="confirmed", text="")
    await services.journal.record(JournalUpdate(order_id="o1", status=OrderStatus.CONFIRMED, entries=(entry,)))
    (claimed,) = await services.outbox.claim(1)
    await services.outbox.mark_failed(claimed.notification.id, "HTTP 500: no", None)

    failed = await terminal("webhooks", "deliveries", made["id"], "--status", "failed")
    assert claimed.notification.id in failed.out
    assert "HTTP 500: no" in failed.out
    assert claimed.notification.id not in (await terminal("webhooks", "deliveries", made["id"], "--status=pending")).out

    again = await terminal("webhooks", "replay", made["id"], "--since", "2026-03-01", "--type", "order.confirmed")
    assert (again.code, again.out) == (0, "sent again: 1\n")
    (row,) = json.loads((await terminal("webhooks", "deliveries", made["id"], "--json")).out)["deliveries"]
    assert (row["id"], row["status"], row["attempts"]) == (claimed.notification.id, "pending", 0)
    none = await terminal("webhooks", "replay", made["id"], "--since", "2026-03-01T13:00:00Z", "--until=2026-04-01")
    assert none.out == "sent again: 0\n"


async def test_refusals_are_one_line(terminal: Terminal) -> None:
    """With the remedy."""
    refused = await terminal("webhooks", "add", "http://hooks.acme.example")
    assert (refused.code, "use https; http is for loopback only" in refused.err) == (1, True)
    mail = await terminal("webhooks", "add", "mailto:ops@acme.example")
    assert (mail.code, "ORDERSAGA_SMTP_HOST" in mail.err) == (1, True)
    when = await terminal("webhooks", "replay", "whe_none", "--since", "yesterday")
    assert (when.code, "2026-03-01T12:00:00Z" in when.err) == (2, True)
