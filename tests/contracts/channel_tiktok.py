"""The worlds of the Channel contract: a marketplace, and the hands of its buyers and of the network."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ordersaga.channel_ports import Channel
from ordersaga.domain.channels import ChannelShipment
from ordersaga.domain.errors import RateLimitedError, RetryError
from ordersaga.gateways.tiktok_shop.channel import TikTokShop
from tests.fakes.channels import FakeChannel
from tests.gateways.tiktok_shop_support import NUMBER, place
from tests.support.emulators import EmulatorProcess

Lines = tuple[tuple[str, int, int], ...]
PATHS = {
    "ship": "/ship$",
    "cancel": "/cancellations$",
    "answer_cancel_request": "/(approve|reject)$",
    "changed_since": "/orders/search$",
    "open_cancel_requests": "/cancellations/search$",
    "give_back": "/returns$",
}


@dataclass(frozen=True)
class Market:
    """A marketplace under test.

    `place`: a buyer orders (SKU, quantity, price), with shipping of 4.99 and taxes of 1.23; answers the order's id.
    """

    channel: Channel
    place: Callable[[Lines], Awaitable[str]]
    release: Callable[[str], Awaitable[object]]
    ask_to_cancel: Callable[[str], Awaitable[object]]
    settle: Callable[[str], Awaitable[object]]
    dispatch: Callable[[str], Awaitable[object]]
    lose_answer: Callable[[str], Awaitable[object]]
    limit: Callable[[str], Awaitable[object]]
    fail: Callable[[str], Awaitable[object]]

    async def released(self, *lines: tuple[str, int, int]) -> str:
        """An order that may be shipped."""
        order = await self.place(lines or (("MUG", 2, 500), ("TEE", 1, 234)))
        await self.release(order)
        return order


def fake_market() -> Market:
    """In memory."""
    fake = FakeChannel()

    async def ordered(lines: Lines) -> str:
        return fake.place(*lines, shipping=499, tax=123).channel_order_id

    async def release(order: str) -> None:
        fake.release(order)

    async def ask_to_cancel(order: str) -> None:
        fake.ask_to_cancel(order)

    async def settle(order: str) -> None:
        fake.refund_all(order)

    async def dispatch(order: str) -> None:
        fake.dispatch(order)

    async def lose_answer(method: str) -> None:
        fake.fail_next(method, RetryError("no_answer", "lost", unknown=True), after_doing=True)

    async def limit(method: str) -> None:
        fake.fail_next(method, RateLimitedError("limited", "too many"))

    async def fail(method: str) -> None:
        fake.fail_next(method, RetryError("unavailable", "500", unknown=True))

    return Market(fake, ordered, release, ask_to_cancel, settle, dispatch, lose_answer, limit, fail)


def tiktok_market(gateway: TikTokShop, emulator: EmulatorProcess) -> Market:
    """The real adapter over HTTP."""

    async def ordered(lines: Lines) -> str:
        return str((await place(emulator, *lines))["id"])

    async def release(order: str) -> None:
        await emulator.post("advance", match=order, to="AWAITING_SHIPMENT")

    async def ask_to_cancel(order: str) -> None:
        await emulator.post("buyer-cancel", match=order)

    async def settle(order: str) -> None:
        await emulator.post("settle", match=order)

    async def dispatch(order: str) -> None:
        await gateway.ship(
            ChannelShipment(reference="o-1-1", channel_order_id=order, carrier="ups", tracking_number=NUMBER)
        )
        await emulator.post("advance", match=order, to="IN_TRANSIT")

    async def lose_answer(method: str) -> None:
        await emulator.post("faults", kind="lose_answer", path=PATHS[method], times=1)

    async def limit(method: str) -> None:
        await emulator.post("faults", kind="status", status=429, path=PATHS[method], times=1)

    async def fail(method: str) -> None:
        await emulator.post("faults", kind="status", status=500, path=PATHS[method], times=1)

    return Market(gateway, ordered, release, ask_to_cancel, settle, dispatch, lose_answer, limit, fail)
