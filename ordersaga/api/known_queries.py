"""Query parameters that a route does not declare are refused: a misspelled filter would find everything."""

from typing import Final

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from ordersaga.api.problems import FieldError, invalid

_OTHERS: Final = "/v1/webhooks/"
"""What companies call: they may say more than we ask for."""


def refuse_unknown(route: BaseRoute) -> None:
    """Let a route of ours refuse what it does not declare."""
    if isinstance(route, APIRoute) and route.path.startswith("/v1/") and not route.path.startswith(_OTHERS):
        fields = get_flat_params(route.dependant)
        known = sorted(field.alias for field in fields if isinstance(field.field_info, Query))
        route.app = _OnlyKnown(route.app, known)


class _OnlyKnown:
    """Around a route. A request without a query passes as it is."""

    def __init__(self, app: ASGIApp, known: list[str]) -> None:
        self._app, self._known = app, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            self._check(QueryParams(scope["query_string"]))
        await self._app(scope, receive, send)

    def _check(self, sent: QueryParams) -> None:
        remedy = f"use {', '.join(self._known)}" if self._known else "leave it out: there are none here"
        unknown = sorted(set(sent) - set(self._known))
        if unknown:
            message = "is no query parameter here"
            raise invalid([FieldError(field=name[:100], message=message, remedy=remedy) for name in unknown[:20]])
