"""A pay link: the shopper pays on a page of the payment company's, and the hold waits a bounded time for it."""

from datetime import timedelta
from typing import Any

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import Order, Payment
from ordersaga.domain.payments import LINK_LIVES, PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World

BACK = "https://shop.example/thanks"
LINK = Payment(pay_link=True, return_url=BACK)
DAY = timedelta(days=1)


async def linked(world: World, *lines: tuple[str, int], **changes: Any) -> tuple[Order, Handle]:
    """An order whose checkout was told where the shopper can pay; no way in is kept anywhere."""
    placed = world.order(*lines, payment=LINK, **changes)
    answer, handle = await world.checkout(placed)
    assert (answer.outcome, answer.status) == (ConfirmOutcome.ACTION_REQUIRED, OrderStatus.ACTION_REQUIRED)
    assert answer.next_action is not None
    assert answer.next_action.payment_id == world.payment(placed).payment_id
    assert (answer.next_action.kind, answer.next_action.url) == ("redirect", None)
    return placed, handle


async def paid(world: World, placed: Order, handle: Handle) -> None:
    """The shopper pays on the page, and the payment company says so."""
    assert world.payments.pay_on_page(world.payment(placed).payment_id)
    await world.payment_moved(handle)


async def test_paid_on_the_page_the_order_ships(world: World) -> None:
    """Reserved on the page, captured at the first scan as the payment made there, the books balanced."""
    placed, handle = await linked(world)
    await paid(world, placed, handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert [call[0] for call in world.payments.called("capture")] == [world.payment(placed).payment_id]
    assert len(world.payments.called("authorize")) == 1
    await world.balanced(placed)


async def test_page_closes_no_sooner_than_the_company_allows_and_no_later_than_a_day(world: World) -> None:
    """A short window still makes a page that may exist; a long one waits no longer than the page lives."""
    least, most = LINK_LIVES
    for window, lives in ((timedelta(minutes=5), least), (5 * DAY, most)):
        placed, handle = await linked(world, terms={"payment_window": window})
        asked = world.payments.requests[-1].link
        assert asked is not None
        assert abs(asked.expires_at - placed.placed_at - lives) < timedelta(minutes=2)
        assert asked.return_url == BACK
        await world.cancel(handle)


async def test_abandoned_page_is_closed_and_the_hold_released(world: World) -> None:
    """Nobody paid in time: units back, and nobody can pay the dead order any more."""
    placed, handle = await linked(world)
    await world.pass_time(handle, timedelta(minutes=16))
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.REJECTED, "payment_abandoned")
    assert not world.payments.pay_on_page(world.payment(placed).payment_id)
    assert world.units()["ca-1", "MUG"] == (10, 0)
    assert world.provider.calls == []
    await world.balanced(placed)


async def test_paid_in_the_last_moment_is_found_and_given_back(world: World) -> None:
    """Paid after the order was given up: entered into the books, then voided whole; nothing ships."""
    placed, handle = await linked(world)
    page = world.payment(placed).payment_id
    world.down(world.payments, "void", 1)
    real = world.payments.void

    async def void_after_payment(payment_id: str, *, key: str) -> Any:
        world.payments.pay_on_page(page)
        return await real(payment_id, key=key)

    world.payments.void = void_after_payment  # type: ignore[method-assign]
    answer = await world.cancel(handle)
    result = await world.result(handle)
    assert (answer.outcome, result.status, result.captured) == ("canceled", OrderStatus.CANCELED, 0)
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert world.provider.calls == []
    await world.balanced(placed)


async def test_payment_after_the_last_look_is_told_as_given_back(world: World) -> None:
    """Canceled when the shopper had just paid unheard: the story says what went back."""
    placed, handle = await linked(world)
    world.payments.pay_on_page(world.payment(placed).payment_id)
    await world.cancel(handle)
    result = await world.result(handle)
    assert result.status is OrderStatus.CANCELED
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert "voided" in world.story(placed)
    await world.balanced(placed)


async def test_every_parcel_is_reserved_with_what_the_shopper_chose(world: World) -> None:
    """The first parcel's payment is made on the page and saved; the other's is charged to the same method."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await linked(world, ("MUG", 1), ("TEE", 1))
    await paid(world, placed, handle)
    await world.until(handle, lambda view: [p.status for p in view.parcels] == [ParcelStatus.ACCEPTED] * 2)
    first, second = world.payments.requests
    assert (first.payment_method, first.save_for_later, second.link) == ("", True, None)
    assert (second.payment_method, second.off_session) == ("pm_card_visa", True)
    assert second.customer == world.payment(placed).customer
    result = await world.deliver(handle, 1, 2)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 2000)
    await world.balanced(placed)


async def test_lost_answer_makes_no_second_page(world: World) -> None:
    """Nobody heard whether the page was made: the same key gives the same one."""
    world.payments.fail_next("authorize", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    placed, handle = await linked(world)
    assert len({call[2] for call in world.payments.called("authorize")}) == 1
    assert len(world.payments.payments) == 1
    assert world.payments.called("find") == []
    await world.cancel(handle)
    await world.balanced(placed)


async def test_closed_page_declines_the_order(world: World) -> None:
    """The payment company closed the page by itself: declined, units back."""
    placed, handle = await linked(world)
    page = world.payment(placed)
    closed = {"status": PaymentStatus.VOIDED, "code": "pay_link_expired"}
    world.payments.payments[page.payment_id] = page.model_copy(update=closed)
    await world.payment_moved(handle)
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.REJECTED, "pay_link_expired")
    assert world.units()["ca-1", "MUG"] == (10, 0)
    await world.balanced(placed)
