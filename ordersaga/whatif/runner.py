"""Plays a scenario: what the sagas ask for becomes events on the one clock, and what happens there is told to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Literal

from temporalio.exceptions import CancelledError, FailureError, TimeoutType
from temporalio.exceptions import TimeoutError as TimedOutError

from activities.failures import as_failure
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.lanes import Lane as RealLane
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ConfirmOutcome
from ordersaga.whatif.activations import (
    Answered,
    Call,
    Command,
    Ended,
    Saga,
    SagaHost,
    Stop,
    Timer,
    value_of,
)
from ordersaga.whatif.clock import VirtualClock, as_microseconds, length
from ordersaga.whatif.errors import StuckError, UnknownLaneError
from ordersaga.whatif.lanes import Lane
from ordersaga.whatif.records import Tally
from ordersaga.whatif.scenario import Scenario
from ordersaga.whatif.shoppers import orders
from ordersaga.whatif.world import World, answer_to
from workflows.messages import CARRIER_QUEUE, CONFIRM_UPDATE_ID, ConfirmAnswer, Resolution, provider_queue
from workflows.presentation import initial_attributes

STARTS = "starts"
ORDINARY = 3
CALLS_FOR_LABEL = 3
HORIZON = timedelta(days=400)
"""An order that is open after so long never ends: a saga reminds people daily, forever."""


@dataclass
class Running:
    """An order's saga, and what it waits for. Calls that name no fairness key have its seller's, as on Temporal."""

    saga: Saga
    seller: str
    calls: "dict[int, LaneCall]" = field(default_factory=dict)
    timers: set[int] = field(default_factory=set)


@dataclass
class LaneCall:
    """A call on a lane: `queued` for its turn, `running`, `resting` until it is tried again, or `done`."""

    running: Running
    call: Call
    since: int
    state: Literal["queued", "running", "resting", "done"] = "queued"
    attempt: int = 1
    unwanted: bool = False

    @property
    def priority(self) -> int:
        return self.call.priority

    @property
    def fairness_key(self) -> str:
        return self.call.fairness_key or self.running.seller

    @property
    def fairness_weight(self) -> float:
        return self.call.fairness_weight

    @property
    def gone(self) -> bool:
        return self.state != "queued"


@dataclass
class Start:
    """An accepted order whose saga is to begin."""

    order: Order
    providers: tuple[str, ...]
    priority: int = ORDINARY
    fairness_weight: float = 1.0
    gone: bool = False

    @property
    def fairness_key(self) -> str:
        return self.order.seller


class Runner:
    """One run of a scenario. `run` may be called once."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._clock = VirtualClock(scenario.begins)
        self._host = SagaHost(scenario.seed)
        self._running: dict[str, Running] = {}
        self.tally = Tally(began=self._clock.now)
        self.world = World(scenario, self._clock, self.tally, self._hear, self._ask)
        self._starts: Lane[Start] = Lane(self._clock, self._begin, self._slowed(scenario.sagas))
        real = [RealLane(CARRIER_QUEUE, scenario.carrier_calls, CALLS_FOR_LABEL)]
        real += [RealLane(provider_queue(name), plan.calls) for name, plan in scenario.providers.items()]
        self._lanes = {lane.name: self._lane(lane) for lane in real}

    def _slowed(self, per_minute: float | None) -> float | None:
        return per_minute / self._scenario.stands_for if per_minute else None

    def _lane(self, real: RealLane) -> Lane[LaneCall]:
        return Lane(self._clock, self._serve, self._slowed(real.rate and real.rate * 60))

    def run(self) -> Tally:
        """Until every order has ended. Raises PlayFailedError."""
        try:
            for order in orders(self._scenario):
                self._clock.at(as_microseconds(order.placed_at), partial(self._place, order))
            self._clock.run(until=self._clock.now + length(HORIZON))
        finally:
            self._host.close()
        if self._running:
            raise StuckError(list(self._running))
        lanes: dict[str, Lane[LaneCall] | Lane[Start]] = {STARTS: self._starts, **self._lanes}
        self.tally.depths = {name: lane.depths for name, lane in lanes.items() if lane.limited and lane.depths}
        return self.tally

    # ---- an order's life ---------------------------------------------------------------------------------------

    def _place(self, order: Order) -> None:
        """What the API does: hold the stock or refuse, then have the saga started."""
        record = self.tally.placed(order)
        plans = self.world.accept(order)
        record.parcels = len(plans)
        if plans:
            self._starts.add(Start(order, tuple(plan.provider for plan in plans)))
        else:
            record.outcome = ConfirmOutcome.SOLD_OUT

    def _begin(self, start: Start) -> None:
        order, now = start.order, self._clock.now
        running = Running(self._host.saga(order, initial_attributes(order, start.providers), now), order.seller)
        self._running[order.order_id] = running
        self._do(running, running.saga.begin(now, CONFIRM_UPDATE_ID))

    def _do(self, running: Running, commands: Sequence[Command]) -> None:
        """What a saga asks for."""
        self.tally.activations += 1
        for command in commands:
            match command:
                case Call():
                    self._call(running, command)
                case Timer():
                    running.timers.add(command.seq)
                    self._clock.after(command.delay, partial(self._fire, running, command.seq))
                case Stop(timer=True):
                    running.timers.discard(command.seq)
                case Stop():
                    self._stop(running, command.seq)
                case Answered():
                    self._answered(running, command)
                case Ended():
                    self._ended(running, command)

    def _answered(self, running: Running, answered: Answered) -> None:
        """A person's answer that is refused came too late: the question had settled itself."""
        if answered.update == CONFIRM_UPDATE_ID and answered.result is not None:
            told = value_of([answered.result], ConfirmAnswer)
            self.tally.orders[running.saga.order_id].outcome = told.outcome

    def _ended(self, running: Running, ended: Ended) -> None:
        self.tally.orders[running.saga.order_id].status = ended.result.status
        del self._running[running.saga.order_id]
        self._clock.after(0, lambda: running.saga.forget(self._clock.now))

    def _alive(self, running: Running) -> bool:
        return running.saga.order_id in self._running

    def _fire(self, running: Running, seq: int) -> None:
        if seq in running.timers and self._alive(running):
            running.timers.discard(seq)
            self._do(running, running.saga.fire(self._clock.now, seq))

    # ---- calls -------------------------------------------------------------------------------------------------

    def _call(self, running: Running, call: Call) -> None:
        answer = answer_to(call.activity)
        if call.queue is None:
            value = self.world.answer(call.activity, value_of(call.arguments, answer.takes))
            self._clock.after(answer.lasts, partial(self._done_in_task, running, call.seq, value))
            return
        if call.queue not in self._lanes:
            raise UnknownLaneError(call.queue, call.activity)
        waiting = LaneCall(running, call, self._clock.now)
        running.calls[call.seq] = waiting
        self._lanes[call.queue].add(waiting)
        if call.patience is not None:
            self._clock.after(call.patience, partial(self._too_late, waiting))

    def _done_in_task(self, running: Running, seq: int, value: object) -> None:
        if self._alive(running):
            self._do(running, running.saga.answer(self._clock.now, seq, value, local=True))

    def _serve(self, waiting: LaneCall) -> None:
        """Its turn on the lane has come."""
        waiting.state = "running"
        call, answer = waiting.call, answer_to(waiting.call.activity)
        try:
            value = self.world.answer(call.activity, value_of(call.arguments, answer.takes))
        except OrdersagaError as error:
            self._clock.after(answer.lasts, partial(self._failed, waiting, error))
        else:
            self._clock.after(answer.lasts, partial(self._done, waiting, value))

    def _done(self, waiting: LaneCall, value: object) -> None:
        if self._closed(waiting):
            seq = waiting.call.seq
            self._do(waiting.running, waiting.running.saga.answer(self._clock.now, seq, value, local=False))

    def _failed(self, waiting: LaneCall, error: OrdersagaError) -> None:
        """Temporal tries it again, slower each time; or that was the last attempt."""
        if waiting.state == "done":
            return
        call = waiting.call
        failure = as_failure(error)
        rest = min(call.first_retry * 2 ** (waiting.attempt - 1), call.slowest_retry)
        if isinstance(error, RetryError) and error.retry_after is not None:
            rest = length(error.retry_after)
        over = call.patience is not None and self._clock.now + rest >= waiting.since + call.patience
        if waiting.unwanted:
            self._refuse(waiting, CancelledError("stopped"), canceled=True)
        elif failure.non_retryable or over:
            self._refuse(waiting, failure)
        else:
            waiting.state, waiting.attempt = "resting", waiting.attempt + 1
            self._clock.after(rest, partial(self._again, waiting))

    def _again(self, waiting: LaneCall) -> None:
        if waiting.state == "resting" and not waiting.unwanted:
            waiting.state = "queued"
            self._lanes[waiting.call.queue or ""].add(waiting)

    def _too_late(self, waiting: LaneCall) -> None:
        """Nobody answered for as long as the saga was willing to wait; Temporal says whether anybody was asked."""
        never = waiting.state == "queued" and waiting.attempt == 1
        kind = TimeoutType.SCHEDULE_TO_START if never else TimeoutType.SCHEDULE_TO_CLOSE
        told = TimedOutError("no answer in time", type=kind, last_heartbeat_details=[])
        self._refuse(waiting, told)

    def _stop(self, running: Running, seq: int) -> None:
        """Not wanted any more: one that runs now is not abandoned, any other is over."""
        waiting = running.calls.get(seq)
        if waiting is None or waiting.state == "done":
            return
        waiting.unwanted = True
        if waiting.state == "queued":
            self._lanes[waiting.call.queue or ""].left()
            waiting.state = "resting"
        if waiting.state == "resting":
            stopped = CancelledError("stopped before the next attempt")
            self._clock.after(0, lambda: self._refuse(waiting, stopped, canceled=True))

    def _refuse(self, waiting: LaneCall, failure: FailureError, *, canceled: bool = False) -> None:
        if self._closed(waiting):
            saga = waiting.running.saga
            self._do(waiting.running, saga.refuse(self._clock.now, waiting.call.seq, failure, canceled=canceled))

    def _closed(self, waiting: LaneCall) -> bool:
        """Mark a call as done; False when it was already, or its order has ended."""
        if waiting.state == "done":
            return False
        if waiting.state == "queued":
            self._lanes[waiting.call.queue or ""].left()
        waiting.state = "done"
        waiting.running.calls.pop(waiting.call.seq, None)
        return self._alive(waiting.running)

    # ---- what the world says -----------------------------------------------------------------------------------

    def _hear(self, order_id: str, event: ParcelEvent) -> None:
        running = self._running.get(order_id)
        if running is not None:
            self._do(running, running.saga.signal(self._clock.now, "parcel_event", event))

    def _ask(self, order_id: str, item: AttentionItem) -> None:
        self._clock.after(length(self._scenario.operator), partial(self._decide, order_id, item))

    def _decide(self, order_id: str, item: AttentionItem) -> None:
        """The person on duty takes the first choice, which never gives anything up."""
        running = self._running.get(order_id)
        if running is not None:
            choice = Resolution(item_id=item.item_id, choice=item.choices[0], by="whatif", reason="first choice")
            update = f"answer-{item.item_id}"
            self._do(running, running.saga.update(self._clock.now, "resolve_attention", update, choice))
