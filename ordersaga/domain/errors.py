"""Errors say who must act.

```
OrdersagaError           code (stable, snake_case) and a message for people
├── RetryError           nobody: the same call may work later; `unknown` = it may have happened already
│   ├── RateLimitedError the same: the other side had too many of our calls, and did nothing
│   └── NotShownError    the same: it is not shown to us now, which does not prove that it is not there
├── CustomerError        the shopper: card declined, address refused, sold out
└── OperatorError        an operator: bad credentials, a contract broken, a setting missing
    └── RefusedError     the same, and it is on record that nothing happened: a new generation may be tried
```

Vendor exceptions are translated into these once, in the gateway that met them.
"""

from datetime import timedelta


class OrdersagaError(Exception):
    """Base of all: `code` is stable and machine-readable, `message` is written for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class RetryError(OrdersagaError):
    """The call did not get a final answer.

    Args:
        unknown: the request may have been carried out (time-out or reset after sending); inquire before repeating.
        retry_after: the other side's wish, when it stated one.
    """

    def __init__(self, code: str, message: str, *, unknown: bool = False, retry_after: timedelta | None = None) -> None:
        super().__init__(code, message)
        self.unknown = unknown
        self.retry_after = retry_after


class RateLimitedError(RetryError):
    """The other side had too many calls of ours: this one was refused before anything was done (HTTP 429)."""


class NotShownError(RetryError):
    """What should be there is not shown: no proof of absence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, unknown=True)


class CustomerError(OrdersagaError):
    """A final refusal that only the shopper can change."""


class OperatorError(OrdersagaError):
    """A final refusal that an operator must look at."""


class RefusedError(OperatorError):
    """Refused to us for good and recorded so: nothing happened, and a new generation may be tried after a repair."""
