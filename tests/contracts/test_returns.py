"""Contract of the ReturnStore and Exchanges ports."""

from datetime import timedelta

import pytest

from ordersaga.domain.books import MoneyTransaction, captured
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.journal import AttentionItem, JournalEntry, JournalUpdate, ParcelAddress
from ordersaga.domain.orders import LineQuantity, Order, Payment
from ordersaga.domain.returns import (
    ExchangeAnswer,
    InspectedLine,
    Inspection,
    Opened,
    Refusal,
    ReturnAsk,
    ReturnReason,
    ReturnRecord,
    ReturnRequest,
    ReturnStatus,
    ReturnUpdate,
    ReturnWish,
)
from ordersaga.domain.statuses import OrderStatus
from tests.contracts.worlds import World
from tests.fakes.samples import EAST, PLACED_AT, address, catalog, order, sale

NOW = PLACED_AT + timedelta(days=3)


def asked(quantity: int = 1, **changes: object) -> ReturnAsk:
    """A request to return MUGs."""
    more = {name: changes.pop(name) for name in ("key", "number") if name in changes}
    lines = (LineQuantity(sku="MUG", quantity=quantity),)
    request = ReturnRequest(lines=lines, reason=ReturnReason.UNWANTED, by="shopper").model_copy(update=changes)
    return ReturnAsk(request, **more)  # type: ignore[arg-type]


async def delivered(world: World) -> Order:
    """Order o1 of two MUG has ended with its one parcel at the shopper's, paid for."""
    await world.load(catalog((EAST, "MUG", 5), (EAST, "TEE", 5)))
    bought = order("o1", ("MUG", 2))
    (plan,) = await world.stock.confirm_hold(bought) or ()
    await world.stock.ship("o1", plan, sale("o1", plan))
    paid = MoneyTransaction(
        transaction_id="t1", order_id="o1", parcel=1, currency="USD", memo="paid", postings=captured(2000, 0)
    )
    await world.effects.post(paid)
    arrived = JournalEntry(entry_id="saga-1", at=PLACED_AT + timedelta(days=1), kind="delivered", text="", parcel=1)
    await world.journal.record(
        JournalUpdate(order_id="o1", status=OrderStatus.COMPLETED, outcome="confirmed", entries=(arrived,))
    )
    return bought


async def opened(world: World, ask: ReturnAsk) -> ReturnRecord:
    """A return that was accepted."""
    answer = await world.returns.open("o1", ask, NOW)
    assert isinstance(answer, Opened), answer
    return answer.record


async def shown(world: World) -> OrderStatus:
    """What lists show for o1."""
    record = await world.journal.get("o1")
    assert record is not None
    return record.status


async def test_the_label_back_is_sold_by_the_account_that_sold_the_way_out(world: World) -> None:
    """Of several generations the last that was bought; without any label of ours, the first account."""
    await delivered(world)
    bought = EffectOutcome(status=EffectStatus.DONE)
    for generation, account, outcome in (
        (1, "courier", EffectOutcome(status=EffectStatus.REFUSED, code="no_rates")),
        (2, "ups", bought),
    ):
        label = EffectIntent(order_id="o1", step="book_label", parcel=1, generation=generation, account=account)
        await world.effects.begin(label)
        await world.effects.settle(label.key, outcome)
    assert (await opened(world, asked())).case.account == "ups"


async def test_a_parcel_comes_back_from_where_it_went(world: World) -> None:
    """Not from where the order goes; an exchange for it goes where the order goes."""
    bought = await delivered(world)
    went = address(city="Boston", region="MA")
    alone = (ParcelAddress(parcel=1, ship_to=went),)
    await world.journal.record(JournalUpdate(order_id="o1", status=OrderStatus.COMPLETED, elsewhere=alone))
    case = (await opened(world, asked())).case
    assert (case.order.ship_to, case.way_out.ship_to) == (bought.ship_to, went)
    stands = await world.returns.get("o1", 1)
    assert stands is not None
    assert stands.case == case


async def test_an_accepted_return_stands_with_its_order_and_story(world: World) -> None:
    """In one transaction: the return, the order's status, the first line of the story."""
    bought = await delivered(world)
    record = await opened(world, asked())
    assert record.case.account is None
    assert (record.case.number, record.case.order, record.case.delivered_at) == (1, bought, PLACED_AT + timedelta(1))
    assert record.status is ReturnStatus.REQUESTED
    stored = await world.returns.get("o1", 1)
    assert stored is not None
    assert (stored.case, stored.status, stored.started) == (record.case, ReturnStatus.REQUESTED, False)
    assert await shown(world) is OrderStatus.RETURNING
    kinds = [line.kind for line in await world.journal.timeline("o1") if line.source == "journal"]
    assert kinds == ["delivered", "return_requested"]
    facts = await world.returns.parcel("o1", 1)
    assert facts is not None
    assert (facts.captured, facts.payment, facts.delivered_at) == (2000, 1, PLACED_AT + timedelta(days=1))
    assert await world.returns.parcel("o1", 2) is None
    assert await world.returns.get("o1", 2) is None


async def test_the_same_request_again_is_the_same_return(world: World) -> None:
    """By key or by number; other words under them are refused, and change nothing."""
    await delivered(world)
    first = await opened(world, asked(key="k"))
    for ask in (asked(key="k"), asked(number=1), asked(key="k", number=1)):
        again = await world.returns.open("o1", ask, NOW)
        assert isinstance(again, Opened)
        assert (again.repeated, again.record.case) == (True, first.case)
    other = await world.returns.open("o1", asked(key="k", reason=ReturnReason.DAMAGED), NOW)
    assert isinstance(other, Refusal)
    assert other.code == "return_mismatch"
    assert len(await world.returns.of_order("o1")) == 1


async def test_no_unit_comes_back_twice(world: World) -> None:
    """What an open return has, another cannot have; a refusal leaves no trace."""
    await delivered(world)
    await opened(world, asked(2))
    answer = await world.returns.open("o1", asked(), NOW)
    assert isinstance(answer, Refusal)
    assert answer.code == "returned_before"
    assert [record.case.number for record in await world.returns.of_order("o1")] == [1]
    with pytest.raises(CustomerError, match="order_not_found"):
        await world.returns.open("nosuch", asked(), NOW)


async def test_what_changed_is_written_with_the_orders_status(world: World) -> None:
    """Recorded twice is recorded once; the last unit back makes the order returned."""
    await delivered(world)
    record = await opened(world, asked(2))
    found = Inspection(lines=(InspectedLine(sku="MUG", sellable=1, damaged=1),), by="w", reason="scratched")
    changes = {
        "status": ReturnStatus.REFUNDED,
        "inspection": found,
        "refunded": 2000,
        "carrier": "ups",
        "tracking_number": "1Z",
        "label_url": "https://l.example",
        "instructions": "send it",
        "reason": "scratched",
        "exchange_order_id": "o1x1",
    }
    ended = record.model_copy(update=changes)
    entry = JournalEntry(entry_id="return-1-1", at=NOW, kind="return_closed", text="closed", parcel=1)
    item = AttentionItem(
        item_id="o1-r1-a1", order_id="o1", parcel=1, kind="k", question="q", choices=("a",), opened_at=NOW
    )
    for _ in range(2):
        await world.returns.record(ReturnUpdate(record=ended, entries=(entry,), attention=(item,)))
    stored = await world.returns.get("o1", 1)
    assert stored is not None
    assert stored.started
    assert stored.model_copy(update={"started": False, "updated_at": None}) == ended
    assert await shown(world) is OrderStatus.RETURNED
    kinds = [line.kind for line in await world.journal.timeline("o1") if line.source == "journal"]
    assert kinds.count("return_closed") == 1
    assert [open_.item_id for open_ in await world.journal.open_attention()] == ["o1-r1-a1"]


async def test_goodwill_stands_beside_an_order_that_stays_completed(world: World) -> None:
    """Open and given; asked for again it is the same; an open one keeps its amount from the others."""
    await delivered(world)
    gift = ReturnRequest(wish=ReturnWish.KEEP, reason=ReturnReason.GOODWILL, amount=1500, by="ann", note="late")
    first = await opened(world, ReturnAsk(gift, key="g"))
    assert (first.case.request, first.case.plan.parcel, await shown(world)) == (gift, 1, OrderStatus.COMPLETED)
    again = await world.returns.open("o1", ReturnAsk(gift, key="g"), NOW)
    assert isinstance(again, Opened)
    assert again.repeated
    second = await world.returns.open("o1", ReturnAsk(gift), NOW)
    assert isinstance(second, Refusal)
    assert second.code == "too_much"
    stored = await world.returns.get("o1", 1)
    assert stored is not None
    assert stored.case.request == gift
    ended = stored.model_copy(update={"status": ReturnStatus.REFUNDED, "refunded": 1500})
    await world.returns.record(ReturnUpdate(record=ended))
    assert await shown(world) is OrderStatus.COMPLETED
    kinds = [line.kind for line in await world.journal.timeline("o1") if line.source == "journal"]
    assert kinds == ["delivered", "goodwill_requested"]
    await opened(world, asked(2))
    assert await shown(world) is OrderStatus.RETURNING


async def test_a_return_that_comes_to_nothing_leaves_the_order_completed(world: World) -> None:
    """Its units may be asked for again, as the next return."""
    await delivered(world)
    record = await opened(world, asked(2))
    await world.returns.record(ReturnUpdate(record=record.model_copy(update={"status": ReturnStatus.CANCELED})))
    assert await shown(world) is OrderStatus.COMPLETED
    assert (await opened(world, asked(2))).case.number == 2
    unknown = record.model_copy(update={"case": record.case.model_copy(update={"number": 9})})
    with pytest.raises(OperatorError, match="return_missing"):
        await world.returns.record(ReturnUpdate(record=unknown))


async def test_an_exchange_is_accepted_once_and_linked(world: World) -> None:
    """Its units are held; it is decided when its saga has said so; repeated, it is the same order."""
    await delivered(world)
    wanted = order("o1x1", ("TEE", 2), payment=Payment(payment_method="pm_card_visa", customer="cus_ada"))
    waiting = ExchangeAnswer(order_id="o1x1", decided=False, placed=False)
    assert await world.exchanges.place(wanted, "o1-r1") == waiting
    assert await world.exchanges.place(wanted, "o1-r1") == waiting
    assert (await world.units())[EAST, "TEE"] == (5, 2)
    story = [line for line in await world.journal.timeline("o1x1") if line.kind == "exchange_for"]
    assert [line.text for line in story] == ["in exchange for return o1-r1"]
    await world.journal.record(JournalUpdate(order_id="o1x1", status=OrderStatus.CONFIRMED, outcome="confirmed"))
    assert await world.exchanges.look("o1x1") == ExchangeAnswer(order_id="o1x1", decided=True, placed=True)
    with pytest.raises(OperatorError, match="exchange_missing"):
        await world.exchanges.look("nosuch")


async def test_an_exchange_that_is_sold_out_holds_nothing(world: World) -> None:
    """The reason names the SKU."""
    await delivered(world)
    answer = await world.exchanges.place(order("o1x1", ("TEE", 6)), "o1-r1")
    assert (answer.decided, answer.placed, answer.reason) == (True, False, "sold out: TEE")
    assert (await world.units())[EAST, "TEE"] == (5, 0)
