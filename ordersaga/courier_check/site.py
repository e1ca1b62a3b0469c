"""The courier under test: every call is counted, repeated after a 429, and held against the published API."""

import asyncio
import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx

from ordersaga.courier_check.contract import path_of, violations

Json = dict[str, Any]
_LONGEST_WAIT: Final = 30.0
_TRIES: Final = 3
NO_SANDBOX: Final = frozenset({403, 404, 405, 501})


class FailedError(Exception):
    """The check found the courier wanting; the text says in what."""


class SkippedError(Exception):
    """The check could not be made here; the text says why."""


def require(condition: object, reason: str) -> None:
    """Raises FailedError with the reason unless the condition holds."""
    if not condition:
        raise FailedError(reason)


@dataclass
class Site:
    """One courier, and what was learned about it.

    `broken`: what answers did against the published API, by operation; `limited`: how many were 429.
    """

    http: httpx.AsyncClient
    key: str
    calls: int = 0
    limited: int = 0
    broken: dict[str, list[str]] = field(default_factory=dict)
    _run: str = field(default_factory=lambda: secrets.token_hex(4))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _zones: list[Json] = field(default_factory=list)

    async def ask(
        self, operation: str, *, status: int | None = None, key: str | None = None, **arguments: Any
    ) -> httpx.Response:
        """Call an operation; `id` fills its path. With `status`, another one is a FailedError.

        `key`: another than the account's; '' sends none.
        """
        method, path = path_of(operation)
        identity = arguments.pop("id", "")
        headers = {**self._authorization(key), **arguments.pop("headers", {})}
        url = path.replace("{id}", quote(str(identity), safe=""))
        answer = await self._patiently(operation, method, url, headers=headers, **arguments)
        if status is not None and answer.status_code != status:
            raise FailedError(f"{method} {path} answered {answer.status_code}{_code(answer)}, not {status}")
        return answer

    async def get(self, operation: str, **arguments: Any) -> Json:
        """What a call with status 200 answers."""
        return as_object(await self.ask(operation, status=200, **arguments))

    async def refused(self, operation: str, status: int, code: str, **arguments: Any) -> None:
        """A call must be refused with this status and code."""
        answer = await self.ask(operation, status=status, **arguments)
        told = as_object(answer).get("code")
        require(told == code, f"{operation}: refused with code {told!r}, not {code!r}")

    async def zones(self) -> list[Json]:
        """The courier's zones, asked for once."""
        if not self._zones:
            found = (await self.get("zones")).get("zones")
            if not isinstance(found, list) or not found:
                raise FailedError("GET /v1/zones lists no zone")
            self._zones = found
        return self._zones

    async def parcel(self, **changes: Any) -> Json:
        """A small parcel within the first zone, as a request for a quote has it."""
        zone = (await self.zones())[0]
        fields: Json = {
            "from": zone["sample_address"],
            "to": zone["sample_address"],
            "weight_grams": 700,
            "service": zone["services"][0],
            "currency": "USD",
        }
        return {**fields, **changes}

    async def booking(self, **changes: Any) -> Json:
        """The same as a booking, under a reference nobody used."""
        return {**await self.parcel(), "reference": self.new_name(), "kind": "outbound", **changes}

    async def book(self, body: Json | None = None, key: str | None = None) -> Json:
        """A new shipment."""
        asked = body or await self.booking()
        headers = {"idempotency-key": key or asked["reference"]}
        return as_object(await self.ask("book", status=201, json=asked, headers=headers))

    async def booked_under(self, reference: str) -> list[Json]:
        """The shipments with a reference."""
        found = (await self.get("shipments", params={"reference": reference})).get("shipments")
        return found if isinstance(found, list) else []

    async def advance(self, shipment: Json, to: str) -> Json:
        """The shipment after the sandbox moved it along. Raises SkippedError without a sandbox."""
        answer = await self.ask("advance", id=shipment["id"], json={"to": to})
        if answer.status_code in NO_SANDBOX:
            raise SkippedError("no sandbox answers under this URL and key")
        require(answer.status_code == 200, f"the sandbox does not reach {to}: {answer.status_code}{_code(answer)}")
        return as_object(answer)

    def new_name(self) -> str:
        """A reference, or a key, nobody used."""
        return f"check{self._run}-{next(self._numbers)}"

    def _authorization(self, key: str | None) -> dict[str, str]:
        used = self.key if key is None else key
        return {"authorization": f"Bearer {used}"} if used else {}

    async def _patiently(self, operation: str, method: str, url: str, **arguments: Any) -> httpx.Response:
        for _ in range(_TRIES):
            self.calls += 1
            answer = await self._sent(method, url, **arguments)
            self._judge(operation, answer)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return answer
            self.limited += 1
            await asyncio.sleep(_wait(answer))
        raise SkippedError("the courier limits our calls; try again later")

    async def _sent(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        try:
            return await self.http.request(method, url, **arguments)
        except httpx.TransportError as error:
            raise FailedError(f"{method} {url} got no answer: {type(error).__name__}") from error

    def _judge(self, operation: str, answer: httpx.Response) -> None:
        if operation == "advance" and answer.status_code in NO_SANDBOX:
            return
        for found in violations(operation, answer):
            said = f"{answer.status_code}: {found}"
            known = self.broken.setdefault(operation, [])
            known += [said] if said not in known else []


def as_object(answer: httpx.Response) -> Json:
    """The JSON object in an answer."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise FailedError(f"{answer.request.method} {answer.request.url.path} answered no JSON object")
    return body


def _code(answer: httpx.Response) -> str:
    try:
        return f" ({answer.json()['code']})"
    except (ValueError, KeyError, TypeError):
        return ""


def _wait(answer: httpx.Response) -> float:
    stated = answer.headers.get("retry-after", "")
    return min(float(stated), _LONGEST_WAIT) if stated.isdecimal() else 1.0
