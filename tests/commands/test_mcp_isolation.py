"""Everything the assistant's server offers, as it says itself: no key of one seller finds or does what is another's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client
from temporalio.testing import WorkflowEnvironment

from ordersaga.assistant import Desk, serve
from ordersaga.http_client import ApiClient
from tests.api.conftest import Shop, environment, shop
from tests.api.test_isolation import IDS
from tests.support.api import ROLES
from tests.support.database import database_server, database_url
from tests.support.strangers import BUYER, OF_ACME, instead, plain, standing, strangers, things_of_acme

__all__ = ["database_server", "database_url", "environment", "shop"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LIMITS = {"USD": 1_000_000}
MUGS = [{"sku": "MUG", "quantity": 1}]
CANCEL = {"preview": "{preview}", "reason": "somebody else's"}
ROWS: dict[str, tuple[dict[str, Any], ...]] = {
    "find_orders": tuple({"text": text} for text in ("acmes_2", "acmes", "acme", BUYER)),
    "explain_order": ({"order_id": "acmes_2"},),
    "preview_cancellation": ({"order_id": "acmes_2"}, {"order_id": "acmes_2", "lines": MUGS}),
    "cancel_order": ({"order_id": "acmes_2", **CANCEL}, {"order_id": "acmes_2", **CANCEL, "preview": "0" * 16}),
}
"""How each tool is asked for acme's orders; a new one that stands not here fails the test."""


@asynccontextmanager
async def talking(shop: Shop, role: str) -> AsyncIterator[Client]:
    """A client of a server that has the key of this role."""
    async with ApiClient(shop.api.url, shop.api.keys[role]) as api, Client(serve(Desk(api, LIMITS))) as client:
        yield client


async def said(client: Client, tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
    """Whether a tool refused, and all it said."""
    answer = await client.call_tool(tool, arguments)
    return answer.is_error, f"{[getattr(part, 'text', part) for part in answer.content]} {answer.structured_content}"


async def own_preview(client: Client) -> str:
    """The id of a preview of bolt's own order, where its role may have one."""
    answer = await client.call_tool("preview_cancellation", {"order_id": "bolts_1"})
    return str((answer.structured_content or {}).get("preview", "0" * 16))


async def test_no_tool_reaches_another_sellers_orders(shop: Shop, environment: WorkflowEnvironment) -> None:
    """For every tool and role: as if it never was, with a preview of an order of one's own too; nothing has changed."""
    ids = await things_of_acme(shop, IDS)
    await strangers(shop.api)
    before = await standing(shop, environment.client)
    for role in ROLES:
        async with talking(shop, f"bolt {role}") as client:
            preview = await own_preview(client)
            for tool, asked in ((tool, asked) for tool, ways in ROWS.items() for asked in ways):
                arguments = {name: preview if value == "{preview}" else value for name, value in asked.items()}
                refused, told = await said(client, tool, arguments)
                nothing = await said(client, tool, instead(arguments, ids))
                assert (refused, plain(told, ids)) == (nothing[0], plain(nothing[1], ids)), f"{role} {tool}: {told}"
                assert not OF_ACME.search(nothing[1]), f"{role} {tool}: {told}"
                assert refused or tool == "find_orders", f"{role} {tool}: {told}"
    assert await standing(shop, environment.client) == before
    await _told_to_its_own(shop)


async def _told_to_its_own(shop: Shop) -> None:
    """What bolt's keys asked for is there: acme's key is told of it, and cancels it."""
    shop.api.keys["acme"] = await shop.api.services.api_keys.issue("operator", "acme's", "acme")
    async with talking(shop, "acme") as client:
        for asked in ROWS["find_orders"]:
            assert "acmes_2" in (await said(client, "find_orders", asked))[1], asked
        assert (await said(client, "explain_order", {"order_id": "acmes_2"}))[0] is False
        shown = await client.call_tool("preview_cancellation", {"order_id": "acmes_2"})
        preview = (shown.structured_content or {})["preview"]
        refused, told = await said(client, "cancel_order", {**ROWS["cancel_order"][0], "preview": preview})
        assert not refused, told


async def test_every_offer_says_how_it_is_asked() -> None:
    """A new tool stands in ROWS, or this fails; a resource or a prompt is a new kind of door, and fails it too."""
    async with ApiClient("http://127.0.0.1:1", "osk_none") as api, Client(serve(Desk(api, LIMITS))) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == set(ROWS)
        assert (await client.list_resources()).resources == []
        assert (await client.list_resource_templates()).resource_templates == []
        assert (await client.list_prompts()).prompts == []
