"""Companies quote what they refuse: a shopper's name and address must not get into logs, ledgers and histories so.

Where an address is what is refused, a gateway names fields only. Everything else a company says about a call that
carried an address passes through `hiding`.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Final

from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.orders import Address
from ordersaga.gateways.http_errors import causes

_FIELDS: Final = ("name", "line1", "line2", "city", "postal_code", "phone", "email")
_SHORTEST: Final = 3
"""Anything shorter is in every other word, and tells nobody apart."""


@contextlib.contextmanager
def hiding(address: Address) -> Iterator[None]:
    """Put the names of the address's fields where an error quotes their values.

    A refusal loses the company's own exception, which a traceback would print; a failed call keeps it unless it quotes.
    """
    try:
        yield
    except OrdersagaError as error:
        quoted = any(hidden(str(cause), address) != str(cause) for cause in causes(error))
        error.message = hidden(error.message, address)
        error.args = (f"{error.code}: {error.message}",)
        if quoted or not isinstance(error, RetryError):
            raise error from None
        raise


@contextlib.contextmanager
def unquoted() -> Iterator[None]:
    """Lists are full of people: an error loses the SDK's own exception, which quotes an answer it cannot read."""
    try:
        yield
    except OrdersagaError as error:
        raise error from None


def hidden(text: str, address: Address) -> str:
    """The text with `[field]` for each value of the address, however it is capitalized."""
    for pattern, field in _patterns(address):
        text = pattern.sub(f"[{field}]", text)
    return text


def _patterns(address: Address) -> list[tuple[re.Pattern[str], str]]:
    """Longest first, so that a street is not cut up by the city that is part of its name."""
    values = [(str(getattr(address, field) or ""), field) for field in _FIELDS]
    words = [(word, "name") for word in address.name.split()]
    told = sorted({(value, field) for value, field in values + words if len(value) >= _SHORTEST}, key=_longest)
    return [(re.compile(rf"(?<!\w){re.escape(value)}{_end(field)}", re.IGNORECASE), field) for value, field in told]


def _end(field: str) -> str:
    """A name is a whole word; a street or a code may go on ("1 Main St" as "1 MAIN STREET")."""
    return r"(?!\w)" if field in ("name", "city") else ""


def _longest(entry: tuple[str, str]) -> tuple[int, str]:
    return -len(entry[0]), entry[0]
