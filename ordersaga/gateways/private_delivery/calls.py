"""Calls of a private courier over HTTP: each passes the lane's gate, and what comes back is read or translated."""

from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from ordersaga.domain.errors import RetryError
from ordersaga.gateways.http_errors import transport_error
from ordersaga.gateways.private_delivery.errors import COMPANY, refusal
from ordersaga.ports import LaneGate

Model = TypeVar("Model", bound=BaseModel)


class Calls:
    """Sends requests of one account.

    Args:
        http: the client, with base URL and key.
        gate: every call passes it.
    """

    def __init__(self, http: httpx.AsyncClient, gate: LaneGate) -> None:
        self._http, self._gate = http, gate

    async def send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """The answer, whatever it is. Raises RetryError without one, RateLimitedError for a 429."""
        async with self._gate.passing() as passage:
            try:
                answer = await self._http.request(method, path, **arguments)
            except httpx.TransportError as error:
                raise transport_error(COMPANY, error) from error
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise refusal(answer)
            passage.answered(answer.status_code)
            return answer

    async def get(self, path: str, model: type[Model], **query: str) -> Model:
        """What a GET answers. Raises what a refusal means."""
        answer = await self.send("GET", path, params=query)
        if not answer.is_success:
            raise refusal(answer)
        return read(answer, model)


def read(answer: httpx.Response, model: type[Model]) -> Model:
    """The answer's JSON; what cannot be read is an unknown outcome. The text never quotes what was sent."""
    try:
        return model.model_validate_json(answer.content)
    except ValidationError:
        pass
    told = f"the courier's answer is no {model.__name__} of the published API; check it with `ordersaga courier check`"
    raise RetryError("private_delivery_no_answer", told, unknown=True)
