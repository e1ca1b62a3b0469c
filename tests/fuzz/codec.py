"""The codec server of an encrypting stack: what Temporal's tools send, about subjects and keys that nobody wrote."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from ordersaga.embedded import Stack
from ordersaga.embedded.environment import as_environment, read_by
from ordersaga.embedded.process import Command, spawn, stop
from ordersaga.privacy.codec import ENCODING
from tests.fuzz.doors import JSON, PATIENCE, Api, Door
from tests.support.emulators import free_port

LOG: Final = "codec.log"
_STARTS: Final = 60.0


def _payload(data: bytes, **metadata: bytes) -> dict[str, Any]:
    named = {name.replace("_", "-"): base64.b64encode(value).decode() for name, value in metadata.items()}
    return {"metadata": named, "data": base64.b64encode(data).decode()}


def _body(*payloads: Mapping[str, Any]) -> bytes:
    return json.dumps({"payloads": payloads}).encode()


PLAIN: Final = _payload(b'"by hand"', encoding=b"json/plain")
SUBJECTS: Final = (b"ord_0", b"ord_1", b"@deployment", b"nobody", b"ord_0\0", b"\xff\xfe", b"")
SEALED: Final = tuple(_payload(b"0" * 60, encoding=ENCODING, key_id=b"k1", key_subject=subject) for subject in SUBJECTS)
GOOD: Final = (*(_body(each) for each in SEALED), _body(PLAIN), _body(*SEALED, PLAIN), _body())


@asynccontextmanager
async def codec_server(stack: Stack, keys: Mapping[str, str]) -> AsyncIterator[Api]:
    """Beside the stack, with its settings."""
    settings = stack.settings.model_copy(update={"codec_port": free_port()})
    whole = {**os.environ, **as_environment(settings), "PYTHONUNBUFFERED": "1"}
    environment = read_by(("codec",), whole)
    command = Command([sys.executable, "-m", "ordersaga.codec_server"], environment)
    process = await spawn(command, stack.data / "logs" / LOG)
    try:
        url = f"http://{settings.codec_host}:{settings.codec_port}"
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as http:
            async with asyncio.timeout(_STARTS):
                while not await _answers(http):
                    assert process.returncode is None, (stack.data / "logs" / LOG).read_text()
                    await asyncio.sleep(0.1)
            yield Api(http, keys)
        assert process.returncode is None, "the codec server died"
    finally:
        await stop(process, command)


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).is_success
    except httpx.HTTPError:
        return False


def codec_doors(api: Api) -> list[Door]:
    """Both of what it does, for an operator, and for somebody of one role that reads nothing, or nobody."""
    return [
        Door("codec decode", _asking(api, "decode"), GOOD),
        Door("codec encode", _asking(api, "encode"), GOOD),
    ]


def _asking(api: Api, what: str) -> Any:
    async def send(content: bytes) -> str:
        role = ("operator", "admin", "operator", "support", None)[len(content) % 5]
        return await api.send("POST", f"/{what}", role=role, content=content, headers=JSON)

    return send
