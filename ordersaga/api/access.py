"""Who may do what: API keys and people's sessions (`Authorization: Bearer osk_...`, `oss_...`) and their six roles.

| role | may | whose |
|---|---|---|
| checkout | place orders and read them, ask for returns | keys |
| channel | what checkout may, and place orders that a channel's platform has collected the money for | keys |
| viewer | read everything, do nothing | keys, people |
| support | read orders and what concerns them, cancel and change orders, holds, returns | keys, people |
| operator | all of it, but for what is an admin's | keys, people |
| admin | what an operator may, and see and end people's sessions | keys, people |

A key or person of one seller sees and touches that seller's orders only; the rest of its request sees no others in the
database either (`seller_scope`). Only an operator's key may act for somebody else (`by`), and is still one person where
two must agree. A session names its person as a key does its owner.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ordersaga.api.problems import FieldError, Problem, invalid, not_found
from ordersaga.api.rates import Rates
from ordersaga.api.request_log import bind_order
from ordersaga.bootstrap import TOKEN_PREFIX, ApiKey, Services
from ordersaga.domain.approvals import identity
from ordersaga.domain.journal import OrderRecord
from ordersaga.seller_scope import narrow_to, whole_house

_REALM: Final = {"WWW-Authenticate": 'Bearer realm="ordersaga"'}
bearer: Final = HTTPBearer(auto_error=False, description="An API key, osk_...")


class Role(StrEnum):
    """Roles of API keys; the last four are people's too."""

    CHANNEL = "channel"
    CHECKOUT = "checkout"
    VIEWER = "viewer"
    SUPPORT = "support"
    OPERATOR = "operator"
    ADMIN = "admin"


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


def allow(*roles: Role) -> Callable[..., Awaitable[ApiKey]]:
    """A dependency that answers 401 without a known key, 403 with one of another role, else gives the key.

    One that asks too often hears 429. What an operator may, an admin may too.
    """

    async def check(
        request: Request,
        services: ServicesDep,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> ApiKey:
        with whole_house():  # a second check of one request is not narrowed by the first
            key = await _caller(services, credentials.credentials, request) if credentials else None
        if key is None:
            detail = "send a valid API key: Authorization: Bearer osk_..."
            raise Problem(401, "unauthorized", detail, headers=_REALM)
        rates: Rates = request.app.state.rates
        rates.take(key.id)
        require(key, *roles)
        narrow_to(key.seller)
        return key

    return check


async def _caller(services: Services, token: str, request: Request) -> ApiKey | None:
    """Whose key it is, or whose session: one that only keeps a page live (`X-Live`) ends as if nobody used it."""
    if not token.startswith(TOKEN_PREFIX):
        return await services.api_keys.verify(token)
    session = await services.people.verify(token, attended="x-live" not in request.headers)
    return ApiKey(session.id, session.role, session.name, session.seller) if session else None


def require(key: ApiKey, *roles: Role) -> None:
    """Problem 403 for a key of another role."""
    allowed = (*roles, Role.ADMIN) if Role.OPERATOR in roles else roles
    if key.role not in allowed:
        names = [role.value for role in allowed]
        detail = f"the role {key.role} may not do this; it takes the role {' or '.join(names)}"
        raise Problem(403, "forbidden", detail, allowed_roles=names)


PLACER: Final = allow(Role.CHECKOUT, Role.CHANNEL, Role.OPERATOR)
Placer = Annotated[ApiKey, Depends(PLACER)]
Asker = Annotated[ApiKey, Depends(allow(Role.CHECKOUT, Role.CHANNEL, Role.SUPPORT, Role.OPERATOR))]
Reader = Annotated[ApiKey, Depends(allow(Role.CHECKOUT, Role.CHANNEL, Role.VIEWER, Role.SUPPORT, Role.OPERATOR))]
Canceler = Annotated[ApiKey, Depends(allow(Role.CHANNEL, Role.SUPPORT, Role.OPERATOR))]
Agent = Annotated[ApiKey, Depends(allow(Role.SUPPORT, Role.OPERATOR))]
Watcher = Annotated[ApiKey, Depends(allow(Role.VIEWER, Role.SUPPORT, Role.OPERATOR))]
"""Who sees what an agent works with."""
Operator = Annotated[ApiKey, Depends(allow(Role.OPERATOR))]
Overseer = Annotated[ApiKey, Depends(allow(Role.VIEWER, Role.OPERATOR))]
"""Who sees what an operator works with."""
Admin = Annotated[ApiKey, Depends(allow(Role.ADMIN))]


async def whole_overseer(
    request: Request, services: Services, credentials: HTTPAuthorizationCredentials | None
) -> ApiKey:
    """A viewer's or an operator's key of the whole deployment; 403 for one of a seller, or of another role."""
    key = await allow(Role.VIEWER, Role.OPERATOR)(request, services, credentials)
    if key.seller:
        raise Problem(403, "seller_forbidden", f"this key sees what is {key.seller}'s only; it takes one of no seller")
    return key


def acting(key: ApiKey, by: str | None) -> str:
    """Who acts, as messages say it. Problem 422 when a key that is no operator's names somebody else."""
    if by and by.strip() != key.name.strip() and key.role not in (Role.OPERATOR, Role.ADMIN):
        advice = "leave it out, or use an operator's key"
        raise invalid([FieldError(field="by", message=f"a {key.role} key acts for nobody else", remedy=advice)])
    return identity(key.name, by)


def seller_scope(key: ApiKey, asked: str | None) -> str | None:
    """The seller to filter by: the key's own, or the one asked for. Problem 403 when these differ."""
    if key.seller and asked and asked != key.seller:
        raise Problem(403, "seller_forbidden", f"this key sees the orders of {key.seller} only")
    return key.seller or asked


async def find_cancelable(services: Services, key: ApiKey, order_id: str) -> OrderRecord:
    """As `find_order`. Problem 403 for a channel's key, unless the platform of its name has the order's money."""
    record = await find_order(services, key, order_id)
    if key.role == Role.CHANNEL and record.order.payment.collected_by != key.name:
        detail = f"a channel key cancels orders whose money its own platform has: `collected_by` is not {key.name}"
        names = [role.value for role in (Role.SUPPORT, Role.OPERATOR, Role.ADMIN)]
        raise Problem(403, "forbidden", detail, allowed_roles=names)
    return record


async def find_order(services: Services, key: ApiKey, order_id: str) -> OrderRecord:
    """The order, or problem 404 when there is none that this key may see."""
    record = await services.journal.get(order_id)
    if record is None or (key.seller and record.order.seller != key.seller):
        raise not_found(order_id)
    bind_order(order_id)
    return record
