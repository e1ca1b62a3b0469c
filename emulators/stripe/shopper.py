"""The shopper, in the control API: answers a bank's challenge, pays on a hosted page."""

import html
from typing import TypeVar
from urllib.parse import parse_qs

from pydantic import Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.common.control import ControlModel, read_model
from emulators.stripe.account import Account
from emulators.stripe.control import Outcome, Result, refusal
from emulators.stripe.errors import StripeError
from emulators.stripe.intents import Intents
from emulators.stripe.objects import Object
from emulators.stripe.sessions import Sessions

_PAGE = """<!doctype html><html lang="en"><title>Confirm your payment</title>
<h1>Confirm your payment</h1><p>Your bank asks whether you are paying {amount} {currency}.</p>
<form method="post" action="authenticate"><button name="result" value="succeed">Yes, it is me</button>
<button name="result" value="fail">No, cancel</button></form></html>"""
_CHECKOUT = """<!doctype html><html lang="en"><title>Pay</title>
<h1>Pay {amount} {currency}</h1><form method="post" action="pay">
<button name="payment_method" value="pm_card_visa">Pay by card</button></form>
<p><a href="{back}">Back to the shop</a></p></html>"""


class _OutcomeByMatch(Outcome):
    match: str = Field(min_length=1)


class _PayOnPage(ControlModel):
    payment_method: str = "pm_card_visa"


class _PayByMatch(_PayOnPage):
    match: str = Field(min_length=1)


class ShopperControl:
    """The routes; a refused control answers 409 with Stripe's own error body, an unknown id 404."""

    def __init__(self, account: Account, intents: Intents, sessions: Sessions) -> None:
        self._account, self._intents, self._sessions = account, intents, sessions

    def routes(self) -> list[BaseRoute]:
        """Full paths below `/_control/`."""
        intent, session = "/_control/payment_intents/{id}", "/_control/checkout/sessions/{id}"
        return [
            Route(f"{intent}/challenge", self._challenge, methods=["GET"]),
            Route(f"{intent}/authenticate", self._authenticate, methods=["POST"]),
            Route("/_control/authenticate", self._authenticate_matching, methods=["POST"]),
            Route(f"{session}/page", self._page, methods=["GET"]),
            Route(f"{session}/pay", self._pay, methods=["POST"]),
            Route(f"{session}/lapse", self._lapse, methods=["POST"]),
            Route("/_control/checkout/pay", self._pay_matching, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        """What a shopper sees who opens a pay link."""
        try:
            session = self._sessions.load(request.path_params["id"])
        except StripeError as error:
            return refusal(error)
        if session["status"] != "open":
            return HTMLResponse(f"<!doctype html><title>Closed</title><h1>This page is {session['status']}</h1>", 410)
        amount, currency = f"{session['amount_total'] / 100:.2f}", session["currency"].upper()
        back = html.escape(session["cancel_url"] or session["success_url"], quote=True)
        return HTMLResponse(_CHECKOUT.format(amount=amount, currency=currency, back=back))

    async def _pay(self, request: Request) -> Response:
        """From the page as a form, then back to the shop; from a test as JSON."""
        form = _is_form(request)
        wanted = await (_read_form(request, _PayOnPage) if form else read_model(request, _PayOnPage))
        try:
            session = self._paid(request.path_params["id"], wanted.payment_method)
        except StripeError as error:
            return refusal(error)
        return RedirectResponse(session["success_url"], 303) if form else JSONResponse(session)

    def _paid(self, id_: str, method: str) -> Object:
        """A decline is kept on the payment, and raised."""
        with self._account.store.transaction():
            try:
                return self._sessions.pay(id_, method)
            except StripeError as error:
                declined = error
        raise declined

    async def _pay_matching(self, request: Request) -> Response:
        """Every open page whose record holds the text is paid."""
        wanted = await read_model(request, _PayByMatch)
        pages = self._account.store.records(wanted.match).get("checkout.session", [])
        waiting = [page["id"] for page in pages if page["status"] == "open"]
        try:
            for id_ in waiting:
                self._paid(id_, wanted.payment_method)
        except StripeError as error:
            return refusal(error)
        return JSONResponse({"paid": waiting}, 200 if waiting else 404)

    async def _lapse(self, request: Request) -> Response:
        """Its time is over now."""
        try:
            with self._account.store.transaction():
                self._sessions.lapse(request.path_params["id"])
                return JSONResponse(self._sessions.load(request.path_params["id"]))
        except StripeError as error:
            return refusal(error)

    async def _challenge(self, request: Request) -> Response:
        """What a shopper sees when sent to the bank."""
        try:
            intent = self._account.load("payment_intent", request.path_params["id"])
        except StripeError as error:
            return refusal(error)
        amount, currency = f"{intent['amount'] / 100:.2f}", html.escape(intent["currency"].upper())
        return HTMLResponse(_PAGE.format(amount=amount, currency=currency))

    async def _authenticate(self, request: Request) -> Response:
        """From the page as a form, then back to the shop; from a test as JSON."""
        form = _is_form(request)
        wanted = await (_read_form(request, Outcome) if form else read_model(request, Outcome))
        try:
            return_url = self._return_url(request.path_params["id"])
            intent = self._answer_challenge(request.path_params["id"], wanted.result)
        except StripeError as error:
            return refusal(error)
        return RedirectResponse(return_url, 303) if form and return_url else JSONResponse(intent)

    def _return_url(self, id_: str) -> str | None:
        action = self._account.load("payment_intent", id_)["next_action"] or {}
        url = action.get("redirect_to_url", {}).get("return_url")
        return None if url is None else str(url)

    def _answer_challenge(self, id_: str, result: Result) -> Object:
        with self._account.store.transaction():
            intent = self._intents.authenticate(id_, succeed=result == "succeed")
            self._sessions.follow(intent)
            return intent

    async def _authenticate_matching(self, request: Request) -> Response:
        wanted = await read_model(request, _OutcomeByMatch)
        intents = self._account.store.records(wanted.match).get("payment_intent", [])
        waiting = [intent["id"] for intent in intents if intent["status"] == "requires_action"]
        for id_ in waiting:
            self._answer_challenge(id_, wanted.result)
        return JSONResponse({"authenticated": waiting}, 200 if waiting else 404)


M = TypeVar("M", bound=ControlModel)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


async def _read_form(request: Request, model: type[M]) -> M:
    sent = parse_qs((await request.body()).decode())
    return model.model_validate({name: values[0] for name, values in sent.items()})
