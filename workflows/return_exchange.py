"""An exchange: the wished goods as a new order, linked to the return; whatever becomes of it, the refund stands."""

from datetime import timedelta

from temporalio import workflow

from activities.returns import PlaceExchange, Returns
from ordersaga.domain.exchanges import exchange_order
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.returns import ExchangeAnswer, Refusal
from workflows.activity_policies import StepFailedError, in_task
from workflows.return_desk import ReturnDesk

LOOKS = (timedelta(seconds=10), timedelta(minutes=2), timedelta(minutes=20), timedelta(hours=2), timedelta(days=1))
"""After how long the new order is looked at; undecided after the last, the return ends without waiting for it."""


class ReturnExchange:
    """The new order of one return."""

    def __init__(self, desk: ReturnDesk) -> None:
        self._desk = desk
        self._case = desk.state.case
        self._answer: ExchangeAnswer | None = None

    async def place(self, accepted: tuple[LineQuantity, ...]) -> None:
        """Place the order; one that cannot be placed leaves the return a refund, and is told."""
        if not accepted:
            self._not_placed("nothing was accepted")
            return
        order = exchange_order(self._case, accepted, workflow.now())
        if isinstance(order, Refusal):
            self._not_placed(order.reason)
            return
        wanted = PlaceExchange(order=order, return_id=self._case.return_id)
        try:
            answer = await in_task(Returns.place_exchange, wanted, f"Place {order.order_id} in exchange")
        except StepFailedError as failure:
            self._not_placed(str(failure))
            return
        self._heard(answer)

    async def see_decided(self) -> None:
        """Wait, a bounded time, for what the bank says to the new order."""
        for patience in LOOKS:
            if self._answer is None or self._answer.decided:
                return
            again = workflow.now() + patience
            await self._desk.until(lambda: False, again, f"the outcome of order {self._answer.order_id}")
            await self._look(self._answer.order_id)
        if self._answer is not None and not self._answer.decided:
            self._desk.note("exchange_undecided", f"order {self._answer.order_id} is not decided yet: look there")

    async def _look(self, order_id: str) -> None:
        try:
            self._heard(await in_task(Returns.look_at_exchange, order_id, f"Look at {order_id}"))
        except StepFailedError as failure:
            self._not_placed(str(failure))
            self._answer = None

    def _heard(self, answer: ExchangeAnswer) -> None:
        self._answer = answer
        if answer.decided and not answer.placed:
            self._desk.state.exchange_order_id = None
            self._not_placed(answer.reason or "no reason given")
        elif self._desk.state.exchange_order_id is None:
            self._desk.state.exchange_order_id = answer.order_id
            self._desk.note("exchange_placed", f"order {answer.order_id} is placed in exchange")

    def _not_placed(self, why: str) -> None:
        self._desk.note("exchange_not_placed", f"the exchange could not be placed ({why}); the refund stands")
