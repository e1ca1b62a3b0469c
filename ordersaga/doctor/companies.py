"""The outside companies: each is asked for what it cannot have, which changes nothing and needs our credentials.

A marketplace is asked for what has changed since now.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

from ordersaga.bootstrap import Services
from ordersaga.doctor.lines import Line, fail, ok, warn
from ordersaga.domain.breakers import BreakerState
from ordersaga.domain.errors import CustomerError, OrdersagaError, RetryError

NOBODY: Final = "doctor-1-1"
"""A reference that none of our parcels has."""
PAYMENT: Final = "doctor/authorize/1/1"
WITHIN: Final = 15.0
_KEPT_BACK: Final = ("lane_paused", "breaker_open")
"""Why we do not ask ourselves: told by the lane's own line."""

Ask = Callable[[], Awaitable[object]]


async def company_lines(services: Services) -> list[Line]:
    """One line for each company, asked side by side."""
    asked = _questions(services)
    return list(await asyncio.gather(*(_line(name, ask) for name, ask in sorted(asked.items()))))


async def lane_lines(services: Services) -> list[Line]:
    """Lanes that hand nothing out now."""
    paused = {pause.lane: pause.reason for pause in await services.lane_pauses.pauses()}
    lines = [warn("lane", f"{lane} is paused: {why}", f"ordersaga lanes resume {lane}") for lane, why in paused.items()]
    for breaker in await services.breakers.breakers():
        if breaker.state is not BreakerState.CLOSED:
            lines.append(warn("breaker", f"{breaker.lane} is {breaker.state}", "see docs/breakers.md"))
    return lines


def seller_account_lines(services: Services) -> list[Line]:
    """Sellers' own accounts that cannot be opened with what is here."""
    advice = "put each secret where its reference leads, or correct the profile: docs/sellers.md"
    return [
        fail("seller_account", f"{account} of {seller} cannot be opened: {', '.join(wrong)}", advice)
        for (account, seller), wrong in services.seller_accounts.closed.items()
    ]


def _questions(services: Services) -> Mapping[str, Ask]:
    providers = {f"provider {name}": partial(each.inquire, NOBODY) for name, each in services.providers.items()}
    carriers = {f"carrier {name}": partial(each.inquire, NOBODY) for name, each in services.carriers.items()}
    now = datetime.now(UTC)
    channels = {f"channel {name}": partial(each.changed_since, now) for name, each in services.channels.items()}
    return {"payments": partial(services.payments.find, PAYMENT), **providers, **carriers, **channels}


async def _line(name: str, ask: Ask) -> Line:
    try:
        await asyncio.wait_for(ask(), WITHIN)
    except TimeoutError:
        return fail(name, f"no answer within {WITHIN:g} s", "see that this machine may reach it")
    except RetryError as error:
        if error.code in _KEPT_BACK:
            return warn(name, f"was not asked: {error.message}", "look again when its lane is open")
        return fail(name, f"cannot be asked now: {error.code}: {error.message}", "try again; see its status page")
    except CustomerError:
        return ok(name, "answers")
    except OrdersagaError as error:
        return fail(name, f"refuses us: {error.code}: {error.message}", "correct its credentials in the settings")
    return ok(name, "answers, and knows us")
