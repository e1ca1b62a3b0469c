"""Contract of the EffectLedger port: a balance in which no parcel makes up for another."""

import pytest
import pytest_asyncio

from ordersaga.domain.books import (
    MoneyTransaction,
    Posting,
    allowance,
    allowance_reversed,
    authorization_ended,
    authorized,
    captured,
    goods_shipped,
    goods_unshipped,
    refunded,
    written_off,
)
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.orders import ParcelPlan
from tests.contracts.worlds import World
from tests.fakes.samples import EAST, WEST, catalog, order, sale

VALUE = 1000


class Books:
    """An order of two parcels at 1000 minor units, one from each coast, and ways to write what befell them."""

    def __init__(self, world: World, parcels: tuple[ParcelPlan, ...]) -> None:
        self.world = world
        self.parcels = {plan.parcel: plan for plan in parcels}

    async def effect(
        self,
        step: str,
        parcel: int,
        *money: Posting,
        status: EffectStatus = EffectStatus.DONE,
        generation: int = 1,
        rekeyed: int = 0,
    ) -> None:
        """An effect that came to something, with the money it moved."""
        intent = EffectIntent(order_id="o1", step=step, parcel=parcel, generation=generation, rekeyed=rekeyed)
        await self.world.effects.begin(intent)
        transactions = (_transaction(f"{intent.key}/moved", parcel, *money),) if money else ()
        await self.world.effects.settle(intent.key, EffectOutcome(status=status, transactions=transactions))

    async def authorize(self, parcel: int, amount: int = VALUE, generation: int = 1) -> None:
        """The bank reserved it."""
        await self.effect("authorize", parcel, *authorized(amount), generation=generation)

    async def capture(self, parcel: int, amount: int = VALUE, generation: int = 1) -> None:
        """The money was taken."""
        await self.effect("capture", parcel, *captured(amount, VALUE), generation=generation)

    async def ship(self, parcel: int) -> None:
        """The goods left: units and sale."""
        await self.world.stock.ship("o1", self.parcels[parcel], sale("o1", self.parcels[parcel]))

    async def release(self, parcel: int) -> None:
        """The units went back."""
        await self.world.stock.release("o1", parcel)

    async def post(self, name: str, parcel: int, *money: Posting) -> None:
        """Money that moved without an effect."""
        await self.world.effects.post(_transaction(f"o1/{name}/{parcel}", parcel, *money))

    async def sold(self, *parcels: int) -> None:
        """Parcels with nothing wrong: reserved, handed over, left, paid."""
        for parcel in parcels:
            await self.authorize(parcel)
            await self.effect("hand_off", parcel)
            await self.effect("book_label", parcel)
            await self.ship(parcel)
            await self.capture(parcel)

    async def undone(self, *parcels: int) -> None:
        """Parcels with nothing wrong: everything asked for was given back."""
        for parcel in parcels:
            await self.authorize(parcel)
            await self.effect("hand_off", parcel)
            await self.effect("withdraw", parcel, status=EffectStatus.REFUSED)
            await self.effect("withdraw", parcel, rekeyed=1)
            await self.effect("book_label", parcel)
            await self.effect("void_label", parcel)
            await self.effect("void", parcel, *authorization_ended(VALUE))
            await self.release(parcel)

    async def differences(self) -> list[str]:
        """Why the order may not close."""
        return (await self.world.effects.balance("o1")).differences()


def _transaction(name: str, parcel: int, *money: Posting) -> MoneyTransaction:
    return MoneyTransaction(
        transaction_id=name, order_id="o1", parcel=parcel, currency="USD", memo="test", postings=money
    )


@pytest_asyncio.fixture
async def books(world: World) -> Books:
    """The order with its stock held."""
    await world.load(catalog((EAST, "MUG", 1), (WEST, "TEE", 1)))
    parcels = await world.stock.confirm_hold(order("o1", ("MUG", 1), ("TEE", 1)))
    assert parcels is not None
    assert [plan.parcel for plan in parcels] == [1, 2]
    return Books(world, parcels)


async def test_parcels_shipped_and_paid_or_undone_balance(books: Books) -> None:
    """One sold, one undone: nothing to say."""
    await books.sold(1)
    await books.undone(2)

    assert await books.differences() == []


async def test_one_parcels_money_does_not_pay_for_anothers_goods(books: Books) -> None:
    """Captured without goods beside goods without money: the sums are 0, both parcels are named, each once."""
    await books.authorize(1)
    await books.capture(1)
    await books.release(1)
    await books.ship(2)

    balance = await books.world.effects.balance("o1")

    assert (balance.authorized, balance.receivable, balance.units_held) == (0, 0, 0)
    assert balance.differences() == [
        "parcel 1: 1000 minor units captured, but neither shipped nor refunded",
        "parcel 2: shipped, but neither captured nor written off",
    ]


async def test_an_open_authorization_is_named_by_parcel_and_once(books: Books) -> None:
    """I1; the order's sum is not said as well. Two that cancel each other out are both named."""
    await books.sold(1)
    await books.undone(2)
    await books.authorize(2, generation=2)

    assert await books.differences() == ["parcel 2: authorization of 1000 minor units still open"]
    await books.post("lapsed_twice", 1, *authorization_ended(VALUE))
    assert await books.differences() == [
        "parcel 1: authorization of -1000 minor units still open",
        "parcel 2: authorization of 1000 minor units still open",
    ]


async def test_a_receivable_is_named_by_parcel(books: Books) -> None:
    """I1: partly refunded goods that the shopper keeps, beside a parcel refunded too much."""
    await books.sold(1, 2)
    await books.post("refund", 1, *refunded(400))
    await books.post("refund_reversed", 2, *(Posting(account=p.account, amount=-p.amount) for p in refunded(400)))

    assert await books.differences() == [
        "parcel 1: receivable is 400 minor units, not 0",
        "parcel 2: receivable is -400 minor units, not 0",
    ]


async def test_a_generation_takes_no_more_than_it_reserved(books: Books) -> None:
    """I1: an earlier generation's reservation does not count, whatever the sums say."""
    await books.undone(2)
    await books.authorize(1)
    await books.effect("hand_off", 1)
    await books.ship(1)
    await books.effect("capture", 1, *captured(VALUE, VALUE), generation=2)

    assert await books.differences() == ["parcel 1: 1000 minor units captured, 0 authorized (generation 2)"]


async def test_a_challenge_the_shopper_passed_is_a_reservation(books: Books) -> None:
    """The reservation is entered with `authenticate`; another generation is captured after the first lapsed."""
    await books.undone(2)
    await books.effect("authorize", 1)
    await books.effect("authenticate", 1, *authorized(VALUE))
    await books.ship(1)
    await books.effect("capture", 1, *authorization_ended(VALUE), status=EffectStatus.REFUSED)
    await books.authorize(1, generation=2)
    await books.capture(1, generation=2)

    assert await books.differences() == []


@pytest.mark.parametrize("answer", [None, EffectStatus.REFUSED])
async def test_a_parcel_at_its_provider_has_shipped_or_is_withdrawn(books: Books, answer: EffectStatus | None) -> None:
    """I3: not asked to stop, or refused, and yet never shipped."""
    await books.sold(1)
    await books.authorize(2)
    await books.effect("hand_off", 2)
    await books.effect("void", 2, *authorization_ended(VALUE))
    await books.release(2)
    if answer is not None:
        await books.effect("withdraw", 2, status=answer)

    assert await books.differences() == ["parcel 2: handed to its provider, but neither shipped nor withdrawn"]
    await books.effect("withdraw", 2, rekeyed=1)
    assert await books.differences() == []


async def test_units_set_aside_are_handed_over_or_let_go(books: Books) -> None:
    """I3: also of a parcel that shipped under another generation; one that was refused keeps nothing."""
    await books.sold(1)
    await books.undone(2)
    await books.effect("set_aside", 1)
    await books.effect("set_aside", 2, status=EffectStatus.REFUSED)
    await books.effect("set_aside", 2, generation=2)

    expected = "units are set aside at a provider, and were neither handed over nor let go"
    assert await books.differences() == [f"parcel 2: {expected}"]
    await books.effect("let_go", 2, generation=2)
    assert await books.differences() == []


@pytest.mark.parametrize("answer", [None, EffectStatus.REFUSED])
async def test_a_label_is_used_or_voided(books: Books, answer: EffectStatus | None) -> None:
    """I4: a refused void is fine only where the goods are gone."""
    await books.undone(1, 2)
    await books.effect("book_label", 2, generation=2)
    if answer is not None:
        await books.effect("void_label", 2, generation=2, status=answer)

    expected = "parcel 2: a label was bought, but the parcel neither shipped nor was the label voided"
    assert await books.differences() == [expected]


async def test_a_void_refused_because_the_goods_are_gone_is_fine(books: Books) -> None:
    """I3 and I4: provider and carrier refused, the parcel shipped and was paid."""
    await books.undone(2)
    await books.sold(1)
    await books.effect("withdraw", 1, status=EffectStatus.REFUSED)
    await books.effect("void_label", 1, status=EffectStatus.REFUSED)

    assert await books.differences() == []


async def test_a_shipped_parcel_uses_one_order_and_one_label(books: Books) -> None:
    """I3 and I4: a second of either is still out there."""
    await books.undone(2)
    await books.sold(1)
    await books.effect("hand_off", 1, generation=2)
    await books.effect("book_label", 1, generation=2)

    assert await books.differences() == [
        "parcel 1: 2 live provider orders, at most 1 can be right",
        "parcel 1: 2 live labels, at most 1 can be right",
    ]


async def test_goods_left_are_paid_or_given_up(books: Books) -> None:
    """I5: until an operator writes them off."""
    await books.undone(2)
    await books.ship(1)

    assert await books.differences() == ["parcel 1: shipped, but neither captured nor written off"]
    await books.post("write_off", 1, *written_off(VALUE))
    assert await books.differences() == []


async def test_goods_that_came_to_nothing_are_not_owed(books: Books) -> None:
    """Lost before they were paid, or paid and given back: the sale is reversed, nobody owes anything."""
    await books.ship(1)
    await books.post("lost", 1, *goods_unshipped(VALUE))
    await books.sold(2)
    await books.post("lost", 2, *goods_unshipped(VALUE))
    await books.post("refund", 2, *refunded(VALUE))

    assert await books.differences() == []


async def test_an_allowance_lowers_what_the_shopper_owes(books: Books) -> None:
    """I1: goodwill given back for goods kept is no debt; without its money, or for goods that came back, it is."""
    await books.sold(1, 2)
    await books.post("goodwill", 1, *refunded(300), *allowance(300))
    balance = await books.world.effects.balance("o1")
    assert (balance.captured_net, balance.allowed, balance.receivable) == (1700, 300, 0)
    assert balance.differences() == []

    await books.post("promised", 2, *allowance(200))
    assert await books.differences() == ["parcel 2: receivable is -200 minor units, not 0"]
    await books.post("not_given", 2, *allowance_reversed(200))
    assert await books.differences() == []


async def test_a_parcel_given_away_as_goodwill_is_paid(books: Books) -> None:
    """I5: taken and given back whole, the goods kept."""
    await books.undone(2)
    await books.sold(1)
    await books.post("goodwill", 1, *refunded(VALUE), *allowance(VALUE))

    assert await books.differences() == []


async def test_a_partial_capture_reserves_and_takes_no_more_than_its_goods(books: Books) -> None:
    """I1: 600 of 1000 taken for goods worth 600; the rest of the reservation is gone with it."""
    await books.undone(2)
    await books.authorize(1)
    await books.effect("hand_off", 1)
    await books.world.stock.ship(
        "o1", books.parcels[1], sale("o1", books.parcels[1]).model_copy(update={"postings": goods_shipped(600)})
    )
    await books.capture(1, 600)

    balance = await books.world.effects.balance("o1")
    assert (balance.authorized, balance.captured_net, balance.goods_kept) == (0, 600, 600)
    assert balance.differences() == []


async def test_money_taken_is_for_goods_or_goes_back(books: Books) -> None:
    """I5: captured at confirmation, then canceled."""
    await books.sold(1)
    await books.authorize(2)
    await books.capture(2)
    await books.release(2)

    assert await books.differences() == ["parcel 2: 1000 minor units captured, but neither shipped nor refunded"]
    await books.effect("refund", 2, *refunded(VALUE))
    assert await books.differences() == []


async def test_goods_without_a_sale_are_not_free(books: Books) -> None:
    """I5 by the units: what left without entering the books as sold is found too."""
    await books.undone(2)
    plan = books.parcels[1]
    await books.world.stock.ship("o1", plan, sale("o1", plan).model_copy(update={"postings": ()}))

    assert await books.differences() == ["parcel 1: shipped, but neither captured nor written off"]
    await books.post("sale", 1, *goods_shipped(VALUE), *written_off(VALUE))
    assert await books.differences() == []


async def test_a_parcel_that_is_already_paid_ships_without_money(books: Books) -> None:
    """I5: a reshipment is planned at nothing; were it sold after all, it would be owed."""
    await books.sold(1)
    await books.undone(2)
    again = books.parcels[2].model_copy(update={"parcel": 3, "amount": 0})
    assert await books.world.stock.replan("o1", [again]) is True
    books.parcels[3] = again
    assert await books.differences() == ["1 units still held"]
    await books.effect("hand_off", 3)
    assert await books.differences() == [
        "parcel 3: handed to its provider, but neither shipped nor withdrawn",
        "1 units still held",
    ]

    await books.ship(3)

    assert await books.differences() == []
    await books.post("sold_after_all", 3, *goods_shipped(VALUE))
    assert await books.differences() == ["parcel 3: shipped, but neither captured nor written off"]


async def test_a_hand_off_that_was_withdrawn_is_not_live(books: Books) -> None:
    """I3 and I4: undone and asked for anew under the next generation, a shipped parcel uses one of each."""
    await books.undone(2)
    for step in ("hand_off", "withdraw", "book_label", "void_label"):
        await books.effect(step, 1)
    for step in ("hand_off", "book_label"):
        await books.effect(step, 1, generation=2)
    await books.authorize(1)
    await books.ship(1)
    await books.capture(1)

    assert await books.differences() == []
    await books.effect("hand_off", 1, generation=3)
    assert await books.differences() == ["parcel 1: 2 live provider orders, at most 1 can be right"]
