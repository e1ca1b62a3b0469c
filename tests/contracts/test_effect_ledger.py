"""Contract of the EffectLedger port."""

import asyncio
from datetime import timedelta

import pytest

from ordersaga.domain.books import MoneyTransaction, Posting, authorization_ended, authorized, captured, written_off
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from tests.contracts.worlds import World

MOMENT = timedelta(milliseconds=60)
INTENT = EffectIntent(order_id="o1", step="authorize", parcel=0, amount=3300, currency="USD")
KEY = INTENT.key


def money(*postings: Posting, name: str = KEY) -> MoneyTransaction:
    """A transaction of order o1."""
    return MoneyTransaction(
        transaction_id=name, order_id="o1", parcel=0, currency="USD", memo="test", postings=postings
    )


DONE = EffectOutcome(status=EffectStatus.DONE, external_id="pi_1", transactions=(money(*authorized(3300)),))
REFUSED = EffectOutcome(status=EffectStatus.REFUSED, code="card_declined", message="no")
UNKNOWN = EffectOutcome(status=EffectStatus.UNKNOWN, code="timeout")


async def test_the_first_attempt_is_fresh(world: World) -> None:
    """A new intention may call at once, and what was written can be found."""
    row = await world.effects.begin(INTENT)

    assert (row.key, row.status, row.fresh, row.attempts) == ("o1/authorize/0/1", EffectStatus.INTENDED, True, 1)
    assert (row.amount, row.currency) == (3300, "USD")
    found = await world.effects.find("o1", "authorize", 0)
    assert found == row.model_copy(update={"fresh": False})


async def test_an_effect_stays_at_the_account_it_was_intended_at(world: World) -> None:
    """On record from before its call; the same key at another account is a conflict, also for the first account."""
    label = EffectIntent(order_id="o1", step="book_label", parcel=1, account="ups")
    assert (await world.effects.begin(label)).account == "ups"
    await world.effects.settle(label.key, UNKNOWN)
    for account in (None, "courier"):
        with pytest.raises(OperatorError) as conflict:
            await world.effects.begin(label.model_copy(update={"account": account}))
        assert conflict.value.code == "effect_conflict"
    found = await world.effects.find("o1", "book_label", 1)
    assert found is not None
    assert (found.account, found.status, found.attempts) == ("ups", EffectStatus.UNKNOWN, 1)
    other = await world.effects.begin(label.model_copy(update={"account": None, "generation": 2}))
    assert (other.account, other.fresh) == (None, True)


async def test_a_second_attempt_waits_for_the_lease(world: World) -> None:
    """While the first attempt may be calling, the second is told how long to wait."""
    await world.effects.begin(INTENT)

    with pytest.raises(RetryError) as busy:
        await world.effects.begin(INTENT)

    assert (busy.value.code, busy.value.unknown) == ("effect_in_flight", False)
    assert busy.value.retry_after is not None
    assert timedelta(seconds=6) < busy.value.retry_after <= INTENT.lease


async def test_one_of_two_attempts_at_once_is_fresh(world: World) -> None:
    """Of simultaneous attempts exactly one may call; all the others wait."""
    results = await asyncio.gather(*(world.effects.begin(INTENT) for _ in range(6)), return_exceptions=True)

    assert sum(not isinstance(result, BaseException) and result.fresh for result in results) == 1
    assert [type(result) for result in results if isinstance(result, BaseException)] == [RetryError] * 5


async def test_after_the_lease_the_next_attempt_must_inquire(world: World) -> None:
    """An attempt that died leaves an intention: the next one is not fresh, and holds the lease itself."""
    await world.effects.begin(INTENT.model_copy(update={"lease": MOMENT}))
    await asyncio.sleep(0.1)

    row = await world.effects.begin(INTENT)

    assert (row.status, row.fresh, row.attempts) == (EffectStatus.INTENDED, False, 2)
    with pytest.raises(RetryError, match="effect_in_flight"):
        await world.effects.begin(INTENT)


async def test_unknown_ends_the_lease(world: World) -> None:
    """A call without an answer is written as unknown, and the next attempt inquires at once."""
    await world.effects.begin(INTENT)
    await world.effects.settle(KEY, UNKNOWN)

    row = await world.effects.begin(INTENT)

    assert (row.status, row.code, row.fresh) == (EffectStatus.UNKNOWN, "timeout", False)
    assert (await world.effects.balance("o1")).unsettled_effects == (KEY,)


@pytest.mark.parametrize("outcome", [DONE, REFUSED], ids=["done", "refused"])
async def test_a_known_outcome_is_returned_without_calling(world: World, outcome: EffectOutcome) -> None:
    """An attempt that finds the effect settled gets its outcome."""
    await world.effects.begin(INTENT)
    await world.effects.settle(KEY, outcome)

    row = await world.effects.begin(INTENT)

    assert (row.status, row.external_id, row.code) == (outcome.status, outcome.external_id, outcome.code)
    assert (row.fresh, row.attempts) == (False, 1)
    assert (await world.effects.balance("o1")).unsettled_effects == ()


async def test_settling_moves_money_once(world: World) -> None:
    """The same outcome twice writes its transactions once."""
    await world.effects.begin(INTENT)
    await world.effects.settle(KEY, DONE)
    await world.effects.settle(KEY, DONE)

    assert (await world.effects.balance("o1")).authorized == 3300


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (REFUSED, DONE),
        (DONE, REFUSED),
        (DONE, DONE.model_copy(update={"external_id": "pi_2"})),
    ],
    ids=["done-after-refused", "refused-after-done", "other-id"],
)
async def test_a_contradiction_changes_nothing(world: World, first: EffectOutcome, second: EffectOutcome) -> None:
    """A second outcome that contradicts the first is an operator's question; row and money stay."""
    await world.effects.begin(INTENT)
    await world.effects.settle(KEY, first)
    before = (await world.effects.find("o1", "authorize", 0), await world.effects.balance("o1"))

    with pytest.raises(OperatorError) as refused:
        await world.effects.settle(KEY, second)

    assert refused.value.code == "effect_conflict"
    assert (await world.effects.find("o1", "authorize", 0), await world.effects.balance("o1")) == before


async def test_not_knowing_does_not_unsettle(world: World) -> None:
    """A slow attempt that reports unknown after another settled it changes nothing."""
    await world.effects.begin(INTENT)
    await world.effects.settle(KEY, DONE)
    await world.effects.settle(KEY, UNKNOWN)

    found = await world.effects.find("o1", "authorize", 0)
    assert found is not None
    assert (found.status, found.external_id, found.code) == (EffectStatus.DONE, "pi_1", None)


async def test_settling_what_was_never_intended_is_refused(world: World) -> None:
    """An outcome without an intention is a broken contract."""
    with pytest.raises(OperatorError) as refused:
        await world.effects.settle(KEY, DONE)

    assert refused.value.code == "effect_missing"
    assert (await world.effects.balance("o1")).authorized == 0


async def test_a_key_stands_for_one_amount(world: World) -> None:
    """The same key for another amount is refused: it would be another effect."""
    await world.effects.begin(INTENT)
    await world.effects.settle(KEY, UNKNOWN)

    with pytest.raises(OperatorError) as refused:
        await world.effects.begin(INTENT.model_copy(update={"amount": 1}))

    assert refused.value.code == "effect_conflict"
    assert (await world.effects.begin(INTENT)).amount == 3300


async def test_find_returns_the_latest_generation(world: World) -> None:
    """A new generation is another row, and the one that counts."""
    await world.effects.begin(INTENT)
    await world.effects.settle(KEY, REFUSED)
    await world.effects.begin(INTENT.model_copy(update={"generation": 2}))

    found = await world.effects.find("o1", "authorize", 0)

    assert found is not None
    assert (found.generation, found.status) == (2, EffectStatus.INTENDED)
    first = await world.effects.find("o1", "authorize", 0, generation=1)
    assert first is not None
    assert (first.generation, first.status) == (1, EffectStatus.REFUSED)
    assert await world.effects.find("o1", "authorize", 0, generation=3) is None
    assert await world.effects.find("o1", "authorize", 1) is None


async def test_a_key_given_up_is_followed_by_another_of_its_generation(world: World) -> None:
    """A stored failure ends its key, not its generation: the new key stands beside it and is the latest."""
    await world.effects.begin(INTENT)
    await world.effects.settle(KEY, EffectOutcome(status=EffectStatus.REFUSED, code="stored_failure"))

    again = await world.effects.begin(INTENT.model_copy(update={"rekeyed": 1}))

    assert (again.key, again.generation, again.fresh) == (f"{KEY}.1", 1, True)
    found = await world.effects.find("o1", "authorize", 0)
    assert found is not None
    assert found.key == again.key


async def test_unbalanced_money_is_refused_with_its_outcome(world: World) -> None:
    """Postings that do not sum to zero undo the whole settlement."""
    await world.effects.begin(INTENT)
    lopsided = DONE.model_copy(update={"transactions": (money(authorized(3300)[0]),)})

    with pytest.raises(OperatorError) as refused:
        await world.effects.settle(KEY, lopsided)

    assert refused.value.code == "integrity_violation"
    found = await world.effects.find("o1", "authorize", 0)
    assert found is not None
    assert found.status is EffectStatus.INTENDED
    assert (await world.effects.balance("o1")).authorized == 0


async def test_one_transaction_id_stands_for_one_set_of_postings(world: World) -> None:
    """Posting the same again is harmless; other postings under the same id are refused."""
    await world.effects.post(money(*authorized(3300)))
    await world.effects.post(money(*authorized(3300)))

    with pytest.raises(OperatorError) as refused:
        await world.effects.post(money(*authorized(1)))

    assert refused.value.code == "transaction_conflict"
    assert (await world.effects.balance("o1")).authorized == 3300


async def test_the_balance_of_a_life_in_the_books(world: World) -> None:
    """Each account shows where the money stands, from reservation to write-off."""
    await world.effects.post(money(*authorized(3300), name="a"))
    await world.effects.post(money(*authorization_ended(300), name="b"))
    await world.effects.post(money(*captured(2500, 3000), name="c"))
    await world.effects.post(money(*written_off(500), name="d"))

    balance = await world.effects.balance("o1")

    assert (balance.authorized, balance.captured_net, balance.goods_kept) == (0, 2500, 0)
    assert (balance.receivable, balance.written_off, balance.units_held) == (-3000, 500, 0)
    other = await world.effects.balance("o2")
    assert other.differences() == []
    assert other.captured_net == 0
