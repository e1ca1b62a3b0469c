"""Did a request get out? The one distinction between "may be repeated" and "unknown: inquire first"."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import httpx

from ordersaga.domain.errors import OrdersagaError, RateLimitedError, RetryError

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


def transport_error(company: str, error: BaseException) -> RetryError:
    """No answer. A request that never left cannot have happened; any other may have."""
    if any(isinstance(cause, _NEVER_SENT) for cause in causes(error)):
        return RetryError(f"{company}_unreachable", f"no connection to {company} could be made")
    return RetryError(f"{company}_no_answer", f"{company} was asked and did not answer", unknown=True)


@contextlib.contextmanager
def already_asked() -> Iterator[None]:
    """Reading what a call came to: while that fails, for whatever reason, the outcome of the call stays unknown."""
    try:
        yield
    except OrdersagaError as error:
        wait = error.retry_after if isinstance(error, RetryError) else None
        raise RetryError(error.code, error.message, unknown=True, retry_after=wait) from error


def unavailable(company: str, status: int | None) -> RetryError:
    """A 5xx: the request was received, and may have been carried out."""
    return RetryError(f"{company}_unavailable", f"{company} answered {status}", unknown=True)


def rate_limited(company: str, retry_after: str | None) -> RateLimitedError:
    """A 429: refused before anything was done; `retry_after` in seconds when stated."""
    wait = seconds(retry_after)
    return RateLimitedError(f"{company}_rate_limited", f"{company} limits our requests", retry_after=wait)


def seconds(value: str | None) -> timedelta | None:
    """A header that states seconds; None when absent or something else."""
    try:
        return timedelta(seconds=float(value)) if value else None
    except (ValueError, OverflowError):
        return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and everything it came from."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
