"""The console as an application of its own, to be mounted at /console of the API."""

from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ordersaga.console import signing_in
from ordersaga.console.addresses import NoNul
from ordersaga.console.client import ApiProblemError
from ordersaga.console.guard import Guard
from ordersaga.console.headers import SafeHeaders
from ordersaga.console.pages import (
    attention,
    audit,
    find,
    network,
    order,
    reconciliation,
    sellers,
    sessions,
    stops,
    surge,
)
from ordersaga.console.rendering import FOLDER, no_page, problem_notice

PAGES: Final = (find, order, attention, surge, network, stops, reconciliation, audit, sellers, sessions)


def create_console(api: ASGIApp) -> Starlette:
    """The console of the API that is `api`, whose `state.services` it finds when a request comes."""
    routes = [
        Mount("/static", StaticFiles(directory=FOLDER / "static"), name="static"),
        *signing_in.routes,
        *(route for page in PAGES for route in page.routes),
    ]
    console = Starlette(
        routes=routes,
        middleware=[Middleware(SafeHeaders), Middleware(Guard), Middleware(NoNul)],
        exception_handlers={ApiProblemError: problem_notice, HTTPException: no_page},
    )
    console.state.api = api
    return console
