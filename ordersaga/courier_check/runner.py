"""Runs all checks against one courier, one after the other."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx

from ordersaga.courier_check import bookings, doors, prices, ways
from ordersaga.courier_check.check import Check
from ordersaga.courier_check.listener import Listener
from ordersaga.courier_check.report import Report, Result
from ordersaga.courier_check.site import Site, SkippedError, require
from ordersaga.courier_check.webhooks import WebhookCheck, not_listening

CHECKS: Final = (*doors.CHECKS, *prices.CHECKS, *bookings.CHECKS, *ways.CHECKS)
PUBLISHED: Final = "published_api"
LIMITS: Final = "limits_are_told"
_PUBLISHED: Final = "Every answer keeps to the published API: status, headers, media type, schema."
_LIMITS: Final = "Too many requests are 429 rate_limited with Retry-After, and the same request is taken later."


class CourierUnreachableError(Exception):
    """Nobody answers under the URL."""


@dataclass(frozen=True)
class Target:
    """Whom to check. `secret`: of webhooks, `whsec_...`; `timeout`: of one call; `patience`: for a webhook."""

    url: str
    key: str
    secret: str = ""
    timeout: timedelta = timedelta(seconds=15)
    patience: timedelta = timedelta(seconds=20)


def names() -> tuple[str, ...]:
    """Every check's name, in order."""
    return (*(check.name for check in CHECKS), not_listening().name, LIMITS, PUBLISHED)


async def check_courier(
    target: Target,
    listener: Listener | None = None,
    *,
    only: Collection[str] = (),
    tell: Callable[[str], None] = lambda name: None,
) -> Report:
    """Every check's result, or that of the checks with these names. `tell` hears the name of each before it begins.

    Raises CourierUnreachableError when no connection can be made.
    """
    async with httpx.AsyncClient(base_url=target.url, timeout=target.timeout.total_seconds()) as http:
        await _knock(http)
        site = Site(http, target.key)
        asked = [
            *CHECKS,
            _webhooks(target, listener),
            Check(_limits, LIMITS, _LIMITS),
            Check(_published, PUBLISHED, _PUBLISHED),
        ]
        results = [await _result(check, site, tell) for check in asked if check.name in (only or names())]
    return Report(url=target.url, results=tuple(results), calls=site.calls)


async def _knock(http: httpx.AsyncClient) -> None:
    try:
        await http.get("/v1/zones")
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise CourierUnreachableError(f"{http.base_url} does not answer: {type(error).__name__}") from error


async def _result(check: Check, site: Site, tell: Callable[[str], None]) -> Result:
    tell(check.name)
    return await check.on(site)


def _webhooks(target: Target, listener: Listener | None) -> Check:
    if listener is None or not target.secret:
        return not_listening()
    return WebhookCheck(listener, target.secret, target.patience).check()


async def _limits(site: Site) -> None:
    """Nobody is flooded to see a 429; one that was met anyway is judged with all answers."""
    if not site.limited:
        raise SkippedError("none was met: the checks flood nobody")


async def _published(site: Site) -> None:
    found = [f"{operation} {said}" for operation, broken in site.broken.items() for said in broken]
    require(not found, "; ".join(found))
