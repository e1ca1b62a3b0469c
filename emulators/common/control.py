"""The control API under `/_control/`, the same for every emulator. JSON, no authentication."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulators.common.faults import Fault
from emulators.common.webhooks import WebhookRule

if TYPE_CHECKING:
    from emulators.common.emulator import Emulator

Model = TypeVar("Model", bound=BaseModel)


class ControlModel(BaseModel):
    """A control request body: an unknown field is an error, so that a misspelled fault cannot pass unseen."""

    model_config = ConfigDict(extra="forbid")


class _TimeScale(ControlModel):
    scale: float = Field(gt=0)


async def read_model(request: Request, model: type[Model]) -> Model:
    """The request body as a model; a wrong field answers 422 naming it."""
    return model.model_validate_json(await request.body() or b"{}")


async def _invalid(_: Request, error: Exception) -> Response:
    """Name the field, which for a rule over several fields opens the message."""
    if not isinstance(error, ValidationError):
        raise error
    errors = [_named(found["loc"], found["msg"]) for found in error.errors()]
    return JSONResponse({"errors": errors}, 422)


def _named(loc: tuple[int | str, ...], message: str) -> dict[str, str]:
    if loc:
        return {"field": ".".join(str(part) for part in loc), "message": message}
    text = message.removeprefix("Value error, ")
    return {"field": text.split(":")[0], "message": text}


def control_app(emulator: "Emulator") -> Starlette:
    """The common controls followed by the vendor's own."""
    routes = [*_Control(emulator).routes(), *emulator.control_routes()]
    return Starlette(routes=routes, exception_handlers={ValidationError: _invalid})


class _Control:
    def __init__(self, emulator: "Emulator") -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "health", self._health),
            ("POST", "faults", self._add_fault),
            ("GET", "faults", self._list_faults),
            ("DELETE", "faults", self._clear_faults),
            ("DELETE", "faults/{id}", self._remove_fault),
            ("POST", "webhooks", self._add_webhook_rule),
            ("GET", "webhooks", self._webhook_status),
            ("DELETE", "webhooks", self._clear_webhook_rules),
            ("GET", "records", self._records),
            ("GET", "requests", self._requests),
            ("POST", "time-scale", self._time_scale),
            ("POST", "reset", self._reset),
        ]
        return [Route(f"/_control/{path}", endpoint, methods=[method]) for method, path, endpoint in table]

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "name": self._emulator.config.name})

    async def _add_fault(self, request: Request) -> Response:
        fault = await read_model(request, Fault)
        return JSONResponse({"id": self._emulator.faults.add(fault)}, 201)

    async def _list_faults(self, _: Request) -> Response:
        return JSONResponse({"faults": self._emulator.faults.list()})

    async def _clear_faults(self, _: Request) -> Response:
        return JSONResponse({"removed": self._emulator.faults.remove()})

    async def _remove_fault(self, request: Request) -> Response:
        removed = self._emulator.faults.remove(request.path_params["id"])
        return JSONResponse({"removed": removed}, 200 if removed else 404)

    async def _add_webhook_rule(self, request: Request) -> Response:
        rule = await read_model(request, WebhookRule)
        self._emulator.webhooks.add_rule(rule)
        return JSONResponse(rule.model_dump(), 201)

    async def _webhook_status(self, _: Request) -> Response:
        return JSONResponse(self._emulator.webhooks.status())

    async def _clear_webhook_rules(self, _: Request) -> Response:
        self._emulator.webhooks.clear_rules()
        return JSONResponse({"rules": []})

    async def _records(self, request: Request) -> Response:
        query = request.query_params
        return JSONResponse(self._emulator.store.records(query.get("match"), query.get("kind")))

    async def _requests(self, request: Request) -> Response:
        query: Any = request.query_params
        return JSONResponse(self._emulator.log.find(query.get("match"), query.get("path")))

    async def _time_scale(self, request: Request) -> Response:
        wanted = await read_model(request, _TimeScale)
        self._emulator.set_time_scale(wanted.scale)
        return JSONResponse({"scale": wanted.scale})

    async def _reset(self, _: Request) -> Response:
        self._emulator.reset()
        await self._emulator.webhooks.settled()
        return JSONResponse({"status": "ok"})
