"""Sellers: their profiles with every change, a profile applied after its dry run, and their catalogs."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga.console.client import ApiProblemError, console_api
from ordersaga.console.person import person_of
from ordersaga.console.rendering import render
from ordersaga.domain.sellers import differences
from ordersaga.seller_files import read_seller_file, write_seller_file

_MAY: Final = frozenset({"operator", "admin"})


async def page(request: Request) -> Response:
    """All of them."""
    answer = (await console_api(request).get("/v1/sellers")).json()
    return render(request, "sellers/page.html", sellers=answer["sellers"], may=_may_apply(request), written="")


async def seller_page(request: Request) -> Response:
    """One seller: its profile to be read, and how it came to be."""
    return await _show(request)


async def apply(request: Request) -> Response:
    """Show what a file would change; once that was seen, and nobody has changed the profile since, make it hold."""
    form = await request.form()
    content = await _sent(form, "file", "profile")
    seller, told = _read(content)
    confirmed = form.get("confirmed") == "yes"
    answer = await console_api(request).put(
        f"/v1/sellers/{quote(seller, safe='')}",
        json=told,
        params={"dry_run": str(not confirmed).lower()},
        headers={"If-Match": str(form.get("version", ""))} if confirmed else {},
    )
    template = "sellers/_applied.html" if confirmed else "sellers/_preview.html"
    return render(request, template, applied=answer.json(), profile=content.decode())


async def load_catalog(request: Request) -> Response:
    """Show what a seller's catalog file would bring, every bad line named; once that very file was seen, load it."""
    seller, form = request.path_params["seller"], await request.form()
    content = await _sent(form, "file")
    digest = hashlib.sha256(content).hexdigest()
    seen = form.get("digest") == digest
    answer = await console_api(request).post(
        f"/v1/sellers/{quote(seller, safe='')}/catalog",
        content=content,
        params={"dry_run": str(not seen).lower()},
        headers={"Content-Type": "text/csv"},
    )
    shown = "" if seen else digest
    return render(request, "sellers/_loaded.html", seller=seller, loaded=answer.json(), digest=shown, part=True)


async def _show(request: Request) -> Response:
    api, path = console_api(request), f"/v1/sellers/{quote(request.path_params['seller'], safe='')}"
    document = (await api.get(path)).json()
    changes = (await api.get(f"{path}/changes")).json()["changes"]
    told = [{**change, "differences": differences(change["before"], change["after"])} for change in changes]
    return render(
        request,
        "sellers/seller.html",
        document=document,
        lines=list(_lines(document["profile"])),
        changes=told,
        written=write_seller_file(document["seller"], document["profile"]),
        may_apply=_may_apply(request),
        may_load=person_of(request).role in _MAY,
        digest="",
        part=False,
    )


def _lines(part: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """A profile as lines to read: where a value stands, and the value."""
    for name, value in part.items():
        where = (*path, name)
        if isinstance(value, Mapping) and value:
            yield from _lines(value, where)
        else:
            listed = ", ".join(map(str, value)) if isinstance(value, list) else value
            yield " > ".join(where), "none" if listed in (None, "", {}) else str(listed)


def _read(content: bytes) -> tuple[str, dict[str, Any]]:
    """Whose file it is, and what it says. ApiProblemError 422 when it is none."""
    try:
        return read_seller_file(content)
    except ValueError as error:
        raise ApiProblemError(422, {"title": "This is no seller's file", "detail": str(error)}) from error


async def _sent(form: FormData, *names: str) -> bytes:
    """The first of these that was uploaded, or written into a field."""
    for name in names:
        value = form.get(name)
        if isinstance(value, UploadFile) and value.filename:
            return await value.read()
        if isinstance(value, str) and value:
            return value.encode()
    return b""


def _may_apply(request: Request) -> bool:
    person = person_of(request)
    return person.role in _MAY and person.seller is None


routes: Final = [
    Route("/sellers", page, methods=["GET"]),
    Route("/sellers/apply", apply, methods=["POST"]),
    Route("/sellers/{seller}", seller_page, methods=["GET"]),
    Route("/sellers/{seller}/catalog", load_catalog, methods=["POST"]),
]
