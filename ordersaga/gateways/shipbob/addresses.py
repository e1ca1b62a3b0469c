"""Another address for a ShipBob shipment: `PUT /shipment/{id}:updateAddress`, what it takes and what it answers."""

from collections.abc import Mapping
from typing import Any

import httpx

from ordersaga.domain.errors import CustomerError, RetryError
from ordersaga.domain.orders import Address
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.shipbob.errors import json_of, refusal
from ordersaga.gateways.shipbob.states import status_of
from ordersaga.gateways.webhook_parts import child, text

# Where a shipment may still stand; ShipBob refuses once it is picked.
_CHANGEABLE = frozenset({None, ParcelStatus.ACCEPTED, ParcelStatus.EXCEPTION})
_CONTACT = frozenset({"email", "phone_number"})
_ABOUT_ADDRESS = frozenset({"INVALID_PARAMETER", "VALIDATION_ERROR"})


def may_change(shipment: Mapping[str, Any]) -> bool:
    """As far as its status says; ShipBob has the last word."""
    return status_of(shipment) in _CHANGEABLE


def update_body(to: Address) -> dict[str, Any]:
    """The request for an address of ours."""
    return {
        "recipient_name": to.name,
        "street_address1": to.line1,
        "street_address2": to.line2,
        "city": to.city,
        "state": to.region,
        "zip_code": to.postal_code,
        "country_code": to.country,
        "email": to.email,
        "phone_number": to.phone,
    }


def put_back_body(shipment: Mapping[str, Any]) -> dict[str, Any]:
    """The request for the address another shipment of the same order still goes to."""
    recipient = child(shipment, "recipient")
    address = child(recipient, "address")
    return {
        "recipient_name": recipient.get("name") or recipient.get("full_name"),
        "street_address1": address.get("address1"),
        "street_address2": address.get("address2"),
        "city": address.get("city"),
        "state": address.get("state"),
        "zip_code": address.get("zip_code"),
        "country_code": address.get("country"),
        "email": recipient.get("email"),
        "phone_number": recipient.get("phone_number"),
    }


def goes_to(shipment: Mapping[str, Any], to: Address) -> bool:
    """Whether it is addressed there already; e-mail and phone do not decide where a parcel goes."""
    standing, wanted = put_back_body(shipment), update_body(to)
    return all(_folded(standing[field]) == _folded(wanted[field]) for field in wanted if field not in _CONTACT)


def _folded(value: object) -> str:
    return (text(value) or "").strip().casefold()


def is_updated(answer: httpx.Response) -> bool:
    """True when it is changed, False when the shipment is past that.

    Raises CustomerError `address_refused`, and RetryError when ShipBob could not do it now.
    """
    body = json_of(answer)
    told = body if isinstance(body, dict) else {}
    if answer.is_success and told.get("is_success") is True:
        return True
    code = text((told if "code" in told else child(told, "error")).get("code"))
    if code is None:
        raise refusal(answer) if not answer.is_success else _not_done("no reason given")
    if code == "CONFLICT":
        return False
    if code in _ABOUT_ADDRESS:
        raise CustomerError("address_refused", f"ShipBob refuses the address ({code})")
    raise _not_done(code)


def _not_done(why: str) -> RetryError:
    return RetryError("shipbob_address_not_updated", f"ShipBob could not change the address: {why}", unknown=True)
