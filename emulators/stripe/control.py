"""Stripe's part of the control API: the refunding bank, the clock, what Stripe remembers."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.common.control import ControlModel, read_model
from emulators.stripe.account import Account
from emulators.stripe.errors import StripeError
from emulators.stripe.idempotency import Keys
from emulators.stripe.intents import Intents
from emulators.stripe.refunds import Mode, Refunds

Result = Literal["succeed", "fail"]


class Outcome(ControlModel):
    result: Result


class _RefundMode(ControlModel):
    mode: Mode
    settle_after: float | None = Field(default=None, ge=0)


class _SearchDelay(ControlModel):
    seconds: float = Field(ge=0)


class _ExtendedAuthorization(ControlModel):
    available: bool


class _Forget(ControlModel):
    key: str | None = None


class StripeControl:
    """The routes; a refused control answers 409 with Stripe's own error body, an unknown id 404."""

    def __init__(self, account: Account, intents: Intents, refunds: Refunds, keys: Keys) -> None:
        self._account, self._intents, self._refunds, self._keys = account, intents, refunds, keys

    def routes(self) -> list[BaseRoute]:
        """Full paths below `/_control/`."""
        intent = "/_control/payment_intents/{id}"
        return [
            Route(f"{intent}/settle", self._settle_debit, methods=["POST"]),
            Route(f"{intent}/expire", self._expire, methods=["POST"]),
            Route("/_control/refunds/mode", self._refund_mode, methods=["POST"]),
            Route("/_control/refunds/{id}/settle", self._settle, methods=["POST"]),
            Route("/_control/search-delay", self._search_delay, methods=["POST"]),
            Route("/_control/extended-authorization", self._extended_authorization, methods=["POST"]),
            Route("/_control/idempotency/forget", self._forget, methods=["POST"]),
        ]

    async def _settle_debit(self, request: Request) -> Response:
        """A slow bank's word."""
        wanted = await read_model(request, Outcome)
        try:
            with self._account.store.transaction():
                intent = self._intents.settle(request.path_params["id"], succeed=wanted.result == "succeed")
        except StripeError as error:
            return refusal(error)
        return JSONResponse(intent)

    async def _expire(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        try:
            with self._account.store.transaction():
                lapsed = self._intents.lapse(id_)
        except StripeError as error:
            return refusal(error)
        return JSONResponse(self._account.load("payment_intent", id_), 200 if lapsed else 409)

    async def _refund_mode(self, request: Request) -> Response:
        wanted = await read_model(request, _RefundMode)
        self._refunds.set_mode(wanted.mode, wanted.settle_after)
        return JSONResponse(wanted.model_dump())

    async def _settle(self, request: Request) -> Response:
        wanted = await read_model(request, Outcome)
        try:
            with self._account.store.transaction():
                refund = self._refunds.settle(request.path_params["id"], succeed=wanted.result == "succeed")
        except StripeError as error:
            return refusal(error)
        return JSONResponse(refund)

    async def _search_delay(self, request: Request) -> Response:
        wanted = await read_model(request, _SearchDelay)
        self._account.set_search_delay(wanted.seconds)
        return JSONResponse(wanted.model_dump())

    async def _extended_authorization(self, request: Request) -> Response:
        wanted = await read_model(request, _ExtendedAuthorization)
        self._account.set_may_extend(wanted.available)
        return JSONResponse(wanted.model_dump())

    async def _forget(self, request: Request) -> Response:
        wanted = await read_model(request, _Forget)
        self._keys.forget(wanted.key)
        return JSONResponse(wanted.model_dump())


def refusal(error: StripeError) -> Response:
    return JSONResponse({"error": error.error}, 404 if error.status == 404 else 409)
