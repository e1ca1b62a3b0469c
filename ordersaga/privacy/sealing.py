"""How personal data is written into rows: single values are replaced by tokens that only the order's key opens.

A token stands for a text. Parts of a JSON object stand in one token under `sealed`: what may be read and searched for
stays beside it. A token names whose key it needs, so that whoever reads a row need not know what in it is encrypted.

It is opened in a row of its own order only: one that was copied to another's, or that somebody wrote, stays shut.
"""

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from ordersaga.domain.errors import OperatorError
from ordersaga.privacy.ciphers import AlteredError, decrypt, encrypt
from ordersaga.privacy.key_ring import DataKey

ERASED: Final = "(erased)"
PLACES: Final = ("country", "region")
"""What of an address stays in the clear: stops and promises go by it, and it tells nobody apart."""
_MARK: Final = "sealed:1:"
_TOKEN: Final = re.compile(r"sealed:1:(@[a-z]+|[A-Za-z0-9_]{1,64}):([A-Za-z0-9]+):([A-Za-z0-9+/]+={0,2})")
_UNDER: Final = "sealed"
_NOBODY: Final = {"name": ERASED, "line1": ERASED, "city": ERASED, "postal_code": "00000"}

Keys = Mapping[str, DataKey]


def seal(key: DataKey, value: Any) -> str:
    """A token for any JSON value."""
    sealed = encrypt(key.key, json.dumps(value).encode(), key.key_id, key.subject, _MARK)
    return f"{_MARK}{key.subject}:{key.key_id}:{base64.b64encode(sealed).decode()}"


def seal_text(key: DataKey | None, text: str | None) -> str | None:
    """A token for a text; without a key, or without a text, it stays as it is."""
    return seal(key, text) if key is not None and text else text


def seal_all(key: DataKey, value: Any) -> dict[str, Any]:
    """A JSON value of which nothing may be read, as an object."""
    return {_UNDER: seal(key, {"value": value})}


def seal_address(key: DataKey | None, address: Mapping[str, Any]) -> dict[str, Any]:
    """An address of which country and region stay readable."""
    if key is None:
        return dict(address)
    hidden = {name: value for name, value in address.items() if name not in PLACES}
    return {**{name: address[name] for name in PLACES}, _UNDER: seal(key, hidden)}


def seal_request(key: DataKey | None, request: Mapping[str, Any]) -> dict[str, Any]:
    """An order as it was asked for: its address and its buyer are hidden, and whom the payment company takes for it."""
    if key is None:
        return dict(request)
    kept = {name: value for name, value in request.items() if name != "buyer"}
    buyer = {_UNDER: seal(key, {"buyer": request["buyer"]})} if request.get("buyer") else {}
    sealed = {"ship_to": seal_address(key, request["ship_to"]), "payment": _seal_payment(key, request["payment"])}
    return {**kept, **buyer, **sealed}


def seal_case(key: DataKey | None, case: Mapping[str, Any]) -> dict[str, Any]:
    """A return as it was accepted: its order, where its parcel went, and what its shopper wrote."""
    if key is None:
        return dict(case)
    went = {"sent_to": seal_address(key, case["sent_to"])} if case.get("sent_to") else {}
    asked = {**case["request"], "note": seal_text(key, case["request"].get("note"))}
    return {**case, **went, "order": seal_request(key, case["order"]), "request": asked}


def subjects_in(value: Any) -> Iterator[str]:
    """Whose keys the tokens in a value need."""
    if isinstance(value, str):
        if token := _token(value):
            yield token[1]
    elif isinstance(value, dict):
        for each in value.values():
            yield from subjects_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from subjects_in(each)


def opened(value: Any, keys: Keys, of: Collection[str | None] | None = None) -> Any:
    """The value with its tokens opened; what nobody has a key for any more is said to be erased.

    `of`: whose tokens are opened here; None: anybody's. A text that looks like a token and is none of theirs is what
    somebody wrote: it stays as it is.

    Raises OperatorError `data_altered` for a part of an object that is no such token.
    """
    if isinstance(value, str):
        return _opened_text(value, keys, of)
    if isinstance(value, dict):
        return _opened_object(value, keys, of)
    return [opened(each, keys, of) for each in value] if isinstance(value, list) else value


def _opened_text(text: str, keys: Keys, of: Collection[str | None] | None) -> Any:
    token = _token(text)
    if token is None or not _may_stand(token, of):
        return text
    try:
        return _unsealed(token, keys, ERASED)
    except (AlteredError, ValueError):
        return text


def _opened_object(value: Mapping[str, Any], keys: Keys, of: Collection[str | None] | None) -> Any:
    known = {name: opened(each, keys, of) for name, each in value.items() if name != _UNDER}
    sealed = value.get(_UNDER)
    if not isinstance(sealed, str) or not sealed.startswith(_MARK):
        return known if sealed is None else {**known, _UNDER: sealed}
    hidden = _opened_part(sealed, keys, of, _NOBODY if set(known) == set(PLACES) else {})
    return {**known, **hidden} if known or set(hidden) != {"value"} else hidden["value"]


def _opened_part(sealed: str, keys: Keys, of: Collection[str | None] | None, erased: Any) -> Any:
    token = _token(sealed)
    if token is None or not _may_stand(token, of):
        raise OperatorError("data_altered", "personal data is not what was written, or was moved here")
    try:
        return _unsealed(token, keys, erased)
    except (AlteredError, ValueError):
        raise OperatorError("data_altered", f"personal data of {token[1]} is not what was written") from None


def _token(text: str) -> re.Match[str] | None:
    return _TOKEN.fullmatch(text) if text.startswith(_MARK) else None


def _may_stand(token: re.Match[str], of: Collection[str | None] | None) -> bool:
    return of is None or token[1] in of


def _unsealed(token: re.Match[str], keys: Keys, erased: Any) -> Any:
    subject, key_id, encoded = token.groups()
    key = keys.get(subject)
    if key is None:
        return erased
    return json.loads(decrypt(key.key, base64.b64decode(encoded), key_id, subject, _MARK))


def _seal_payment(key: DataKey, payment: Mapping[str, Any]) -> dict[str, Any]:
    """How it is paid. A saved customer is the same in all orders of one person."""
    kept = {name: value for name, value in payment.items() if name != "customer"}
    customer = payment.get("customer")
    return {**kept, _UNDER: seal(key, {"customer": customer})} if customer else dict(payment)
