"""What may be logged of an error: its words may quote what it failed at, a name or an address among it.

Words are told where they are known to quote nothing of a person's; of any other error its type, and where it happened.
"""

import traceback
from collections.abc import Iterator
from typing import Final

from temporalio.service import RPCError

from ordersaga.client_errors import is_outage
from ordersaga.domain.errors import OrdersagaError
from ordersaga.settings import SettingsError

_PLAIN: Final = (OrdersagaError, SettingsError, OSError, RPCError, AttributeError, NameError, ImportError)
"""They name settings, files, addresses of servers, ids of workflows, names in our code."""
_CAUSED: Final = "The above exception was the direct cause of the following exception:"
_MEANWHILE: Final = "During handling of the above exception, another exception occurred:"


def said(error: BaseException) -> str:
    """One line: its words, or its type where nobody vouches for them."""
    return (str(error) if _quotes_nothing(error) else "") or type(error).__name__


def traceback_of(error: BaseException) -> str:
    """Its traceback as Python writes it, with causes and groups, and no words that may quote anything."""
    return "\n".join(_lines(error, set()))


def _quotes_nothing(error: BaseException) -> bool:
    return isinstance(error, _PLAIN) or (isinstance(error, RuntimeError) and is_outage(error))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield f"\n{_CAUSED if before is error.__cause__ else _MEANWHILE}\n"
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    yield _named(error)
    for each in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from (f"  | {line}" for part in _lines(each, seen) for line in part.splitlines())


def _named(error: BaseException) -> str:
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"{name}: {error}" if _quotes_nothing(error) and str(error) else name
