"""Placing an order: accept it durably, start its saga, answer the shopper.

Once the order is accepted (committed), the order is ours: whatever fails afterwards, the answer is never "failed" but
202, and the relay's starter starts the saga.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from fastapi.responses import JSONResponse

from ordersaga.api.admission import Admission
from ordersaga.api.next_actions import needs_shopper, storable, with_next_action
from ordersaga.api.overload import Overload
from ordersaga.api.place_answers import (
    answer_from_record,
    answer_from_saga,
    as_json,
    going_on,
    in_doubt,
    refusal_of,
)
from ordersaga.api.request_log import bind_order
from ordersaga.api.shapes import NewOrder
from ordersaga.api.waiting import still_waits, wait_until
from ordersaga.bootstrap import Accepted, ApiKey, Asked, IdempotencyKey, KeyMismatch, Replay, Services, SoldOut
from ordersaga.client_errors import OrderClosedError
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.starting import Window
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.pressure import Pressure, Trip

RECALL: Final = timedelta(seconds=2)
"""How long a saga may take to repeat an answer it has given already."""

log = structlog.get_logger(__name__)


class Placing:
    """Places orders. Sagas are started while there is room: in a surge the starter starts the rest."""

    def __init__(self, services: Services, overload: Overload) -> None:
        self._services = services
        self._admission = Admission(services, overload)
        settings = services.settings
        self.pressure = Pressure(Window(settings.starts_most, settings.confirm_target), services.starting.backlog)
        self._beginning: dict[str, asyncio.Task[JSONResponse]] = {}

    async def place(
        self, body: NewOrder, key: ApiKey, idempotency_key: str | None, wait: timedelta | None
    ) -> JSONResponse:
        """Take the order and answer, with the shopper's next step to pay if there is one.

        Raises Problem for what is refused before anything is stored.
        """
        answer = await self._placed(body, key, Asked(key.id, idempotency_key, body.order_id), wait)
        if answer.status_code != 201 or ConfirmOutcome.ACTION_REQUIRED.encode() not in bytes(answer.body):
            return answer
        return await with_next_action(self._services.payments, answer)

    async def _placed(self, body: NewOrder, key: ApiKey, asked: Asked, wait: timedelta | None) -> JSONResponse:
        order = await self._admission.admit(body, key, asked)
        claim = IdempotencyKey(key.id, asked.key, fingerprint(body)) if asked.key else None
        hold_ttl = self._services.settings.hold_ttl
        until = wait_until(body, self._services.settings.waitlist_life)
        try:
            with self._admission.handing_in(order, asked, waits=body.waitlist):
                acceptance = await self._services.intake.accept(
                    order, hold_ttl=hold_ttl, idempotency=claim, wait_until=until
                )
        except RetryError as error:
            if error.unknown:
                raise in_doubt(order) from error
            raise
        bind_order(acceptance.order_id)
        if isinstance(acceptance, Replay):
            return await self._repeat(acceptance, claim, wait, order)
        if isinstance(acceptance, Accepted):
            return await self._keep(claim, await self._start(acceptance.order, wait, acceptance.parcels))
        refusal = refusal_of(acceptance, order)
        if isinstance(acceptance, SoldOut):
            return refusal  # the order's record gives a repeat the same answer
        return await self._keep(claim, refusal)

    async def _repeat(
        self, replay: Replay, claim: IdempotencyKey | None, wait: timedelta | None, order: Order
    ) -> JSONResponse:
        """The same request again: the same answer if a final one was kept, else what is known of the same order now."""
        answer = _kept(replay)
        if answer is None or needs_shopper(replay.body):
            record = await self._services.journal.get(replay.order_id)
            assert record is not None, "an order that was accepted is never deleted"
            if record.order.seller != order.seller:  # nobody is told of another seller's order, whatever stands where
                return refusal_of(KeyMismatch(replay.order_id, "order_id"), order)
            if answer is None or _decided(record):
                answer = await self._keep(claim, await self._resume(record, wait))
        if claim:
            answer.headers["Idempotent-Replayed"] = "true"
        return answer

    async def _resume(self, record: OrderRecord, wait: timedelta | None) -> JSONResponse:
        """The outcome if it is known; its saga is asked only by those who wait, or for the shopper's next step."""
        if _decided(record):
            return answer_from_record(record)
        if record.status is OrderStatus.WAITLISTED:
            return await still_waits(self._services, record)
        if record.outcome == ConfirmOutcome.PAYMENT_PENDING:
            return answer_from_record(record)
        if record.outcome == ConfirmOutcome.ACTION_REQUIRED:
            return await self._ask(record.order, wait, record.parcels, wait or RECALL)
        if wait is None and record.started:
            return going_on(record.order, wait)
        if record.started:
            return await self._ask(record.order, wait, record.parcels, wait)
        return await self._start(record.order, wait, record.parcels)

    async def _start(self, order: Order, wait: timedelta | None, parcels: Sequence[ParcelPlan]) -> JSONResponse:
        """Start the saga, if there is room, and answer with its outcome; else 202. Who does not wait is not kept."""
        if not self.pressure.may_start(order.seller):
            return await self._leave(order)
        if wait is None:
            self._begin(order, parcels)
            return going_on(order, None)
        return await self._ask(order, wait, parcels, wait)

    def _begin(self, order: Order, parcels: Sequence[ParcelPlan]) -> None:
        """Start the saga after the answer; should this process die before, a starter does."""
        if order.order_id not in self._beginning:
            trip = self.pressure.inline(order.seller)  # it counts before the task runs: a hundred may be begun at once
            task = asyncio.create_task(self._ask(order, None, parcels, None, trip))
            self._beginning[order.order_id] = task
            task.add_done_callback(lambda _: self._beginning.pop(order.order_id))

    async def finish(self) -> None:
        """Wait for the sagas that are being started."""
        await asyncio.gather(*self._beginning.values(), return_exceptions=True)

    async def _leave(self, order: Order) -> JSONResponse:
        """Leave the start to the starters: 202 without waiting. They find the order also when they were not told."""
        self.pressure.leave(order.seller)
        try:
            await self._services.starting.leave(order.order_id)
        except OrdersagaError as error:
            log.warning("starters_not_told", code=error.code, error=error.message)
        return going_on(order, None)

    async def _ask(
        self,
        order: Order,
        wait: timedelta | None,
        parcels: Sequence[ParcelPlan],
        patience: timedelta | None,
        trip: Trip | None = None,
    ) -> JSONResponse:
        """The saga's outcome, the saga being started if it is not; without one in time, or with Temporal down, 202."""
        providers = {plan.provider for plan in parcels}
        try:
            with trip or self.pressure.inline(order.seller) as trip:
                answer = await self._services.orders.place(order, patience, providers=providers)
                if patience is None:
                    trip.started()
                else:
                    trip.waited(decided=answer is not None)
            if patience is None:
                await self._services.starting.mark_started(order.order_id)
        except OrderClosedError:
            return await self._closed(order, wait)
        except OrdersagaError as error:
            log.warning("start_left_to_starter", code=error.code, error=error.message)
            return going_on(order, wait)
        except Exception:  # the order is accepted, whatever went wrong here
            log.exception("start_left_to_starter", code="unexpected")
            return going_on(order, wait)
        return answer_from_saga(order, answer, wait) if answer else going_on(order, wait)

    async def _closed(self, order: Order, wait: timedelta | None) -> JSONResponse:
        record = await self._services.journal.get(order.order_id)
        return answer_from_record(record) if record else going_on(order, wait)

    async def _keep(self, claim: IdempotencyKey | None, answer: JSONResponse) -> JSONResponse:
        """Keep an outcome under its key. 202 is none: whoever repeats the request gets the outcome once it is known."""
        if claim and answer.status_code != 202:
            body = storable(json.loads(bytes(answer.body)))
            try:
                await self._services.intake.save_answer(
                    claim.api_key_id, claim.key, status=answer.status_code, body=body
                )
            except OrdersagaError as error:
                log.warning("answer_not_kept", code=error.code, error=error.message)
        return answer


def _kept(replay: Replay) -> JSONResponse | None:
    """The outcome kept under the key; None while there is none."""
    if replay.status is None or replay.status == 202:
        return None
    return as_json(replay.status, replay.body, replay.order_id)


def _decided(record: OrderRecord) -> bool:
    """Whether the order's outcome is known and stands, whatever the shopper still does."""
    return record.outcome not in (None, ConfirmOutcome.ACTION_REQUIRED, ConfirmOutcome.PAYMENT_PENDING)


def fingerprint(body: NewOrder) -> str:
    """Tells two requests apart: SHA-256 of what was asked, whatever its spelling."""
    asked = json.dumps(body.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(asked.encode()).hexdigest()
