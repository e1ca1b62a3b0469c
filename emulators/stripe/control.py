"""Stripe's part of the control API: the shopper's bank, the refunding bank, the clock."""

import html
from typing import Literal
from urllib.parse import parse_qs

from pydantic import Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.common.control import ControlModel, read_model
from emulators.stripe.account import Account
from emulators.stripe.errors import StripeError
from emulators.stripe.idempotency import Keys
from emulators.stripe.intents import Intents
from emulators.stripe.objects import Object
from emulators.stripe.refunds import Mode, Refunds

Result = Literal["succeed", "fail"]
_PAGE = """<!doctype html><html lang="en"><title>Confirm your payment</title>
<h1>Confirm your payment</h1><p>Your bank asks whether you are paying {amount} {currency}.</p>
<form method="post" action="authenticate"><button name="result" value="succeed">Yes, it is me</button>
<button name="result" value="fail">No, cancel</button></form></html>"""


class _Outcome(ControlModel):
    result: Result


class _OutcomeByMatch(_Outcome):
    match: str = Field(min_length=1)


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
            Route(f"{intent}/challenge", self._challenge, methods=["GET"]),
            Route(f"{intent}/authenticate", self._authenticate, methods=["POST"]),
            Route(f"{intent}/expire", self._expire, methods=["POST"]),
            Route("/_control/authenticate", self._authenticate_matching, methods=["POST"]),
            Route("/_control/refunds/mode", self._refund_mode, methods=["POST"]),
            Route("/_control/refunds/{id}/settle", self._settle, methods=["POST"]),
            Route("/_control/search-delay", self._search_delay, methods=["POST"]),
            Route("/_control/extended-authorization", self._extended_authorization, methods=["POST"]),
            Route("/_control/idempotency/forget", self._forget, methods=["POST"]),
        ]

    async def _challenge(self, request: Request) -> Response:
        """What a shopper sees when sent to the bank."""
        try:
            intent = self._account.load("payment_intent", request.path_params["id"])
        except StripeError as error:
            return _refusal(error)
        amount, currency = f"{intent['amount'] / 100:.2f}", html.escape(intent["currency"].upper())
        return HTMLResponse(_PAGE.format(amount=amount, currency=currency))

    async def _authenticate(self, request: Request) -> Response:
        """From the page as a form, then back to the shop; from a test as JSON."""
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        if form:
            sent = parse_qs((await request.body()).decode())
            wanted = _Outcome.model_validate({name: values[0] for name, values in sent.items()})
        else:
            wanted = await read_model(request, _Outcome)
        try:
            return_url = self._return_url(request.path_params["id"])
            intent = self._answer_challenge(request.path_params["id"], wanted.result)
        except StripeError as error:
            return _refusal(error)
        return RedirectResponse(return_url, 303) if form and return_url else JSONResponse(intent)

    def _return_url(self, id_: str) -> str | None:
        action = self._account.load("payment_intent", id_)["next_action"] or {}
        url = action.get("redirect_to_url", {}).get("return_url")
        return None if url is None else str(url)

    def _answer_challenge(self, id_: str, result: Result) -> Object:
        with self._account.store.transaction():
            return self._intents.authenticate(id_, succeed=result == "succeed")

    async def _authenticate_matching(self, request: Request) -> Response:
        wanted = await read_model(request, _OutcomeByMatch)
        intents = self._account.store.records(wanted.match).get("payment_intent", [])
        waiting = [intent["id"] for intent in intents if intent["status"] == "requires_action"]
        for id_ in waiting:
            self._answer_challenge(id_, wanted.result)
        return JSONResponse({"authenticated": waiting}, 200 if waiting else 404)

    async def _expire(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        try:
            with self._account.store.transaction():
                lapsed = self._intents.lapse(id_)
        except StripeError as error:
            return _refusal(error)
        return JSONResponse(self._account.load("payment_intent", id_), 200 if lapsed else 409)

    async def _refund_mode(self, request: Request) -> Response:
        wanted = await read_model(request, _RefundMode)
        self._refunds.set_mode(wanted.mode, wanted.settle_after)
        return JSONResponse(wanted.model_dump())

    async def _settle(self, request: Request) -> Response:
        wanted = await read_model(request, _Outcome)
        try:
            with self._account.store.transaction():
                refund = self._refunds.settle(request.path_params["id"], succeed=wanted.result == "succeed")
        except StripeError as error:
            return _refusal(error)
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


def _refusal(error: StripeError) -> Response:
    return JSONResponse({"error": error.error}, 404 if error.status == 404 else 409)
