"""Whose things the request under way may see: told where its key is checked, obeyed where the database is asked.

It travels with the task. What a request begins for everybody (a batch, a look that all share) is begun in
`whole_house()`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_SELLER: Final[ContextVar[str | None]] = ContextVar("seller", default=None)


def seller_in_scope() -> str | None:
    """The seller whose rows may be seen now; None: everybody's."""
    return _SELLER.get()


def narrow_to(seller: str | None) -> None:
    """From here on, in this task and those it begins, only this seller's rows are seen; None: everybody's."""
    _SELLER.set(seller)


@contextmanager
def whole_house() -> Iterator[None]:
    """Everybody's rows are seen until the block ends; then as before, whatever was narrowed within."""
    before = _SELLER.set(None)
    try:
        yield
    finally:
        _SELLER.reset(before)
