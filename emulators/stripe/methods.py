"""Payment methods with ids of their own (https://docs.stripe.com/api/payment_methods).

Made from a test token, as Stripe's form in a browser makes one. Each pays once: another payment needs it attached to
a customer first, by `attach` or by a payment with `customer` and `setup_future_usage`. The test tokens themselves
(`pm_card_visa`) stand for a new one each time and are never used up.
"""

import secrets

from emulators.stripe import errors
from emulators.stripe.account import Account
from emulators.stripe.cards import CARDS, payment_method
from emulators.stripe.objects import Object
from emulators.stripe.params import AttachMethod, CreateMethod

_USED_UP = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "
    "connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use "
    "a PaymentMethod multiple times, you must attach it to a Customer first."
)
_OTHERS = (
    "The payment method you provided is attached to a customer so for security purposes you must provide that "
    "customer in the request."
)


class Methods:
    """Create, attach, and refuse what is used up."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, params: CreateMethod) -> Object:
        """POST /v1/payment_methods: `card[token]=tok_visa` makes one that behaves like `pm_card_visa`."""
        token = str(params.card.get("token", ""))
        card = f"pm_card_{token.removeprefix('tok_')}"
        if card not in CARDS:
            raise errors.missing("token", token, param="card[token]", status=400)
        method = payment_method(f"{card}_{secrets.token_hex(12)}", self._account.now())
        method["metadata"] = params.metadata
        self._account.save(method)
        return method

    def attach(self, id_: str, params: AttachMethod) -> Object:
        """POST /v1/payment_methods/{id}/attach: refused for one that paid already without a customer."""
        method = self._account.load("payment_method", id_)
        if self._account.store.get("customer", params.customer) is None:
            raise errors.missing("customer", params.customer, param="customer", status=400)
        self._refuse(method, params.customer)
        return self._attach(method, params.customer)

    def check(self, id_: str | None, customer: str | None) -> None:
        """Raise when there is no such method, or this payment may not use it."""
        method = None if id_ is None else self._account.store.get("payment_method", id_)
        if method is not None:
            self._refuse(method, customer)
        elif id_ is not None and id_ not in CARDS:
            raise errors.missing("PaymentMethod", id_, param="payment_method", status=400)

    def _refuse(self, method: Object, customer: str | None) -> None:
        owner = method["customer"]
        if owner is None and self._account.store.value(_memory(method["id"])):
            raise errors.invalid(_USED_UP)
        if owner is not None and owner != customer:
            raise errors.invalid(_OTHERS, param="payment_method")

    def tried(self, intent: Object) -> None:
        """An attempt to pay, successful or not, uses up what is neither kept for a customer nor about to be."""
        method = self._account.store.get("payment_method", intent["payment_method"])
        if method is not None and method["customer"] is None and not _keeps(intent):
            self._account.store.set_value(_memory(method["id"]), True)

    def paid(self, intent: Object) -> None:
        """A payment that asked for it keeps its method for its customer."""
        method = self._account.store.get("payment_method", intent["payment_method"])
        if method is not None and method["customer"] is None and _keeps(intent):
            self._attach(method, intent["customer"])

    def _attach(self, method: Object, customer: str) -> Object:
        method["customer"] = customer
        self._account.save(method)
        self._account.announce("payment_method.attached", method)
        return method


def _keeps(intent: Object) -> bool:
    return intent["customer"] is not None and intent["setup_future_usage"] is not None


def _memory(id_: str) -> str:
    return f"used_up:{id_}"
