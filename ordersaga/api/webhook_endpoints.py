"""Routes: who hears what happens to orders, and how its deliveries stand. A seller's key sees that seller's only."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from ordersaga.api.access import Operator, Overseer, ServicesDep, seller_scope
from ordersaga.api.notification_shapes import (
    DeliveryList,
    DeliveryRow,
    EndpointList,
    EndpointRow,
    NewEndpoint,
    NewEndpointRow,
    ReplayAnswer,
    ReplayBody,
    RotatedSecret,
)
from ordersaga.api.problems import FieldError, Problem, invalid
from ordersaga.bootstrap import ApiKey, Endpoint, Services
from ordersaga.domain.errors import CustomerError
from ordersaga.domain.identifiers import Code
from ordersaga.domain.notification_targets import kind_of
from ordersaga.domain.notifications import BOTH_SECRETS_SIGN, EMAIL_TYPES, DeliveryStatus
from ordersaga.remedies import listed_at

EndpointId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]{1,64}$")]

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["notifications"])


@router.post("", status_code=201)
async def add(body: NewEndpoint, services: ServicesDep, key: Operator) -> NewEndpointRow:
    """Add an endpoint. Its secret is shown in this answer only."""
    seller = seller_scope(key, body.seller)
    try:
        kind = kind_of(
            body.url,
            allow_loopback=services.settings.notify_loopback,
            allow_email=services.notifier is not None,
        )
        types = body.types or (EMAIL_TYPES if kind == "email" else ())
        endpoint, secret = await services.endpoints.add(kind, body.url, seller=seller, types=types)
    except CustomerError as error:
        raise _refusal(error) from error
    return NewEndpointRow.of(endpoint, secret=secret if kind == "http" else None)


@router.get("")
async def list_endpoints(
    services: ServicesDep, key: Overseer, seller: Annotated[Code | None, Query()] = None
) -> EndpointList:
    """Endpoints, oldest first; without their secrets."""
    found = await services.endpoints.list(seller_scope(key, seller))
    return EndpointList(endpoints=tuple(map(EndpointRow.of, found)))


@router.delete("/{endpoint_id}", status_code=204)
async def remove(endpoint_id: EndpointId, services: ServicesDep, key: Operator) -> None:
    """Send it nothing any more, not even what waits."""
    endpoint = await _find(services, key, endpoint_id)
    await services.endpoints.remove(endpoint.id)


@router.post("/{endpoint_id}/rotate-secret")
async def rotate_secret(endpoint_id: EndpointId, services: ServicesDep, key: Operator) -> RotatedSecret:
    """Sign with a new secret, shown in this answer only, and for a day with the one before it as well."""
    endpoint = await _find(services, key, endpoint_id)
    if endpoint.kind == "email":
        raise Problem(409, "no_secret", "e-mail is not signed: this endpoint has no secret")
    secret = await services.endpoints.rotate_secret(endpoint.id)
    if secret is None:
        raise _not_found(endpoint_id)
    return RotatedSecret(id=endpoint.id, secret=secret, previous_until=datetime.now(UTC) + BOTH_SECRETS_SIGN)


@router.post("/{endpoint_id}/replay", status_code=202)
async def replay(endpoint_id: EndpointId, body: ReplayBody, services: ServicesDep, key: Operator) -> ReplayAnswer:
    """Send events again, with the ids they had; those it missed for the first time."""
    _check(body)
    endpoint = await _find(services, key, endpoint_id)
    if endpoint.disabled_at is not None:
        detail = f"the endpoint is disabled: {endpoint.disabled_reason}; remove it and add it anew"
        raise Problem(409, "endpoint_disabled", detail)
    replayed = await services.outbox.replay(endpoint.id, body.since, body.until, body.types)
    return ReplayAnswer(queued=replayed.queued, next_since=replayed.next_since)


@router.get("/{endpoint_id}/deliveries")
async def list_deliveries(
    endpoint_id: EndpointId,
    services: ServicesDep,
    key: Overseer,
    status: DeliveryStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> DeliveryList:
    """How its deliveries of the last 30 days stand, newest first, each with its last error."""
    endpoint = await _find(services, key, endpoint_id)
    found = await services.outbox.deliveries(endpoint.id, status, limit)
    return DeliveryList(deliveries=tuple(map(DeliveryRow.of, found)))


def _check(body: ReplayBody) -> None:
    """Problem 422 for a time in which nothing can have happened."""
    if body.since > datetime.now(UTC):
        raise invalid([FieldError(field="since", message="is in the future", remedy="use a time that has passed")])
    if body.until is not None and body.until <= body.since:
        raise invalid([FieldError(field="until", message="is not after since", remedy="use a later time, or none")])


async def _find(services: Services, key: ApiKey, endpoint_id: str) -> Endpoint:
    """The endpoint, or problem 404 when there is none that this key may see."""
    endpoint = await services.endpoints.get(endpoint_id)
    if endpoint is None or (key.seller and endpoint.seller != key.seller):
        raise _not_found(endpoint_id)
    return endpoint


def _not_found(endpoint_id: str) -> Problem:
    detail = f"there is no endpoint {endpoint_id}; {listed_at('/v1/webhook-endpoints', 'webhooks list')}"
    return Problem(404, "endpoint_not_found", detail)


def _refusal(error: CustomerError) -> Problem:
    """An endpoint that cannot be added: what is in the way, and what to do."""
    if error.code == "endpoint_exists":
        return Problem(409, error.code, error.message)
    field, message = ("seller", "unknown") if error.code == "seller_unknown" else ("url", "not usable")
    return invalid([FieldError(field=field, message=message, remedy=error.message)])
