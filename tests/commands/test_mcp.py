"""`ordersaga mcp`: a real client before the real API and real sagas, over stdio and within this process."""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from ordersaga.assistant import Desk, read_limit, serve
from ordersaga.http_client import ApiClient
from tests.api.conftest import Shop, environment, shop
from tests.support.api import order_body
from tests.support.database import database_server, database_url
from tests.support.emulators import ROOT
from tests.support.terminal import exit_code

__all__ = ["database_server", "database_url", "environment", "shop"]

TOOLS = {"find_orders", "explain_order", "preview_cancellation", "cancel_order"}
DOLLARS = ("USD 50.00", "JPY 100")


@dataclass
class Assistant:
    """A session with the server."""

    client: Client

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a tool answers."""
        answer = await self.client.call_tool(tool, arguments)
        assert not answer.is_error, answer.content
        found: dict[str, Any] = dict(answer.structured_content or {})
        return found

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Why a tool refuses."""
        answer = await self.client.call_tool(tool, arguments)
        assert answer.is_error, answer.structured_content
        return "".join(getattr(part, "text", "") for part in answer.content)


@contextlib.asynccontextmanager
async def started(shop: Shop, role: str, *limits: str, by: str | None = None) -> AsyncIterator[Assistant]:
    """A server in a process of its own, with the key of a role."""
    options = [word for limit in limits for word in ("--limit", limit)] + (["--by", by] if by else [])
    known = {"ORDERSAGA_API_URL": shop.api.url, "ORDERSAGA_API_KEY": shop.api.keys[role], "PATH": os.environ["PATH"]}
    argv = ["-m", "ordersaga", "mcp", *options]
    server = StdioServerParameters(command=sys.executable, args=argv, env=known, cwd=ROOT)
    async with Client(server) as client:
        yield Assistant(client)


@contextlib.asynccontextmanager
async def assistant(
    shop: Shop, role: str, *limits: str, by: str | None = None, url: str | None = None
) -> AsyncIterator[Assistant]:
    """The same server in this process."""
    api = ApiClient(url or shop.api.url, shop.api.keys[role])
    async with api, Client(serve(Desk(api, dict(map(read_limit, limits)), by))) as client:
        yield Assistant(client)


async def place(shop: Shop, order_id: str, units: int = 2) -> None:
    """An order of MUGs at 10.00, with 5.90 of extras, that is confirmed."""
    lines = [{"sku": "MUG", "quantity": units, "unit_price": 1000}]
    body = order_body(order_id=order_id, lines=lines)
    assert (await shop.api.post("/v1/orders", body, headers={"Prefer": "wait=20"})).status_code == 201


async def story(shop: Shop, order_id: str) -> str:
    """The order's story in one text."""
    entries = (await shop.api.get(f"/v1/orders/{order_id}/timeline")).json()["entries"]
    return "\n".join(entry["text"] for entry in entries)


async def test_an_order_is_found_explained_previewed_and_canceled(shop: Shop) -> None:
    """As foretold to the cent, in the name of the key; again by the same preview cancels nothing more."""
    await place(shop, "mcp_done")
    async with started(shop, "support", *DOLLARS) as talk:
        tools = (await talk.client.list_tools()).tools
        assert {tool.name for tool in tools} == TOOLS
        looks = {tool.name for tool in tools if tool.annotations and tool.annotations.read_only_hint}
        assert looks == TOOLS - {"cancel_order"}
        (found,) = (await talk.ask("find_orders", text="mcp_d"))["orders"]
        assert found["order_id"] == "mcp_done"
        assert "Ada" not in str(found)
        assert (await talk.ask("explain_order", order_id="mcp_done"))["live"] is True
        told = await talk.ask("preview_cancellation", order_id="mcp_done")
        assert told["refused"] is None
        assert "asks to cancel" not in await story(shop, "mcp_done")
        asked = {"order_id": "mcp_done", "preview": told["preview"], "reason": "changed their mind"}
        done = await talk.ask("cancel_order", **asked)
        assert (done["outcome"], done["voided"], done["refunded"]) == ("canceled", told["voided"], told["refunded"])
        again = await talk.ask("cancel_order", **asked)
        assert again["outcome"] == "canceled"
    said = await story(shop, "mcp_done")
    assert said.count("test support asks to cancel: changed their mind") == 1
    assert shop.payments.called("capture") == []


async def test_what_moved_on_since_its_preview_is_not_canceled(shop: Shop) -> None:
    """Units went meanwhile: refused, nothing is done, and a new preview goes through."""
    await place(shop, "mcp_moved", 3)
    async with assistant(shop, "support", *DOLLARS) as talk:
        old = await talk.ask("preview_cancellation", order_id="mcp_moved")
        units = {"lines": [{"sku": "MUG", "quantity": 1}]}
        taken = await shop.api.post("/v1/orders/mcp_moved/cancel", units, headers={"Prefer": "wait=20"})
        assert taken.json()["outcome"] == "canceled"
        why = await talk.refused("cancel_order", order_id="mcp_moved", preview=old["preview"], reason="late")
        assert "preview_outdated: nothing was done" in why
        assert "look at a new preview" in why
        assert (await story(shop, "mcp_moved")).count("asks to cancel") == 1
        new = await talk.ask("preview_cancellation", order_id="mcp_moved", lines=[{"sku": "MUG", "quantity": 1}])
        assert new["voided"] < old["voided"]
        done = await talk.ask("cancel_order", order_id="mcp_moved", preview=new["preview"], reason="late")
        assert done["voided"] == new["voided"]


async def test_money_above_the_limit_is_refused_with_the_remedy(shop: Shop) -> None:
    """Without a limit nothing is canceled; with one, up to it and not a cent above; never without a preview."""
    await place(shop, "mcp_dear")
    remedy = "hand it to a person who may"
    async with assistant(shop, "operator") as talk:
        told = await talk.ask("preview_cancellation", order_id="mcp_dear")
        assert "nothing in USD may be canceled here, only previewed" in told["refused"]
        assert remedy in await talk.refused("cancel_order", order_id="mcp_dear", preview=told["preview"], reason="x")
    async with assistant(shop, "operator", "USD 25.89") as talk:
        told = await talk.ask("preview_cancellation", order_id="mcp_dear")
        why = await talk.refused("cancel_order", order_id="mcp_dear", preview=told["preview"], reason="x")
        assert "gives back USD 25.90, and at most USD 25.89" in why
        assert remedy in why
        units = [{"sku": "MUG", "quantity": 1}]
        assert (await talk.ask("preview_cancellation", order_id="mcp_dear", lines=units))["refused"] is None
    assert "asks to cancel" not in await story(shop, "mcp_dear")
    async with started(shop, "operator", "USD 25.90", by="ann") as talk:
        unseen = await talk.refused("cancel_order", order_id="mcp_dear", preview=told["preview"], reason="x")
        assert "call preview_cancellation first" in unseen
        told = await talk.ask("preview_cancellation", order_id="mcp_dear")
        other = await talk.refused("cancel_order", order_id="web_2", preview=told["preview"], reason="x")
        assert "preview_unknown" in other
        done = await talk.ask("cancel_order", order_id="mcp_dear", preview=told["preview"], reason="x")
        assert done["outcome"] == "canceled"
    assert "ann" in await story(shop, "mcp_dear")


async def test_a_key_may_here_what_it_may_elsewhere(shop: Shop) -> None:
    """A checkout's key reads; another seller's sees nothing; support acts for nobody else; no API: told so."""
    await place(shop, "mcp_whose")
    shop.api.keys["bolt"] = await shop.api.services.api_keys.issue("support", "bolt support", "bolt")
    async with assistant(shop, "checkout", *DOLLARS) as talk:
        assert len((await talk.ask("find_orders", text="mcp_whose"))["orders"]) == 1
        assert "forbidden: the role checkout may not" in await talk.refused(
            "preview_cancellation", order_id="mcp_whose"
        )
    async with assistant(shop, "bolt", *DOLLARS) as talk:
        for text in ("mcp_whose", "MUG", "acme"):
            assert (await talk.ask("find_orders", text=text))["orders"] == []
        for tool in ("explain_order", "preview_cancellation"):
            assert "order_not_found" in await talk.refused(tool, order_id="mcp_whose")
    async with assistant(shop, "support", *DOLLARS, by="ann") as talk:
        told = await talk.ask("preview_cancellation", order_id="mcp_whose")
        why = await talk.refused("cancel_order", order_id="mcp_whose", preview=told["preview"], reason="x")
        assert "acts for nobody else" in why
    assert "asks to cancel" not in await story(shop, "mcp_whose")
    async with assistant(shop, "support", url="http://127.0.0.1:1") as talk:
        assert "unreachable" in await talk.refused("explain_order", order_id="mcp_whose")


async def test_wrong_arguments_are_told_like_every_other_refusal(shop: Shop) -> None:
    """By name and with the remedy, all at once; no word of the library that reads them, and nothing is asked."""
    async with assistant(shop, "support", *DOLLARS) as talk:
        told = await talk.refused("preview_cancellation", lines=[{"sku": "MUG", "quantity": 0}])
        assert "invalid_arguments: " in told
        assert "order_id: Field required; add it" in told
        assert "lines[0].quantity: Input should be greater than or equal to 1; use a number of at least 1" in told
        assert "pydantic" not in told


@pytest.mark.parametrize("limit", ["100", "USD", "USD 1.5", "usd 1", "USD -1", "JPY 1.50", "USD 1.000"])
def test_a_limit_is_an_amount(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A currency and all its decimals, or none; else one line says how to write it."""
    assert exit_code(["mcp", "--limit", limit, "--api-key", "osk_x"]) == 2
    assert "'USD 100.00'" in capsys.readouterr().err
