"""Pressure: who is started at once and who is left to the starters; and a surge, played with a clock of its own."""

import asyncio
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.starting import FEW, FEWEST, FIRST, Backlog, Window
from ordersaga.pressure import EVERY, STALE, Pressure

TARGET = timedelta(seconds=2)


@dataclass
class Clock:
    """Time that only passes when told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of a test."""
    return Clock()


@pytest.fixture
def pressure(clock: Clock) -> Pressure:
    """A window of 32 at first that has seen nothing; 8 more are kept for sellers without a queue."""
    return Pressure(Window(32 * FIRST, TARGET), clock=clock)


def test_no_seller_gets_all_the_room(pressure: Pressure) -> None:
    """One seller's checkouts get the window at most, and a share beyond it is for the others."""
    trips = []
    for _ in range(32):
        assert pressure.may_start("viral")
        trips.append(pressure.inline("viral"))
    assert not pressure.may_start("viral")
    for number in range(8):
        assert pressure.may_start(f"quiet{number}")
        trips.append(pressure.inline(f"quiet{number}"))
    assert not pressure.may_start("another")
    trips[0].__exit__(None, None, None)
    assert pressure.may_start("another")
    assert pressure.inline_total == 41


def test_whoever_waits_is_not_overtaken(pressure: Pressure, clock: Clock) -> None:
    """Not after two orders of the seller were left, nor while the database says that some wait; others go on."""
    pressure.leave("viral")
    assert pressure.may_start("viral")
    pressure.leave("viral")
    assert not pressure.may_start("viral")
    assert pressure.may_start("quiet")
    clock.now += 1
    pressure.saw(Backlog(waiting=5, under_way=3, sellers=frozenset({"viral"})))
    assert not pressure.may_start("viral")
    clock.now += EVERY
    pressure.saw(Backlog(under_way=3))
    assert pressure.may_start("viral")
    assert pressure.left_total == 2


def test_an_order_left_while_the_database_was_read_still_counts(pressure: Pressure, clock: Clock) -> None:
    """The look began before the order was left, so it cannot have seen it."""
    began = clock.now
    clock.now += 0.1
    pressure.leave("viral")
    pressure.leave("viral")
    pressure.saw(Backlog(), began)
    assert not pressure.may_start("viral")


def test_others_sagas_take_room_and_a_share_is_kept(pressure: Pressure, clock: Clock) -> None:
    """What other processes have under way counts; the kept share is there all the same; old news count no more."""
    pressure.saw(Backlog(under_way=40))
    for _ in range(8):
        assert pressure.may_start("quiet")
        pressure.inline("quiet")
    assert not pressure.may_start("quiet")
    clock.now += STALE
    assert pressure.may_start("quiet")


def test_what_is_kept_is_for_all_of_them_together() -> None:
    """Four at least, however small the window: four others get one each beside it, and the fifth has to wait."""
    pressure = Pressure(Window(1, TARGET), clock=Clock())
    assert (pressure.window.size, pressure.window.reserve) == (1, 4)
    for seller in ("viral", "a", "b", "c", "d"):
        assert pressure.may_start(seller)
        pressure.inline(seller)
    assert not pressure.may_start("viral")
    assert not pressure.may_start("e")


def test_it_does_not_flutter(pressure: Pressure) -> None:
    """Once full, it opens again only when a share is free."""
    held = [pressure.inline("quiet") for _ in range(8)]
    for trip in held:
        trip.__enter__()
    answers = []
    for others in (23, 24, 23, 20, 17, 16, 17, 23, 24):
        pressure.saw(Backlog(under_way=others + 8))
        answers.append(pressure.may_start("quiet"))
    assert answers == [True, False, False, False, False, True, True, True, False]


def test_orders_nobody_waits_for_count_until_the_next_look(pressure: Pressure) -> None:
    """Their call is over and their saga is not."""
    pressure.saw(Backlog())
    for _ in range(5):
        with pressure.inline("quiet") as trip:
            trip.started()
    assert pressure.under_way() == 5
    pressure.saw(Backlog(under_way=2))
    assert pressure.under_way() == 2


def test_temporal_being_away_makes_the_window_smaller(pressure: Pressure) -> None:
    """Few are tried while it cannot be reached, and never none."""
    for _ in range(50):
        with suppress(RetryError), pressure.inline("quiet"):
            raise RetryError("saga_unreachable", "away")
    assert pressure.window.size == FEWEST
    assert pressure.may_start("quiet")


def test_short_patience_is_no_sign(pressure: Pressure, clock: Clock) -> None:
    """Whoever waited one second and heard nothing does not know whether two would have been enough."""
    for _ in range(50):
        with pressure.inline("quiet") as trip:
            clock.now += 1
            trip.waited(decided=False)
    assert pressure.window.size == 32


async def test_the_backlog_is_read_only_while_there_are_checkouts() -> None:
    """Behind their back, and not with every one."""
    looks: list[int] = []

    async def read() -> Backlog:
        looks.append(len(looks))
        return Backlog(waiting=1, sellers=frozenset({"viral"}))

    pressure = Pressure(Window(64, TARGET), read)
    assert pressure.may_start("viral")
    for _ in range(20):
        pressure.may_start("viral")
        await asyncio.sleep(0)
    assert looks == [0]
    assert not pressure.may_start("viral")


STEP = 0.01
RATE = 15.0
"""Sagas per second that the server of the play brings to an outcome, first come first served."""


@dataclass
class Saga:
    """One on its way: when it was asked for, when it was started."""

    seller: str
    asked: float
    begun: float = 0.0


@dataclass
class Surge:
    """An API and a starter before a server that is too slow: 500 checkouts a second for 2 s, and a quiet seller's 2."""

    clock: Clock = field(default_factory=Clock)
    queue: deque[Saga] = field(default_factory=deque)
    running: deque[Saga] = field(default_factory=deque)
    waits: list[float] = field(default_factory=list)
    most: list[int] = field(default_factory=list)
    late_sizes: list[int] = field(default_factory=list)
    inline_quiet: int = 0
    asked_quiet: int = 0

    def __post_init__(self) -> None:
        self.api = Pressure(Window(64, TARGET), clock=self.clock)
        self.window = Window(64, TARGET)
        self.trips: dict[int, tuple[object, object]] = {}

    def play(self, seconds: float) -> None:
        """So much time, step by step."""
        for step in range(int(seconds / STEP)):
            self.clock.now += STEP
            if step < 2 / STEP:
                for _ in range(int(500 * STEP)):
                    self.checkout("viral")
            if step % int(0.5 / STEP) == 0:
                self.checkout("quiet")
                self.api.saw(self.backlog())
            if step % int(0.25 / STEP) == 0:
                self.start()
            if step % int(1 / RATE / STEP) == 0 and self.running:
                self.decide()
            self.most.append(len(self.running))
            self.late_sizes.append(self.window.size)

    def backlog(self) -> Backlog:
        """What a look at the database would say."""
        waiting = Counter(saga.seller for saga in self.queue)
        queues = frozenset(seller for seller, count in waiting.items() if count >= FEW)
        return Backlog(len(self.queue), len(self.running), sellers=queues)

    def checkout(self, seller: str) -> None:
        """Started at once if there is room, else left."""
        saga = Saga(seller, self.clock.now, self.clock.now)
        self.asked_quiet += seller == "quiet"
        if not self.api.may_start(seller):
            self.api.leave(seller)
            self.queue.append(saga)
            return
        self.inline_quiet += seller == "quiet"
        context = self.api.inline(seller)
        self.trips[id(saga)] = (context, context.__enter__())
        self.running.append(saga)

    def start(self) -> None:
        """What the starter does: as many as there is room for, sellers taking turns."""
        for _ in range(min(16, self.window.room(len(self.running)), len(self.queue))):
            quiet = next((saga for saga in self.queue if saga.seller == "quiet"), self.queue[0])
            self.queue.remove(quiet)
            quiet.begun = self.clock.now
            self.running.append(quiet)

    def decide(self) -> None:
        """The one that came first gets to its outcome; whoever started it learns how long it took."""
        saga, used = self.running.popleft(), self.window.is_used(len(self.running))
        if saga.seller == "quiet":
            self.waits.append(self.clock.now - saga.asked)
        context, trip = self.trips.pop(id(saga), (None, None))
        if context is None:
            self.window.saw(saga.begun, self.clock.now, used=used)
            return
        trip.waited(decided=True)  # type: ignore[attr-defined]
        context.__exit__(None, None, None)  # type: ignore[attr-defined]


def test_a_surge_leaves_a_quiet_seller_served() -> None:
    """1,000 orders for a server of 15 a second: the window settles where sagas are in time, the quiet seller's shoppers
    wait no longer than that and nearly all are served at once; in the end everything is decided, each once."""
    surge = Surge()
    surge.play(100)
    assert not surge.queue
    assert len(surge.waits) == surge.asked_quiet - len(surge.running)
    settled = surge.late_sizes[int(10 / STEP) : int(50 / STEP)]
    assert 25 <= min(settled) <= max(settled) <= 55
    assert max(surge.most[int(10 / STEP) : int(50 / STEP)]) <= 45
    assert sorted(surge.waits)[int(0.95 * len(surge.waits))] < 2.5
    assert surge.inline_quiet > 0.8 * surge.asked_quiet
