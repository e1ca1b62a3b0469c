"""Failures on order: the next call of a method fails, before or after doing its work."""

from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ordersaga.domain.errors import OrdersagaError


@dataclass(frozen=True)
class _Failure:
    error: OrdersagaError
    after_doing: bool


class Scripted:
    """A fake that remembers its calls as (method, arguments...) and fails when told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._failures: dict[str, deque[_Failure]] = defaultdict(deque)

    def fail_next(self, method: str, error: OrdersagaError, *, after_doing: bool = False) -> None:
        """Raise `error` from the next call; `after_doing`: the work is done and only the answer is lost."""
        assert callable(getattr(self, method, None)), f"{type(self).__name__} has no method {method}"
        self._failures[method].append(_Failure(error, after_doing))

    def forget_failures(self, method: str) -> None:
        """The failures told for a method will not happen."""
        self._failures[method].clear()

    def called(self, method: str) -> list[tuple[Any, ...]]:
        """The arguments of every call of a method, oldest first."""
        return [call[1:] for call in self.calls if call[0] == method]

    @contextmanager
    def _call(self, method: str, *arguments: Any) -> Iterator[None]:
        self.calls.append((method, *arguments))
        failures = self._failures[method]
        failure = failures.popleft() if failures else None
        if failure and not failure.after_doing:
            raise failure.error
        yield
        if failure:
            raise failure.error
