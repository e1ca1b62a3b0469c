"""Errors as problem details (RFC 9457): every answer with a status of 400 or more has this shape.

| member | meaning |
|---|---|
| `type` | `urn:ordersaga:problem:{code}` |
| `code` | stable, machine-readable |
| `title`, `status`, `detail` | for people; `detail` says what to do |
| `errors` | refused values: `field`, `message`, `remedy` |
| others | such as `order_id`, `skus`, `decline_code` |
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match

from ordersaga.catalog_csv import CsvFileError, RowProblem
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, OrderRefusedError
from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.domain.values import Value
from ordersaga.privacy.key_ring import KeyErasedError
from ordersaga.remedies import essential, field_path, listed_at, message, remedy

MEDIA_TYPE: Final = "application/problem+json"
_REFERENCE: Final = "all paths are in /openapi.json"
_REQUEST_PARTS: Final = ("body", "query", "path", "header")

log = structlog.get_logger(__name__)


class FieldError(Value):
    """One refused value: where it stands (`lines[0].quantity`), what is wrong, what to do."""

    field: str
    message: str
    remedy: str


class ProblemDetails(BaseModel):
    """An error, as every route answers it. Some have more members, such as `order_id`, `reason` or `decline_code`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldError, ...] = ()


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Ends a request with a problem. Extra members are added as they are; headers too."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {
            "type": f"urn:ordersaga:problem:{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "code": code,
            **members,
        }
        if errors:
            self.body["errors"] = [error.model_dump() for error in errors]

    def response(self) -> JSONResponse:
        """The problem as an answer."""
        return JSONResponse(self.body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def invalid(errors: Sequence[FieldError], status: int = 422) -> Problem:
    """A request with refused values."""
    count = "1 value was" if len(errors) == 1 else f"{len(errors)} values were"
    return Problem(status, "invalid_request", f"{count} refused; see errors", errors=errors)


def not_found(order_id: str) -> Problem:
    """No order of this id, or none that the caller may see."""
    detail = f"there is no order {order_id}; {listed_at('/v1/orders', 'order list')}"
    return Problem(404, "order_not_found", detail, order_id=order_id)


def from_validation(details: Sequence[ErrorDetails]) -> Problem:
    """The problem for pydantic's errors, located in the request's body, query, path or headers."""
    if any(error["type"] == "json_invalid" for error in details):
        return Problem(400, "malformed_json", "the body is no valid JSON; send one JSON object (RFC 8259)")
    return invalid([field_error(error) for error in essential(details)])


def field_error(error: ErrorDetails) -> FieldError:
    """One of pydantic's errors as we tell it. A model's own rule names its field as in `lines: a SKU ...`."""
    location = [part for index, part in enumerate(error["loc"]) if index or part not in _REQUEST_PARTS]
    text = message(error)
    head, colon, tail = text.partition(": ")
    if error["type"] == "value_error" and colon and head.isidentifier():
        location, text = [*location, head], tail
    return FieldError(field=field_path(location) or "(body)", message=text, remedy=remedy(error))


def from_error(error: OrdersagaError) -> Problem:
    """The problem for an error that says who must act."""
    if isinstance(error, CsvFileError):
        return Problem(422, error.code, error.message, errors=[_row_error(problem) for problem in error.problems])
    if isinstance(error, OrderNotFoundError):
        return Problem(404, error.code, error.message)
    if isinstance(error, (OrderClosedError, OrderRefusedError, KeyErasedError)):
        return Problem(409, error.code, error.message)
    if isinstance(error, RetryError):
        seconds = max(1, round(error.retry_after.total_seconds())) if error.retry_after else 1
        return Problem(503, error.code, "a part is not available; try again", headers={"Retry-After": str(seconds)})
    if isinstance(error, CustomerError):
        return Problem(422, error.code, error.message)
    return Problem(500, error.code, "the service needs its operator; see its log")


def _row_error(problem: RowProblem) -> FieldError:
    where = f"line {problem.line}, column {problem.column}"
    return FieldError(field=where, message=problem.message, remedy=problem.remedy)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(OrdersagaError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(StarletteHTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return error.response()


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OrdersagaError)
    if isinstance(error, (RetryError, OperatorError)):
        log.warning("request_failed", code=error.code, error=error.message)
    return from_error(error).response()


async def _on_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return from_validation(error.errors()).response()


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    path = request.url.path
    if error.status_code == 404:
        return Problem(404, "no_such_path", f"there is no {path}; {_REFERENCE}").response()
    if error.status_code == 405:
        allowed = ", ".join(_methods(request))
        detail = f"{path} takes no {request.method}; use {allowed}; {_REFERENCE}"
        return Problem(405, "method_not_allowed", detail, headers={"Allow": allowed}).response()
    code = "malformed_body" if error.status_code == 400 else "refused"
    return Problem(error.status_code, code, str(error.detail), headers=error.headers).response()


def _methods(request: Request) -> list[str]:
    """What the path takes, of all routes that have it."""
    app: FastAPI = request.app
    routes = (route for route in app.routes if route.matches(request.scope)[0] is Match.PARTIAL)
    return sorted({method for route in routes for method in getattr(route, "methods", None) or ()})


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    return Problem(500, "internal_error", "the service met an error it did not expect; it is logged").response()
