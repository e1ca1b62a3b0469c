"""The application: routes, errors, limits and logging put together around the services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from ordersaga.api import (
    attention,
    health,
    inbox,
    lanes,
    metrics,
    openapi,
    order_actions,
    order_changes,
    orders,
    pick_tickets,
    problems,
    reconciliation,
    returns,
    stock,
    webhook_endpoints,
    webhooks,
)
from ordersaga.api.limits import BodyLimit
from ordersaga.api.overload import Overload, OverloadLimit
from ordersaga.api.placing import Placing
from ordersaga.api.pressure_gauges import PressureGauges
from ordersaga.api.request_log import RequestLog
from ordersaga.bootstrap import Services

ROUTERS = (
    orders,
    order_actions,
    order_changes,
    returns,
    attention,
    reconciliation,
    inbox,
    lanes,
    stock,
    pick_tickets,
    webhooks,
    webhook_endpoints,
    health,
    metrics,
)


def create_app(open_services: Callable[[], AbstractAsyncContextManager[Services]]) -> FastAPI:
    """The API. `open_services` is entered when it starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as services:
            overload = Overload(services.settings.overload_wait)
            app.state.services = services
            app.state.overload = overload
            app.state.placing = placing = Placing(services, overload)
            gauges = [overload.refusals, PressureGauges(placing.pressure)]
            app.state.metrics = metrics.Metrics(services, collectors=gauges)
            async with services.heard.listening(), overload.watching():
                yield
                await placing.finish()

    app = FastAPI(
        title="ordersaga",
        version=version("ordersaga"),
        summary="Orders that either ship and are paid for once, or are undone completely.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(orders.placing_router)
    for module in ROUTERS:
        app.include_router(module.router)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(OverloadLimit)
    app.add_middleware(RequestLog)
    return app
