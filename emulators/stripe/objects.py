"""Stripe's objects as they are born (https://docs.stripe.com/api)."""

import secrets
from typing import Any

from emulators.stripe.cards import billing_details, card_of, method_details
from emulators.stripe.params import CreateCustomer, CreateIntent, CreateRefund, CreateSession

Object = dict[str, Any]


def new_id(prefix: str) -> str:
    """An id like Stripe's."""
    return f"{prefix}_{secrets.token_hex(12)}"


def payment_intent(params: CreateIntent, created: int) -> Object:
    """An intent before anybody tried to pay it."""
    id_ = new_id("pi")
    copied = ("amount", "capture_method", "confirmation_method", "customer", "description", "metadata")
    texts = ("receipt_email", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix")
    enabled = (params.automatic_payment_methods or {}).get("enabled")
    empty = ("application", "application_fee_amount", "canceled_at", "cancellation_reason", "last_payment_error")
    unset = ("latest_charge", "next_action", "on_behalf_of", "processing", "review", "transfer_data")
    return {
        "id": id_,
        "object": "payment_intent",
        **{name: getattr(params, name) for name in (*copied, *texts)},
        **dict.fromkeys((*empty, *unset)),
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "automatic_payment_methods": None if enabled is None else {"enabled": enabled == "true"},
        "client_secret": f"{id_}_secret_{secrets.token_hex(12)}",
        "created": created,
        "currency": params.currency.lower(),
        "livemode": False,
        "payment_method": params.payment_method,
        "payment_method_options": {"card": params.payment_method_options.card.model_dump(exclude_none=True)},
        "payment_method_types": params.allowed_payment_method_types or params.payment_method_types,
        "shipping": params.shipping,
        "status": "requires_confirmation" if params.payment_method else "requires_payment_method",
        "transfer_group": params.transfer_group,
    }


def charge(intent: Object, created: int) -> Object:
    """A charge that passed the card network; `charge_failed` turns it into one that did not."""
    method = intent["payment_method"]
    copied = ("amount", "currency", "customer", "description", "metadata", "receipt_email", "shipping")
    empty = ("application", "application_fee", "application_fee_amount", "balance_transaction", "failure_code")
    unset = ("failure_balance_transaction", "failure_message", "on_behalf_of", "receipt_number", "receipt_url")
    return {
        "id": new_id("ch"),
        "object": "charge",
        **{name: intent[name] for name in (*copied, "transfer_group", "statement_descriptor")},
        **dict.fromkeys((*empty, *unset)),
        "amount_captured": 0,
        "amount_refunded": 0,
        "billing_details": billing_details(),
        "captured": False,
        "created": created,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "outcome": _outcome("authorized", "approved_by_network", "Payment complete."),
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method,
        "payment_method_details": method_details(card_of(method)),
        "refunded": False,
        "status": "succeeded",
    }


def _outcome(type_: str, network: str, message: str, reason: str | None = None) -> Object:
    return {
        "network_status": network,
        "reason": reason,
        "risk_level": "normal",
        "seller_message": message,
        "type": type_,
    }


def charge_failed(charge: Object, code: str, message: str, decline: str) -> Object:
    """The same charge, declined."""
    outcome = _outcome("issuer_declined", "declined_by_network", "The bank declined the payment.", decline)
    return {
        **charge,
        "failure_code": code,
        "failure_message": message,
        "outcome": outcome,
        "paid": False,
        "status": "failed",
    }


def refund(params: CreateRefund, charge: Object, amount: int, created: int) -> Object:
    """A refund before it is settled."""
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": params.metadata,
        "payment_intent": charge["payment_intent"],
        "reason": params.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


def customer(params: CreateCustomer, created: int) -> Object:
    """A customer."""
    copied = ("address", "description", "email", "metadata", "name", "phone", "shipping")
    return {
        "id": new_id("cus"),
        "object": "customer",
        **{name: getattr(params, name) for name in copied},
        "balance": 0,
        "created": created,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "livemode": False,
        "preferred_locales": [],
    }


def checkout_session(params: CreateSession, created: int, expires_at: int, base_url: str) -> Object:
    """A page nobody has paid on."""
    id_ = new_id("cs_test")
    total = sum(line.price_data.unit_amount * line.quantity for line in params.line_items)
    copied = ("client_reference_id", "customer", "customer_creation", "metadata", "mode", "success_url", "cancel_url")
    empty = ("after_expiration", "consent", "currency_conversion", "customer_details", "customer_email", "invoice")
    unset = ("locale", "payment_intent", "payment_link", "recovered_from", "setup_intent", "submit_type")
    return {
        "id": id_,
        "object": "checkout.session",
        **{name: getattr(params, name) for name in copied},
        **dict.fromkeys((*empty, *unset, "subscription")),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "status": None},
        "created": created,
        "currency": params.line_items[0].price_data.currency.lower(),
        "custom_fields": [],
        "custom_text": {"shipping_address": None, "submit": None},
        "expires_at": expires_at,
        "livemode": False,
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "url": f"{base_url}/_control/checkout/sessions/{id_}/page",
    }
