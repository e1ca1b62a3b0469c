"""One call of the Marketplace API: two keys, the seller in the address, JSON both ways."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import httpx

from ordersaga.domain.errors import OperatorError
from ordersaga.gateways.http_errors import transport_error
from ordersaga.gateways.newegg.errors import is_limited, json_of, refusal, unreadable
from ordersaga.gateways.newegg.shapes import Json, unwrapped
from ordersaga.gateways.webhook_parts import text
from ordersaga.ports import LaneGate

PREFIX: Final = "/marketplace"
_FAILED: Final = (False, "false", "False")


class Calls:
    """Sends and reads; every call passes the gate."""

    def __init__(
        self, api_key: str, secret_key: str, seller_id: str, base_url: str, timeout: timedelta, gate: LaneGate
    ) -> None:
        headers = {"authorization": api_key, "secretkey": secret_key, "accept": "application/json"}
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout.total_seconds())
        self._seller, self._gate = seller_id, gate

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def told(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """What Newegg says to a call it carried out, without its wrapper; raises what its refusal means."""
        answer = await self.answer(method, path, body, **query)
        if not answer.is_success:
            raise refusal(answer)
        found = unwrapped(json_of(answer))
        if found is None:
            raise unreadable("no JSON object")
        if found.get("IsSuccess", True) in _FAILED:
            raise OperatorError(
                "newegg_refused", f"Newegg did not do it: {text(found.get('Memo')) or 'no reason given'}"
            )
        return found

    async def answer(self, method: str, path: str, body: Json | None = None, **query: str) -> httpx.Response:
        """The answer whatever it is, but for a limit that was reached."""
        arguments: Mapping[str, Any] = {} if body is None else {"json": body}
        async with self._gate.passing() as passage:
            try:
                answer = await self._http.request(
                    method, PREFIX + path, params={"sellerid": self._seller, **query}, **arguments
                )
            except httpx.TransportError as error:
                raise transport_error("newegg", error) from error
            if is_limited(answer):
                raise refusal(answer)
            passage.answered(answer.status_code)
            return answer
