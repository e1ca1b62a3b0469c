"""Units set aside at a provider, beside letting them go: also where nobody knows how far it came."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.providers import ENDED_THERE
from activities.setting_aside import LetGo, SettingAside
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from tests.activities.conftest import HAND_OFF, REFERENCE, WITHDRAW, Bench
from tests.fakes.shipping import FakeProvider

LOST = RetryError("timeout", "no answer", unknown=True)
LET_GO = LetGo(provider="shipbob", order_id="o1", parcel=1, generation=1)


@pytest.fixture
def bench() -> Bench:
    """A provider that reserves."""
    fresh = Bench()
    fresh.at(FakeProvider(books_carrier=True, reserves=True, memory=fresh.memory))
    return fresh


@pytest.fixture
def aside(bench: Bench) -> SettingAside:
    """The activities at it."""
    return SettingAside({"shipbob": bench.provider}, bench.effects, bench.ledger)


async def test_units_are_set_aside_once_and_let_go_once(bench: Bench, aside: SettingAside) -> None:
    """Twice asked, once reserved; twice let go, once canceled; before that there is nothing to let go."""
    assert await aside.let_go(LET_GO) is CancelDecision.NOTHING_TO_UNDO
    assert await aside.set_aside(HAND_OFF) == await aside.set_aside(HAND_OFF)
    assert bench.provider.orders[REFERENCE].status is ParcelStatus.PLANNED
    assert [await aside.let_go(LET_GO) for _ in range(2)] == [CancelDecision.CANCELED] * 2
    assert [len(bench.provider.called(each)) for each in ("reserve", "cancel")] == [1, 1]
    assert [bench.row(step).status for step in ("set_aside", "let_go")] == [EffectStatus.DONE] * 2


@pytest.mark.parametrize("after_doing", [True, False])
async def test_what_nobody_knows_to_be_kept_is_looked_up_before_it_is_let_go(
    bench: Bench, aside: SettingAside, after_doing: bool
) -> None:
    """It was kept: canceled. It was not: on record as refused once that is proved, and nothing is sent."""
    bench.provider.fail_next("reserve", LOST, after_doing=after_doing)
    with pytest.raises(ApplicationError):
        await aside.set_aside(HAND_OFF)
    if not after_doing:
        with pytest.raises(ApplicationError, match="not_visible_yet"):
            await aside.let_go(LET_GO)
        bench.time_has_passed()
    decision = await aside.let_go(LET_GO)
    assert decision is (CancelDecision.CANCELED if after_doing else CancelDecision.NOTHING_TO_UNDO)
    assert bench.row("set_aside").status is (EffectStatus.DONE if after_doing else EffectStatus.REFUSED)
    assert len(bench.provider.called("cancel")) == int(after_doing)


async def test_what_was_handed_over_is_not_let_go(bench: Bench, aside: SettingAside) -> None:
    """It ships; and whoever did not know whether it was kept knows it now."""
    bench.provider.fail_next("reserve", LOST)
    with pytest.raises(ApplicationError):
        await aside.set_aside(HAND_OFF)
    assert (await bench.providers.hand_off(HAND_OFF)).accepted
    assert bench.row("set_aside").status is EffectStatus.DONE
    assert await aside.let_go(LET_GO) is CancelDecision.NOTHING_TO_UNDO
    assert bench.provider.orders[REFERENCE].status is ParcelStatus.ACCEPTED


async def test_a_withdrawal_does_not_take_what_is_kept_for_handed_over(bench: Bench, aside: SettingAside) -> None:
    """The hand-off never arrived: refused for good once that is proved; what is kept is still to be let go."""
    await aside.set_aside(HAND_OFF)
    bench.provider.fail_next("submit", LOST)
    with pytest.raises(ApplicationError):
        await bench.providers.hand_off(HAND_OFF)
    with pytest.raises(ApplicationError, match="not_visible_yet"):
        await bench.providers.withdraw(WITHDRAW)
    bench.time_has_passed()
    assert await bench.providers.withdraw(WITHDRAW) is CancelDecision.NOTHING_TO_UNDO
    assert bench.row("hand_off").status is EffectStatus.REFUSED
    assert await aside.let_go(LET_GO) is CancelDecision.CANCELED


async def test_a_withdrawal_of_what_arrived_after_all_cancels_it_once(bench: Bench, aside: SettingAside) -> None:
    """The hand-off's answer was lost: withdrawn as a parcel, and nothing is left to let go."""
    await aside.set_aside(HAND_OFF)
    bench.provider.fail_next("submit", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await bench.providers.hand_off(HAND_OFF)
    assert await bench.providers.withdraw(WITHDRAW) is CancelDecision.CANCELED
    assert await aside.let_go(LET_GO) is CancelDecision.NOTHING_TO_UNDO
    assert len(bench.provider.called("cancel")) == 1


@pytest.mark.parametrize("lost", [True, False])
async def test_a_hand_off_of_what_ended_there_is_refused(bench: Bench, aside: SettingAside, lost: bool) -> None:
    """Answered or looked up, a canceled order ships nothing: refused for good under this reference."""
    await aside.set_aside(HAND_OFF)
    bench.provider.advance(REFERENCE, ParcelStatus.CANCELED)
    if lost:
        bench.provider.fail_next("submit", LOST, after_doing=True)
        with pytest.raises(ApplicationError):
            await bench.providers.hand_off(HAND_OFF)
    with pytest.raises(ApplicationError, match=ENDED_THERE):
        await bench.providers.hand_off(HAND_OFF)
    assert bench.row("hand_off").code == ENDED_THERE
    assert await aside.let_go(LET_GO) is CancelDecision.CANCELED


async def test_what_a_provider_refuses_later_is_not_set_aside(bench: Bench, aside: SettingAside) -> None:
    """Its answer was lost, and its order is canceled when it is looked up: nothing is kept, nothing is let go."""
    bench.provider.fail_next("reserve", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await aside.set_aside(HAND_OFF)
    bench.provider.advance(REFERENCE, ParcelStatus.CANCELED, detail="not valid")
    told = await aside.set_aside(HAND_OFF)
    assert (told.set_aside, told.code) == (False, "not_set_aside")
    assert await aside.let_go(LET_GO) is CancelDecision.NOTHING_TO_UNDO
    assert bench.provider.called("cancel") == []


async def test_only_a_provider_that_reserves_is_asked(bench: Bench, aside: SettingAside) -> None:
    """An operator's matter, not a failed order's."""
    plain = SettingAside({"shipbob": FakeProvider()}, bench.effects, bench.ledger)
    with pytest.raises(ApplicationError, match="sets_nothing_aside"):
        await plain.set_aside(HAND_OFF)
    bench.provider.fail_next("reserve", OperatorError("out_of_stock", "too few units"))
    with pytest.raises(ApplicationError) as caught:
        await aside.set_aside(HAND_OFF)
    assert (caught.value.type, bench.row("set_aside").code) == ("refused", "out_of_stock")
