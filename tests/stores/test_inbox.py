"""Webhook inbox: once each, to one relay at a time, until delivered."""

import asyncio
from datetime import timedelta

import pytest

from ordersaga.domain.retention import PERIODS
from ordersaga.privacy.master_keys import read_master_keys
from ordersaga.stores.inbox import _WAITING, WebhookInbox
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.message_record import _MOVE, _over
from ordersaga.stores.pools import Pool
from ordersaga.stores.retention import BATCH
from ordersaga.stores.vault import vault_of
from tests.privacy.keys import ONE

MOMENT = timedelta(milliseconds=50)


async def make_due(pool: Pool) -> None:
    """Every wait is over."""
    await pool.execute("UPDATE webhook_inbox SET next_attempt_at = now()")


async def test_a_message_is_stored_once(pool: Pool) -> None:
    """The sender's repeat is recognized by its id at its source, and the first body stays."""
    inbox = WebhookInbox(pool)

    assert await inbox.store("stripe", "evt_1", "o1", {"n": 1}) is True
    assert await inbox.store("stripe", "evt_1", "o1", {"n": 2}) is False
    assert await inbox.store("shipbob", "evt_1", None, {"n": 3}) is True

    first, second = await inbox.claim(10)
    assert (first.source, first.source_id, first.order_id, first.body) == ("stripe", "evt_1", "o1", {"n": 1})
    assert first.attempts == 1
    assert (second.source, second.order_id, second.body) == ("shipbob", None, {"n": 3})


@pytest.mark.parametrize("keys", ["", ONE])
async def test_a_hostile_message_costs_nobody_an_error(pool: Pool, keys: str) -> None:
    """NUL and halves of surrogate pairs, which PostgreSQL refuses, are replaced; everything else stays.

    Sealed bodies too: what reads them later could not send such text to anybody.
    """
    inbox = WebhookInbox(pool, vault=vault_of(pool, read_master_keys(keys) if keys else None))

    assert await inbox.store("stripe", "evt\u0000", None, {"name": "a\u0000b\ud800", "smile": "\U0001f600"}) is True
    assert await inbox.store("stripe", "evt\u0000", None, {}) is False
    (message,) = await inbox.claim(1)
    assert message.body == {"name": "a\ufffdb\ufffd", "smile": "\U0001f600"}
    assert await inbox.mark_failed(message.id, "bad\u0000") is True


async def test_relays_share_the_work(pool: Pool) -> None:
    """Relays that claim at once get different messages, and together all of them."""
    inbox = WebhookInbox(pool)
    for number in range(20):
        await inbox.store("stripe", f"evt_{number}", None, {})

    claims = await asyncio.gather(*(inbox.claim(5) for _ in range(6)))

    claimed = [message.source_id for claim in claims for message in claim]
    assert len(claimed) == len(set(claimed))
    rest = await inbox.claim(20)
    assert {message.source_id for message in rest}.isdisjoint(claimed)
    assert len(claimed) + len(rest) == 20


async def test_a_relay_that_died_loses_nothing(pool: Pool) -> None:
    """When a claim's lease ends without a word, the message is due again."""
    inbox = WebhookInbox(pool)
    await inbox.store("stripe", "evt_1", None, {})
    assert len(await inbox.claim(1, lease=MOMENT)) == 1
    assert await inbox.claim(1) == []
    await asyncio.sleep(0.1)

    assert [message.attempts for message in await inbox.claim(1)] == [2]


async def test_what_was_delivered_or_ignored_stays_so(pool: Pool) -> None:
    """A finished message is not claimed again, and a late failure does not revive it."""
    inbox = WebhookInbox(pool)
    await inbox.store("stripe", "evt_1", None, {})
    await inbox.store("stripe", "evt_2", "o2", {})
    first, second = await inbox.claim(2)
    await inbox.mark_delivered(first.id, order_id="o1")
    await inbox.mark_ignored(second.id, "not ours")
    assert await inbox.mark_failed(first.id, "too late") is False
    await make_due(pool)

    assert await inbox.claim(10) == []
    assert await inbox.count_by_status() == {"delivered": 1, "ignored": 1}
    story = await PostgresJournal(pool).timeline("o1")
    assert [(line.source, line.kind, line.text) for line in story] == [
        ("message", "stripe", "message from stripe: passed on")
    ]
    assert [line.text for line in await PostgresJournal(pool).timeline("o2")] == [
        "message from stripe: ignored (not ours)"
    ]


async def test_failures_wait_longer_and_then_stop(pool: Pool) -> None:
    """Each failure doubles the wait; after the last attempt the message is kept for a person, who may requeue it."""
    inbox = WebhookInbox(pool, max_attempts=3)
    await inbox.store("stripe", "evt_1", None, {})
    waits, outcomes = [], []
    for _ in range(3):
        await make_due(pool)
        (message,) = await inbox.claim(1)
        outcomes.append(await inbox.mark_failed(message.id, "no such workflow"))
        waits.append(await pool.fetchval("SELECT next_attempt_at - clock_timestamp() FROM webhook_inbox"))

    assert outcomes == [True, True, False]
    assert [round(wait.total_seconds()) for wait in waits] == [1, 2, 4]
    await make_due(pool)
    assert await inbox.claim(1) == []
    assert await inbox.count_by_status() == {"failed": 1}
    assert [(failed.id, failed.error) for failed in await inbox.failed(9)] == [(message.id, "no such workflow")]
    requeued = await inbox.requeue(message.id)
    assert requeued is not None
    assert (requeued.id, requeued.source, requeued.source_id) == (message.id, "stripe", "evt_1")
    assert await inbox.requeue(message.id) is None
    assert [again.attempts for again in await inbox.claim(1)] == [1]


async def test_a_new_message_wakes_the_relays(pool: Pool) -> None:
    """Only a message that was new is announced."""
    inbox = WebhookInbox(pool)
    heard: asyncio.Queue[object] = asyncio.Queue()
    async with pool.acquire() as listener:

        def hear(*event: object) -> None:
            heard.put_nowait(event[-1])

        await listener.add_listener("inbox", hear)
        await inbox.store("stripe", "evt_1", None, {})
        await inbox.store("stripe", "evt_1", None, {})
        assert await asyncio.wait_for(heard.get(), 5) == "1"
        await asyncio.sleep(0.05)
        assert heard.empty()
        await listener.remove_listener("inbox", hear)


_DELIVERED = """
INSERT INTO webhook_inbox (source, source_id, body, status, delivered_at)
SELECT 'stripe', 'old_' || n, '{}', 'delivered', now() FROM generate_series(1, 100000) AS n
"""


async def test_what_is_asked_all_the_time_does_not_read_all_messages(pool: Pool) -> None:
    """A hundred thousand were delivered: what waits is counted without them, what is old is looked for at one end."""
    inbox = WebhookInbox(pool)
    await inbox.store("stripe", "evt_1", None, {})
    await pool.execute(_DELIVERED)
    await pool.execute("ANALYZE webhook_inbox")
    assert await inbox.waiting() == {"pending": 1, "failed": 0}
    for statement, arguments in ((_WAITING, ()), (_MOVE, (*_over(), BATCH, PERIODS["webhook_record"]))):
        rows = await pool.fetch(f"EXPLAIN {statement}", *arguments)
        plan = [row[0] for row in rows]
        assert [line for line in plan if "Seq Scan on webhook_inbox" in line] == [], plan
