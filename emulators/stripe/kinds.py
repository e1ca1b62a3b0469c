"""What Stripe refuses before it begins, by the type of the payment method."""

from emulators.stripe import errors
from emulators.stripe.cards import KINDS, card_of
from emulators.stripe.params import CreateIntent

_DOCS = "see https://docs.stripe.com/payments/payment-methods/payment-method-support"


def check(params: CreateIntent) -> None:
    """Raise what Stripe answers to a request that asks too much of a type."""
    if params.payment_method is None:
        return
    type_ = card_of(params.payment_method).type
    _check_types(params, type_)
    kind = KINDS[type_]
    if params.capture_method == "manual" and not kind.manual_capture:
        raise _unsupported(type_, "manual capture", "capture_method")
    if params.setup_future_usage and not kind.saved:
        raise _unsupported(type_, f"setup_future_usage={params.setup_future_usage}", "setup_future_usage")
    if kind.currencies and params.currency.lower() not in kind.currencies:
        raise _unsupported(type_, f"the currency {params.currency}", "currency")
    if params.confirm and kind.slow and params.mandate_data is None and not params.off_session:
        raise errors.invalid(f"A mandate is required to confirm with {type_}.", param="mandate_data")
    if params.confirm and type_ != "card" and not kind.slow and params.return_url is None:
        raise errors.invalid(f"A `return_url` is required to confirm with {type_}.", param="return_url")


def _check_types(params: CreateIntent, type_: str) -> None:
    automatic = params.automatic_payment_methods or {}
    if automatic.get("enabled") == "true":
        allowed = type_ == "card" or KINDS[type_].slow or automatic.get("allow_redirects") != "never"
    else:
        allowed = type_ in (params.allowed_payment_method_types or params.payment_method_types)
    if not allowed:
        message = f"The PaymentMethod provided ({type_}) is not allowed for this PaymentIntent."
        raise errors.invalid(message, param="payment_method")


def _unsupported(type_: str, what: str, param: str) -> errors.StripeError:
    return errors.invalid(f"The payment method type `{type_}` does not support {what}; {_DOCS}.", param=param)
