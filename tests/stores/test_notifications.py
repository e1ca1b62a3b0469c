"""The outbox: written with the journal, to whom it concerns, claimed by one relay at a time, lost by none."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.journal import AttentionItem, JournalEntry, JournalUpdate
from ordersaga.domain.notifications import EVENTS
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.notifications import Outbox
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from ordersaga.stores.webhook_endpoints import WebhookEndpoints
from tests.fakes.samples import EAST, PLACED_AT, catalog, order

ROOT = Path(__file__).parents[2]
URL = "https://hooks.acme.example/orders"
MOMENT = timedelta(milliseconds=50)
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


async def accepted(pool: Pool, *order_ids: str, seller: str = "acme") -> None:
    """Orders stand with one parcel each."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 500), (EAST, "LAMP", 500)))
    sku = "MUG" if seller == "acme" else "LAMP"
    for order_id in order_ids:
        assert await PostgresStock(pool).confirm_hold(order(order_id, (sku, 1), seller=seller))


async def happened(
    pool: Pool, order_id: str, *kinds: str, status: OrderStatus = OrderStatus.CONFIRMED, number: int = 0
) -> None:
    """The saga records entries, one a minute."""
    entries = tuple(
        JournalEntry(
            entry_id=f"{order_id}-e{number + place}",
            at=PLACED_AT + timedelta(minutes=number + place),
            kind=kind,
            text="Ada Byron said so",
            parcel=1,
        )
        for place, kind in enumerate(kinds)
    )
    await PostgresJournal(pool).record(JournalUpdate(order_id=order_id, status=status, entries=entries))


async def make_due(pool: Pool) -> None:
    """Every wait is over."""
    await pool.execute("UPDATE notifications SET next_attempt_at = now()")


async def test_an_entry_is_told_to_whom_it_concerns(pool: Pool) -> None:
    """The shop hears of all sellers, a seller of its own orders; each only what it chose, and nothing private."""
    endpoints = WebhookEndpoints(pool)
    await accepted(pool, "o1")
    shop, _ = await endpoints.add("http", "https://shop.example", seller=None)
    acme, _ = await endpoints.add("http", URL, seller="acme", types=["order.confirmed", "order.closed"])
    await endpoints.add("http", "https://bolt.example", seller="bolt")

    await happened(pool, "o1", "confirmed", "held", "captured", status=OrderStatus.FULFILLING)

    claimed = await Outbox(pool).claim(10)
    told = {(each.endpoint_id, each.notification.type) for each in claimed}
    assert told == {
        (shop.id, "order.confirmed"),
        (shop.id, "payment.captured"),
        (acme.id, "order.confirmed"),
    }
    (one,) = (each.notification for each in claimed if each.endpoint_id == acme.id)
    assert one.payload() == {
        "type": "order.confirmed",
        "timestamp": "2026-03-01T12:00:00+00:00",
        "data": {
            "order_id": "o1",
            "seller": "acme",
            "channel": "checkout",
            "parcel": 1,
            "status": "fulfilling",
            "text": "The order is confirmed: stock is held and payment is authorized.",
            "detail": None,
        },
    }
    assert len({each.notification.id for each in claimed}) == 3


async def test_a_delay_is_told_with_its_date(pool: Pool) -> None:
    """The shop must tell the shopper the new date; a person's own words in other entries stay in the house."""
    await accepted(pool, "o1")
    await WebhookEndpoints(pool).add("http", "https://shop.example", seller=None)
    await happened(pool, "o1", "delay_notice", "decision")
    details = {each.notification.type: each.notification.detail for each in await Outbox(pool).claim(10)}
    assert set(details) == {"order.delay_notice", "order.decision"}
    assert details["order.delay_notice"]
    assert details["order.decision"] is None


async def test_an_entry_written_twice_is_told_once(pool: Pool) -> None:
    """The saga may repeat what it recorded; an endpoint added in between does not hear the old story."""
    await accepted(pool, "o1")
    await WebhookEndpoints(pool).add("http", URL, seller="acme")
    await happened(pool, "o1", "confirmed")
    await WebhookEndpoints(pool).add("http", "https://shop.example", seller=None)

    await happened(pool, "o1", "confirmed")

    assert await pool.fetchval("SELECT count(*) FROM notifications") == 1


async def test_entry_and_notification_are_one_transaction(pool: Pool) -> None:
    """When the journal cannot be written, nobody is told of what did not happen."""
    await accepted(pool, "o1")
    await WebhookEndpoints(pool).add("http", URL, seller="acme")
    await pool.execute("ALTER TABLE attention ADD CONSTRAINT broken CHECK (kind <> 'x')")
    entry = JournalEntry(entry_id="e1", at=PLACED_AT, kind="confirmed", text="")
    item = AttentionItem(
        item_id="i1", order_id="o1", parcel=1, kind="x", question="?", choices=("skip",), opened_at=PLACED_AT
    )
    update = JournalUpdate(order_id="o1", status=OrderStatus.CONFIRMED, entries=(entry,), attention=(item,))

    with pytest.raises(Exception, match="broken"):
        await PostgresJournal(pool).record(update)

    assert await pool.fetchval("SELECT count(*) FROM notifications") == 0
    assert await pool.fetchval("SELECT count(*) FROM journal") == 0


async def test_concurrent_writers_lose_nothing(pool: Pool) -> None:
    """A late commit of an early entry is told like any other, while relays claim all the time."""
    await accepted(pool, *(f"o{number}" for number in range(20)))
    await WebhookEndpoints(pool).add("http", URL, seller="acme")
    outbox, told, writing = Outbox(pool), [], True

    async def relay() -> None:
        while claimed := await outbox.claim(7) or writing:
            for each in claimed if isinstance(claimed, list) else ():
                told.append((each.notification.order_id, each.notification.type))
                await outbox.mark_delivered(each.notification.id)
            await asyncio.sleep(0)

    async def saga(order_id: str) -> None:
        for number, kind in enumerate(("confirmed", "shipped", "captured", "delivered", "closed")):
            await happened(pool, order_id, kind, number=number)

    relays = [asyncio.create_task(relay()) for _ in range(2)]
    await asyncio.gather(*(saga(f"o{number}") for number in range(20)))
    writing = False
    await asyncio.gather(*relays)

    assert len(told) == len(set(told)) == 100
    assert await pool.fetchval("SELECT count(*) FROM notifications WHERE status = 'delivered'") == 100


async def test_a_lower_sequence_number_committed_later_is_not_lost(pool: Pool) -> None:
    """An entry whose transaction stays open while later ones are delivered is delivered when it commits."""
    await accepted(pool, "o1", "o2")
    await WebhookEndpoints(pool).add("http", URL, seller="acme")
    async with pool.acquire() as slow, slow.transaction():
        await slow.execute("SELECT nextval(pg_get_serial_sequence('journal', 'seq'))")
        await slow.execute("SELECT 1 FROM orders WHERE order_id = 'o1' FOR UPDATE")
        late = asyncio.create_task(happened(pool, "o1", "confirmed"))
        await happened(pool, "o2", "confirmed")
        assert [each.notification.order_id for each in await Outbox(pool).claim(10)] == ["o2"]
    await late

    assert [each.notification.order_id for each in await Outbox(pool).claim(10)] == ["o1"]


async def test_endpoints_take_turns(pool: Pool) -> None:
    """A long queue of one endpoint holds up nobody, and an excluded endpoint gets no more work."""
    await accepted(pool, "o1")
    long, _ = await WebhookEndpoints(pool).add("http", URL, seller="acme")
    await happened(pool, "o1", *["captured"] * 30)
    short, _ = await WebhookEndpoints(pool).add("http", "https://shop.example", seller=None)
    await happened(pool, "o1", "closed", number=30)
    outbox = Outbox(pool)

    first = [each.endpoint_id for each in await outbox.claim(10, per_endpoint=4)]

    assert (first.count(long.id), first.count(short.id)) == (4, 1)
    assert await outbox.claim(10, excluded=[long.id]) == []
    assert len(await outbox.claim(3)) == 3


async def test_a_relay_that_died_loses_nothing(pool: Pool) -> None:
    """When a claim's lease ends without a word, the notification is due again under the same id."""
    await accepted(pool, "o1")
    await WebhookEndpoints(pool).add("http", URL, seller="acme")
    await happened(pool, "o1", "confirmed")
    (first,) = await Outbox(pool).claim(1, lease=MOMENT)
    assert await Outbox(pool).claim(1) == []
    await asyncio.sleep(0.1)

    (second,) = await Outbox(pool).claim(1)

    assert (second.notification, second.attempts) == (first.notification, 2)


async def test_what_is_over_stays_so(pool: Pool) -> None:
    """A late failure does not revive what was delivered, nor does a late success what was given up."""
    await accepted(pool, "o1")
    endpoint, _ = await WebhookEndpoints(pool).add("http", URL, seller="acme")
    await happened(pool, "o1", "confirmed", "captured")
    outbox = Outbox(pool)
    first, second = sorted(await outbox.claim(2), key=lambda each: each.notification.at)
    await outbox.mark_delivered(first.notification.id)
    await outbox.mark_failed(first.notification.id, "too late", datetime.now(UTC))
    await outbox.mark_failed(second.notification.id, "HTTP 500", None)
    await outbox.mark_delivered(second.notification.id)
    await make_due(pool)

    assert await outbox.claim(10) == []
    told = {each.type: (each.status, each.last_error) for each in await outbox.deliveries(endpoint.id, None, 10)}
    assert told == {"order.confirmed": ("delivered", None), "payment.captured": ("failed", "HTTP 500")}
    assert [each.type for each in await outbox.deliveries(endpoint.id, "failed", 10)] == ["payment.captured"]


async def test_a_removed_or_disabled_endpoint_hears_nothing_more(pool: Pool) -> None:
    """Not what is queued, not what comes; its secrets are forgotten when it is removed."""
    await accepted(pool, "o1")
    endpoints, outbox = WebhookEndpoints(pool), Outbox(pool)
    gone, _ = await endpoints.add("http", URL, seller="acme")
    off, _ = await endpoints.add("http", "https://shop.example", seller=None)
    await happened(pool, "o1", "confirmed")

    assert await endpoints.remove(gone.id) is True
    assert await endpoints.remove(gone.id) is False
    assert await endpoints.disable(off.id, "answered 410") is True
    await happened(pool, "o1", "closed", number=1)
    await make_due(pool)

    assert await outbox.claim(10) == []
    assert [each.last_error for each in await outbox.deliveries(gone.id, None, 9)] == ["the endpoint was removed"]
    assert [each.last_error for each in await outbox.deliveries(off.id, None, 9)] == [
        "the endpoint was disabled: answered 410"
    ]
    assert [each.disabled_reason for each in await endpoints.list()] == ["answered 410"]
    assert await pool.fetchval("SELECT secret FROM webhook_endpoints WHERE id = $1", gone.id) == ""


async def test_replay_keeps_ids_and_tells_what_was_missed(pool: Pool) -> None:
    """What was delivered comes again under its id; what was missed comes for the first time."""
    await accepted(pool, "o1")
    await happened(pool, "o1", "confirmed", "held")
    endpoint, _ = await WebhookEndpoints(pool).add("http", URL, seller="acme")
    await happened(pool, "o1", "captured", "delivered", number=2)
    await accepted(pool, "o9", seller="bolt")
    await happened(pool, "o9", "confirmed")
    outbox = Outbox(pool)
    before = {each.notification.type: each.notification for each in await outbox.claim(10)}
    for notification in before.values():
        await outbox.mark_delivered(notification.id)

    again = await outbox.replay(endpoint.id, *EVER)

    assert (again.queued, again.next_since) == (3, None)
    claimed = {each.notification.type: each for each in await outbox.claim(10)}
    assert set(claimed) == {"order.confirmed", "payment.captured", "parcel.delivered"}
    assert all(claimed[name].notification == notification for name, notification in before.items())
    assert {each.attempts for each in claimed.values()} == {1}
    ids = {each.notification.id for each in claimed.values()}
    assert (await outbox.replay(endpoint.id, *EVER)).queued == 3
    await make_due(pool)
    assert {each.notification.id for each in await outbox.claim(10)} == ids


async def test_replay_is_bounded_by_time_and_type(pool: Pool) -> None:
    """From `since` to before `until`, of these types only."""
    await accepted(pool, "o1")
    endpoint, _ = await WebhookEndpoints(pool).add("http", URL, seller="acme")
    await happened(pool, "o1", "confirmed", "captured", "delivered", "closed")
    outbox, minute = Outbox(pool), timedelta(minutes=1)

    assert (await outbox.replay(endpoint.id, PLACED_AT + minute, PLACED_AT + 3 * minute)).queued == 2
    assert (await outbox.replay(endpoint.id, *EVER, types=["order.closed"])).queued == 1
    assert (await outbox.replay("whe_none", *EVER)).queued == 0


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_while(pool: Pool) -> None:
    """New first; after its time the old one signs no more."""
    await accepted(pool, "o1")
    endpoints, outbox = WebhookEndpoints(pool), Outbox(pool)
    endpoint, old = await endpoints.add("http", URL, seller="acme")
    new = await endpoints.rotate_secret(endpoint.id)
    await happened(pool, "o1", "confirmed")

    (claimed,) = await outbox.claim(1)
    assert claimed.secrets == (new, old)
    assert old not in repr(claimed)
    assert URL not in repr(claimed)
    await pool.execute("UPDATE webhook_endpoints SET previous_until = now()")
    await make_due(pool)
    assert [each.secrets for each in await outbox.claim(1)] == [(new,)]
    assert await endpoints.rotate_secret("whe_none") is None


async def test_an_endpoint_is_added_once_and_for_a_known_seller(pool: Pool) -> None:
    """Adding it again would notify twice; after its removal it may come back."""
    await accepted(pool, "o1")
    endpoints = WebhookEndpoints(pool)
    first, _ = await endpoints.add("http", URL, seller="acme")
    await endpoints.add("http", URL, seller=None)
    with pytest.raises(CustomerError, match="endpoint_exists"):
        await endpoints.add("http", URL, seller="acme")
    with pytest.raises(CustomerError, match="seller_unknown"):
        await endpoints.add("http", URL, seller="nobody")

    await endpoints.remove(first.id)

    second, _ = await endpoints.add("http", URL, seller="acme")
    assert [each.id for each in await endpoints.list("acme")] == [second.id]
    assert await endpoints.get(first.id) is None


async def test_old_outcomes_are_forgotten_and_what_waits_is_not(pool: Pool) -> None:
    """Only what is over, and only when it is old."""
    await accepted(pool, "o1")
    endpoint, _ = await WebhookEndpoints(pool).add("http", URL, seller="acme")
    await happened(pool, "o1", "confirmed", "captured", "closed")
    outbox = Outbox(pool)
    claimed = {each.notification.type: each.notification.id for each in await outbox.claim(3)}
    await outbox.mark_delivered(claimed["order.confirmed"])
    await pool.execute("UPDATE notifications SET queued_at = now() - interval '31 days'")
    await outbox.mark_delivered(claimed["payment.captured"])
    await pool.execute("UPDATE notifications SET queued_at = now() WHERE type = 'payment.captured'")

    assert await outbox.prune() is False

    assert {each.type for each in await outbox.deliveries(endpoint.id, None, 9)} == {"payment.captured", "order.closed"}


async def test_new_notifications_wake_the_relays(pool: Pool) -> None:
    """NOTIFY only when somebody is to be told."""
    await accepted(pool, "o1")
    heard: asyncio.Queue[object] = asyncio.Queue()
    async with pool.acquire() as listener:

        def hear(*event: object) -> None:
            heard.put_nowait(event[-1])

        await listener.add_listener("notifications", hear)
        await happened(pool, "o1", "confirmed")
        await WebhookEndpoints(pool).add("http", URL, seller="acme")
        await happened(pool, "o1", "held", number=1)
        await happened(pool, "o1", "closed", number=2)
        assert await asyncio.wait_for(heard.get(), 5) == ""
        await asyncio.sleep(0.05)
        assert heard.empty()
        await listener.remove_listener("notifications", hear)


def test_public_names_are_words_of_their_own() -> None:
    """One name for each kind, `subject.what`; a kind no one mapped stays in the house."""
    names = [event.name for event in EVENTS.values()]
    assert len(names) == len(set(names))
    assert {name.partition(".")[0] for name in names} == {"order", "payment", "parcel", "return"}
    assert not {"held", "ignored", "conflict", "notice", "payment_event", "label_kept"} & set(EVENTS)


def test_nobody_else_writes_the_journal() -> None:
    """A second writer would write entries that nobody is told of."""
    packages = [ROOT / name for name in ("ordersaga", "activities", "workers")]
    files = [file for package in packages for file in package.rglob("*.py")]
    writers = [file.name for file in files if "INSERT INTO journal " in file.read_text(encoding="utf-8")]
    assert writers == ["journal.py"]
