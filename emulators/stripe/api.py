"""Which request asks for what, and the frame around every one: API key, idempotency key, transaction, expansion."""

import logging
import re
from collections.abc import Callable
from typing import Any

from emulators.common import Answer, Call
from emulators.stripe import errors, objects, params
from emulators.stripe.account import API_VERSION, Account, CurrentRequest
from emulators.stripe.forms import Form, parse
from emulators.stripe.idempotency import Keys
from emulators.stripe.intents import Intents
from emulators.stripe.listing import Listing
from emulators.stripe.methods import Methods
from emulators.stripe.objects import Object, new_id
from emulators.stripe.refunds import Refunds
from emulators.stripe.sessions import Sessions

Handler = Callable[..., Object]

_log = logging.getLogger(__name__)


class Api:
    """Answers one call at a time, synchronously: all of its work is one transaction."""

    def __init__(
        self,
        account: Account,
        intents: Intents,
        methods: Methods,
        refunds: Refunds,
        keys: Keys,
        sessions: Sessions,
    ) -> None:
        self._account, self._intents, self._refunds, self._keys = account, intents, refunds, keys
        self._methods, self._sessions = methods, sessions
        self._listing = Listing(account)
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/v1/payment_intents", self._create_intent),
            ("GET", "/v1/payment_intents", self._list_intents),
            ("GET", "/v1/payment_intents/search", self._search_intents),
            ("GET", "/v1/payment_intents/{id}", self._get("payment_intent")),
            ("POST", "/v1/payment_intents/{id}/confirm", self._confirm_intent),
            ("POST", "/v1/payment_intents/{id}/capture", self._capture_intent),
            ("POST", "/v1/payment_intents/{id}/cancel", self._cancel_intent),
            ("POST", "/v1/checkout/sessions", self._create_session),
            ("GET", "/v1/checkout/sessions/{id}", self._get("checkout.session")),
            ("POST", "/v1/checkout/sessions/{id}/expire", self._expire_session),
            ("POST", "/v1/payment_methods", self._create_method),
            ("GET", "/v1/payment_methods/{id}", self._get("payment_method")),
            ("POST", "/v1/payment_methods/{id}/attach", self._attach_method),
            ("POST", "/v1/refunds", self._create_refund),
            ("GET", "/v1/refunds", self._list_refunds),
            ("GET", "/v1/refunds/{id}", self._get("refund")),
            ("GET", "/v1/charges", self._list_charges),
            ("GET", "/v1/charges/{id}", self._get("charge")),
            ("POST", "/v1/customers", self._create_customer),
            ("GET", "/v1/customers/{id}", self._get("customer")),
            ("GET", "/v1/events", self._list_events),
            ("GET", "/v1/events/{id}", self._get("event")),
        ]
        self._table = [(verb, re.compile(path.replace("{id}", "([^/]+)")), handler) for verb, path, handler in table]
        self._refusable = {self._confirm_intent, self._capture_intent}

    def answer(self, call: Call, refusal: str | None = None) -> Answer:
        """Answer a call; `refusal` names the decline a fault asks for."""
        id_ = new_id("req")
        self._account.current = CurrentRequest(id_, call.idempotency_key)
        try:
            with self._account.store.transaction():
                answer = self._guarded(call, refusal)
        except Exception:
            _log.exception("the emulator itself failed on %s %s", call.method, call.path)
            answer = errors.plain(500).answer()
        finally:
            self._account.current = CurrentRequest()
        return _with_headers(answer, id_, call.idempotency_key)

    def keep(self, call: Call, answer: Answer) -> None:
        """Remember an answer made elsewhere (a 500 asked for by a fault) under the call's key."""
        if call.method == "POST" and call.idempotency_key:
            self._keys.keep(call, call.idempotency_key, answer)

    def _guarded(self, call: Call, refusal: str | None) -> Answer:
        key = call.idempotency_key if call.method == "POST" else None
        try:
            _check_api_key(call)
            kept = self._keys.replay(call, key) if key else None
            answer = kept or Answer.json(200, self._perform(call, refusal))
        except errors.StripeError as error:
            answer = error.answer()
            if not error.executed:
                return answer
        if key:
            self._keys.keep(call, key, answer)
        return answer

    def _perform(self, call: Call, refusal: str | None) -> Object:
        handler, ids = self._handler(call)
        form = parse(call.body.decode() if call.method == "POST" else call.query)
        if refusal is None:
            thing = handler(form, *ids)
        elif handler in self._refusable or (handler == self._create_intent and form.get("confirm") == "true"):
            thing = handler(form, *ids, refusal=refusal)
        else:
            raise errors.refused(f"Your request was refused: {refusal}.", refusal)
        expand: Any = form.get("expand", [])
        return self._listing.expand(thing, expand)

    def _handler(self, call: Call) -> tuple[Handler, tuple[str, ...]]:
        for verb, path, handler in self._table:
            found = path.fullmatch(call.path)
            if found is not None and verb == call.method:
                return handler, found.groups()
        raise errors.invalid(f"Unrecognized request URL ({call.method}: {call.path}).", status=404)

    def _get(self, kind: str) -> Handler:
        def get(form: Form, id_: str) -> Object:
            fields = {name: value for name, value in form.items() if name != "client_secret"}
            params.read(params.Params, fields)
            return self._account.load(kind, id_)

        return get

    def _create_intent(self, form: Form, *, refusal: str | None = None) -> Object:
        return self._intents.create(params.read(params.CreateIntent, form), refusal)

    def _confirm_intent(self, form: Form, id_: str, *, refusal: str | None = None) -> Object:
        return self._intents.confirm(id_, params.read(params.ConfirmIntent, form), refusal)

    def _capture_intent(self, form: Form, id_: str, *, refusal: str | None = None) -> Object:
        return self._intents.capture(id_, params.read(params.CaptureIntent, form), refusal)

    def _cancel_intent(self, form: Form, id_: str) -> Object:
        return self._intents.cancel(id_, params.read(params.CancelIntent, form))

    def _create_session(self, form: Form) -> Object:
        return self._sessions.create(params.read(params.CreateSession, form))

    def _expire_session(self, form: Form, id_: str) -> Object:
        return self._sessions.expire(id_, params.read(params.Params, form))

    def _create_method(self, form: Form) -> Object:
        return self._methods.create(params.read(params.CreateMethod, form))

    def _attach_method(self, form: Form, id_: str) -> Object:
        return self._methods.attach(id_, params.read(params.AttachMethod, form))

    def _list_intents(self, form: Form) -> Object:
        asked = params.read(params.ListIntents, form)
        return self._listing.page("/v1/payment_intents", "payment_intent", asked, customer=asked.customer)

    def _search_intents(self, form: Form) -> Object:
        return self._listing.search(params.read(params.Search, form))

    def _create_refund(self, form: Form) -> Object:
        return self._refunds.create(params.read(params.CreateRefund, form))

    def _list_refunds(self, form: Form) -> Object:
        asked = params.read(params.ListRefunds, form)
        wanted = {"payment_intent": asked.payment_intent, "charge": asked.charge}
        return self._listing.page("/v1/refunds", "refund", asked, **wanted)

    def _list_charges(self, form: Form) -> Object:
        asked = params.read(params.ListCharges, form)
        wanted = {"payment_intent": asked.payment_intent, "customer": asked.customer}
        return self._listing.page("/v1/charges", "charge", asked, **wanted)

    def _create_customer(self, form: Form) -> Object:
        customer = objects.customer(params.read(params.CreateCustomer, form), self._account.now())
        self._account.save(customer)
        return customer

    def _list_events(self, form: Form) -> Object:
        asked = params.read(params.ListEvents, form)
        types = [*(asked.types or []), *([asked.type] if asked.type else [])]
        return self._listing.events(types, asked)


def _check_api_key(call: Call) -> None:
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise errors.unauthorized()


def _with_headers(answer: Answer, request_id: str, key: str | None) -> Answer:
    headers = {"request-id": request_id, "stripe-version": API_VERSION, **answer.headers}
    if key:
        headers["idempotency-key"] = key
    return Answer(answer.status, answer.body, headers)
