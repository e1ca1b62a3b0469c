"""`POST /decode` and `POST /encode` as Temporal's UI and command line ask for them, and `/healthz`."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import structlog
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads

from ordersaga.api.limits import RequestLimits
from ordersaga.api.problems import Problem
from ordersaga.api.rates import Rates
from ordersaga.api.safe_headers import SafeHeaders
from ordersaga.codec_server.readers import Reader, admitted
from ordersaga.console.oidc import OpenIdProvider
from ordersaga.domain.errors import OperatorError, OrdersagaError, RetryError
from ordersaga.openings import CodecRead, CodecServices
from ordersaga.privacy.codec import EncryptingCodec, is_subject, subject_named
from ordersaga.privacy.key_ring import KeyErasedError, KeyRing

MAX_BODY: Final = 16_000_000
"""A page of a long history."""
_ERASED: Final = Payload(metadata={"encoding": b"json/plain"}, data=b'"(erased)"')

log = structlog.get_logger(__name__)


def create_codec_app(open_services: Callable[[], AbstractAsyncContextManager[CodecServices]], ui_url: str) -> Starlette:
    """The server. Browsers may ask from the page at `ui_url` only."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_services() as services:
            app.state.services = services
            settings = services.settings
            app.state.rates = Rates(settings.calls_per_second, settings.calls_burst)
            app.state.issuer = OpenIdProvider(settings, "") if settings.oidc_issuer else None
            async with services.heard.listening():
                yield

    parts = urlsplit(ui_url)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=[f"{parts.scheme}://{parts.netloc}"],
        allow_methods=["POST"],
        allow_headers=["authorization", "content-type", "x-namespace"],
    )
    return Starlette(
        routes=[
            Route("/decode", _decode, methods=["POST"]),
            Route("/encode", _encode, methods=["POST"]),
            Route("/healthz", _healthz, methods=["GET"]),
        ],
        middleware=[Middleware(SafeHeaders), cors, Middleware(RequestLimits, limit=MAX_BODY)],
        exception_handlers={Problem: _told, OrdersagaError: _failed},
        lifespan=lifespan,
    )


async def _decode(request: Request) -> Response:
    """Open what this reader may see; everything else stays as it is. Told before it is shown."""
    services: CodecServices = request.app.state.services
    reader = await _reader(request)
    payloads = await _payloads(request)
    open_to = await _open_to(services, reader, payloads)
    opened = [await _shown(_ring(services), payload, open_to) for payload in payloads]
    subjects = {subject for payload in payloads if (subject := subject_named(payload)) in open_to and subject}
    count = sum(subject_named(payload) in open_to for payload in payloads)
    if subjects:
        await services.codec_reads.tell(_read(request, reader, sorted(subjects), count))
        log.info("history_read", by=reader.name, role=reader.role, subjects=sorted(subjects), payloads=count)
    return _answer(opened)


async def _encode(request: Request) -> Response:
    """Encrypt what a person sends by hand, with the deployment's key: nobody says to which workflow it goes."""
    services: CodecServices = request.app.state.services
    await _reader(request)
    return _answer(await EncryptingCodec(_ring(services)).encode(await _payloads(request)))


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _reader(request: Request) -> Reader:
    """Who asks; Problem 429 for whoever asks too often."""
    reader = await admitted(request, request.app.state.services, request.app.state.issuer)
    rates: Rates = request.app.state.rates
    rates.take(reader.name)
    return reader


def _ring(services: CodecServices) -> KeyRing:
    if services.key_ring is None:
        raise Problem(503, "not_encrypted", "this deployment has no master keys: set ORDERSAGA_ENCRYPTION_KEYS")
    return services.key_ring


async def _payloads(request: Request) -> Sequence[Payload]:
    try:
        return list(Parse(await request.body(), Payloads()).payloads)
    except (ParseError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed", "the body is no JSON of temporal.api.common.v1.Payloads") from None


async def _open_to(services: CodecServices, reader: Reader, payloads: Iterable[Payload]) -> set[str]:
    """The subjects this reader may see: all, or, of one seller, this one's orders. What cannot be one is none."""
    named = {subject for payload in payloads if (subject := subject_named(payload)) is not None}
    subjects = set(filter(is_subject, named))
    return subjects if reader.seller is None else await services.codec_reads.own(subjects, reader.seller)


async def _shown(ring: KeyRing, payload: Payload, open_to: set[str]) -> Payload:
    if subject_named(payload) not in open_to:
        return payload
    try:
        return (await EncryptingCodec(ring).decode([payload]))[0]
    except KeyErasedError:
        return _ERASED
    except OperatorError as error:
        log.warning("payload_unreadable", code=error.code)
        return payload


def _read(request: Request, reader: Reader, subjects: Sequence[str], count: int) -> CodecRead:
    namespace = request.headers.get("x-namespace", "")[:200]
    return CodecRead(reader.name, reader.role, reader.seller, namespace, subjects, count)


def _answer(payloads: Iterable[Payload]) -> Response:
    return Response(MessageToJson(Payloads(payloads=payloads)), media_type="application/json")


async def _told(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem), "it is installed for problems only"
    return problem.response()


async def _failed(_: Request, error: Exception) -> Response:
    """Whoever cannot be remembered, or whose keys cannot be read, is shown nothing."""
    status = 503 if isinstance(error, RetryError) else 500
    log.error("codec_failed", error=str(error))
    return Problem(status, "unavailable", "the keys, or who reads what, cannot be reached now; try again").response()
