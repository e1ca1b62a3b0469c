"""Routes for machines: alive, ready. Neither needs a key or tells anything about an order."""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ordersaga.api.access import ServicesDep
from ordersaga.domain.errors import OrdersagaError

router = APIRouter(tags=["health"])

_CHECK_SECONDS = 2.5


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    responses={503: {"description": "A part is not available; says which.", "content": {"application/json": {}}}},
)
async def ready(services: ServicesDep) -> JSONResponse:
    """Whether PostgreSQL and Temporal answer, and which does not."""
    asked = services.database_answers(), services.orders.ready()
    postgresql, temporal = await asyncio.gather(*map(_answers, asked))
    checks = {"postgresql": postgresql, "temporal": temporal}
    ok = all(checks.values())
    body = {
        "status": "ready" if ok else "not ready",
        "checks": {name: "ok" if up else "unavailable" for name, up in checks.items()},
    }
    return JSONResponse(body, 200 if ok else 503)


async def _answers(check: Awaitable[bool]) -> bool:
    try:
        return await asyncio.wait_for(check, _CHECK_SECONDS)
    except (OrdersagaError, TimeoutError):
        return False
