"""Who may do what: API keys (`Authorization: Bearer osk_...`) and their three roles.

| role | may |
|---|---|
| checkout | place orders and read them, ask for returns |
| support | read everything, cancel and change orders, place and release holds, receive and cancel returns |
| operator | all of it |

A key that belongs to one seller sees and touches that seller's orders only. Only an operator's key may act for
somebody else (`by`), and is still one person where two must agree.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ordersaga.api.problems import FieldError, Problem, invalid, not_found
from ordersaga.api.request_log import bind_order
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.domain.approvals import identity
from ordersaga.domain.journal import OrderRecord

_REALM: Final = {"WWW-Authenticate": 'Bearer realm="ordersaga"'}
bearer: Final = HTTPBearer(auto_error=False, description="An API key, osk_...")


class Role(StrEnum):
    """Roles of API keys."""

    CHECKOUT = "checkout"
    SUPPORT = "support"
    OPERATOR = "operator"


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


def allow(*roles: Role) -> Callable[..., Awaitable[ApiKey]]:
    """A dependency that answers 401 without a known key, 403 with one of another role, else gives the key."""

    async def check(
        services: ServicesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
    ) -> ApiKey:
        key = await services.api_keys.verify(credentials.credentials) if credentials else None
        if key is None:
            detail = "send a valid API key: Authorization: Bearer osk_..."
            raise Problem(401, "unauthorized", detail, headers=_REALM)
        require(key, *roles)
        return key

    return check


def require(key: ApiKey, *roles: Role) -> None:
    """Problem 403 for a key of another role."""
    if key.role not in roles:
        names = [role.value for role in roles]
        detail = f"a {key.role} key may not do this; it takes the role {' or '.join(names)}"
        raise Problem(403, "forbidden", detail, allowed_roles=names)


PLACER: Final = allow(Role.CHECKOUT, Role.OPERATOR)
Placer = Annotated[ApiKey, Depends(PLACER)]
Reader = Annotated[ApiKey, Depends(allow(Role.CHECKOUT, Role.SUPPORT, Role.OPERATOR))]
Agent = Annotated[ApiKey, Depends(allow(Role.SUPPORT, Role.OPERATOR))]
Operator = Annotated[ApiKey, Depends(allow(Role.OPERATOR))]


async def whole_operator(services: Services, credentials: HTTPAuthorizationCredentials | None) -> ApiKey:
    """The operator's key of the whole deployment; 403 for one that belongs to a seller, or has another role."""
    key = await allow(Role.OPERATOR)(services, credentials)
    if key.seller:
        raise Problem(403, "seller_forbidden", f"this key sees what is {key.seller}'s only; it takes one of no seller")
    return key


def acting(key: ApiKey, by: str | None) -> str:
    """Who acts, as messages say it. Problem 422 when a key that is no operator's names somebody else."""
    if by and by.strip() != key.name.strip() and key.role != Role.OPERATOR:
        advice = "leave it out, or use an operator's key"
        raise invalid([FieldError(field="by", message=f"a {key.role} key acts for nobody else", remedy=advice)])
    return identity(key.name, by)


def seller_scope(key: ApiKey, asked: str | None) -> str | None:
    """The seller to filter by: the key's own, or the one asked for. Problem 403 when these differ."""
    if key.seller and asked and asked != key.seller:
        raise Problem(403, "seller_forbidden", f"this key sees the orders of {key.seller} only")
    return key.seller or asked


async def find_order(services: Services, key: ApiKey, order_id: str) -> OrderRecord:
    """The order, or problem 404 when there is none that this key may see."""
    record = await services.journal.get(order_id)
    if record is None or (key.seller and record.order.seller != key.seller):
        raise not_found(order_id)
    bind_order(order_id)
    return record
