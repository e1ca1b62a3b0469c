"""The application: routes, errors, limits and logging put together around the services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from ordersaga.api import (
    arrivals,
    attention,
    audit,
    erasures,
    health,
    inbox,
    lanes,
    live,
    metrics,
    openapi,
    order_actions,
    order_books,
    order_changes,
    order_links,
    orders,
    pick_tickets,
    previews,
    problems,
    reconciliation,
    return_previews,
    returns,
    search,
    sellers,
    sessions,
    stock,
    stops,
    webhook_endpoints,
    webhooks,
)
from ordersaga.api.addresses import NoNul
from ordersaga.api.known_queries import refuse_unknown
from ordersaga.api.limits import RequestLimits
from ordersaga.api.overload import Overload, OverloadLimit
from ordersaga.api.placing import Placing
from ordersaga.api.pressure_gauges import PressureGauges
from ordersaga.api.rates import Rates
from ordersaga.api.request_log import RequestLog
from ordersaga.api.safe_headers import SafeHeaders
from ordersaga.api.scoped import EachItsOwnScope
from ordersaga.api.watching import watch_accounts, watch_lanes
from ordersaga.beside import beside
from ordersaga.bootstrap import Services
from ordersaga.console import create_console

ROUTERS = (
    orders,
    search,
    order_actions,
    order_books,
    order_links,
    order_changes,
    previews,
    arrivals,
    returns,
    return_previews,
    attention,
    reconciliation,
    stops,
    inbox,
    lanes,
    live,
    audit,
    erasures,
    sellers,
    sessions,
    stock,
    pick_tickets,
    webhooks,
    webhook_endpoints,
    health,
    metrics,
)


def create_app(open_services: Callable[[], AbstractAsyncContextManager[Services]]) -> FastAPI:
    """The API, and the console that is its client. `open_services` is entered when it starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as services:
            overload = Overload(services.settings.overload_wait)
            app.state.services = services
            app.state.overload = overload
            app.state.rates = Rates(services.settings.calls_per_second, services.settings.calls_burst)
            app.state.placing = placing = Placing(services, overload)
            gauges = [overload.refusals, PressureGauges(placing.pressure)]
            app.state.metrics = metrics.Metrics(services, collectors=gauges)
            app.state.live = live.Live(services, overload.refusals)
            watches = beside(watch_lanes(services)), beside(watch_accounts(services))
            async with services.heard.listening(), overload.watching(), watches[0], watches[1]:
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
    for router in (orders.placing_router, *(module.router for module in ROUTERS)):
        app.router.routes.extend(router.routes)  # as they are: included, each would be built anew at a first request
    for route in app.router.routes:
        refuse_unknown(route)
    problems.install(app)
    openapi.install(app)
    app.mount("/console", create_console(app))
    app.add_middleware(NoNul)
    app.add_middleware(RequestLimits)
    app.add_middleware(OverloadLimit)
    app.add_middleware(SafeHeaders)
    app.add_middleware(RequestLog)
    app.add_middleware(EachItsOwnScope)
    return app
