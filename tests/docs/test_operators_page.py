"""The operators' page: each saved query finds what it asks for and nothing else; its attributes are those there are."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest_asyncio
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from docs_site.message_page import WORKFLOWS as IDS
from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from tests.docs.pages import ROOT
from tests.replay import wire
from tests.support.temporal import temporal_environment
from workflows import presentation as shown

PAGE: Final = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
NOW: Final = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOMENTS: Final = {
    "now": NOW,
    "in 4 hours": NOW + 4 * HOUR,
    "a day ago": NOW - DAY,
    "10 days ago": NOW + HOUR,  # what runs here has just begun: seen from an hour later it is old
}
NAMES: Final = {
    "PROVIDER": "newegg",
    "CARRIER": "ups",
    "SELLER": "glow-lab",
    "REGION": "US-NY",
    "CHANNEL": "tiktok_shop",
}
ENDED: Final = {"undone"}
FOUND: Final[dict[str, set[str]]] = {
    "Who waits for a person?": {"asked", "asked_long"},
    "Who has waited for one since yesterday?": {"asked_long"},
    "Who waits because of one thing?": {"asked"},
    "What is late?": {"late"},
    "What will be late soon?": {"soon"},
    "What is kept back?": {"kept"},
    "Whose shopper has a step left to pay?": {"paying"},
    "What is being canceled?": {"canceling"},
    "What was undone since yesterday?": {"undone"},
    "What is open at a provider?": {"soon"},
    "What is on its way with a carrier?": {"way"},
    "What does a seller have open?": {"kept"},
    "What goes to a region?": {"paying"},
    "What does a channel have open?": {"canceling"},
    "What has been open for too long?": {
        *("asked", "asked_long", "late", "soon", "kept", "paying", "canceling", "way"),
    },
    "What can no worker go on with?": set(),
    "What ended as nothing of ours should?": ENDED,
    "Which returns are open?": {"back", "back_asked"},
    "Which returns wait for a person?": {"back_asked"},
    "Which stops stand?": {"stop"},
    "Which runs of reconciliation found one kind?": {"run"},
    "What is being repaired?": {"repair"},
}
"""Every question of the page, with the workflows below that are its answer."""

Attributes = dict[str, tuple[str, dict[Any, Any]]]


def _order(status: str, ship_by: timedelta = 3 * DAY, **more: Any) -> tuple[str, dict[Any, Any]]:
    usual = {shown.SELLER: "acme", shown.REGION: "US-CA", shown.CHANNEL: "checkout", shown.PROVIDER: ["shipbob"]}
    named = {getattr(shown, name): value for name, value in more.items()}
    return "OrderFulfillment", {**usual, shown.STATUS: status, shown.SHIP_BY: NOW + ship_by, **named}


WORKFLOWS: Final[Attributes] = {
    "asked": _order("needs_attention", ATTENTION=["capture_refused"], ATTENTION_SINCE=NOW - HOUR),
    "asked_long": _order("needs_attention", ATTENTION=["no_scan"], ATTENTION_SINCE=NOW - 2 * DAY),
    "late": _order("fulfilling", -HOUR, ATTENTION=[]),
    "soon": _order("confirmed", 2 * HOUR, PROVIDER=["shipbob", "newegg"]),
    "kept": _order("on_hold", SELLER="glow-lab"),
    "paying": _order("action_required", REGION="US-NY"),
    "canceling": _order("canceling", CHANNEL="tiktok_shop"),
    "way": _order("shipped", -DAY, CARRIER=["ups"]),
    "undone": _order("canceled", PROVIDER=["newegg"], SELLER="glow-lab"),
    "back": ("OrderReturn", {shown.STATUS: "returning", shown.SELLER: "acme"}),
    "back_asked": ("OrderReturn", {shown.STATUS: "needs_attention", shown.ATTENTION_SINCE: NOW - 2 * DAY}),
    "stop": ("StopOrders", {}),
    "run": ("Reconciliation", {shown.ATTENTION: ["stock_drift"]}),
    "repair": ("RepairFinding", {shown.SELLER: "acme"}),
}


def queries() -> dict[str, str]:
    """The page's saved queries by question."""
    section = PAGE.partition("## Saved queries")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| ([^|`]+\?) \| `([^`]+)` \|$", section, re.MULTILINE))


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[Client]:
    """A server with workflows of every kind, which no worker touches."""
    async with temporal_environment() as environment:
        client = environment.client
        for name, (kind, values) in WORKFLOWS.items():
            pairs = [SearchAttributePair(key, value) for key, value in values.items()]
            await client.start_workflow(
                kind, id=name, task_queue="nobody", search_attributes=TypedSearchAttributes(pairs)
            )
        for name in ENDED:
            await client.get_workflow_handle(name).terminate()
        yield client


async def test_every_saved_query_finds_what_it_asks_for(server: Client) -> None:
    """By the `temporal` command, as an operator runs it."""
    asked = queries()
    assert list(asked) == list(FOUND)
    address, few = server.service_client.config.target_host, asyncio.Semaphore(3)

    async def found(question: str) -> set[str]:
        async with few:
            return await _found(address, filled(asked[question]), FOUND[question])

    assert dict(zip(asked, await asyncio.gather(*map(found, asked)), strict=True)) == FOUND


def test_the_attributes_of_the_page_are_those_there_are() -> None:
    """Each with its type."""
    section = PAGE.partition("## Find orders")[2].partition("\n## ")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE)) == SEARCH_ATTRIBUTES


def test_the_page_names_whatever_may_be_said_to_a_workflow() -> None:
    """Every signal, update and query of every kind, and no other."""
    section = PAGE.partition("## Say something")[2].partition("\n## ")[0]
    looking = PAGE.partition("## Look at one")[2].partition("\n## ")[0]
    orders, _, others = section.partition("To the others")
    kinds = ("signals", "updates", "queries")
    said = {name: {word for kind in kinds for word in calls[kind]} for name, calls in wire.names()["workflows"].items()}
    rows = re.findall(r"^\| (`[^|]+) \| (?:update|signal|query) \|", orders, re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row)} | set(re.findall(r"--type (\w+)", looking))
    assert named == said.pop("OrderFulfillment")
    found: dict[str, set[str]] = {}
    for workflow, what in re.findall(r"^\| (?:`(\w+)`)? ?\| ([^|]+) \|", others, re.MULTILINE):
        name = workflow or list(found)[-1]
        found.setdefault(name, set()).update(re.findall(r"`(\w+)`", what))
    assert found == said


def test_the_page_tells_what_every_workflow_shows() -> None:
    """A row for each kind that there is, with the id it has."""
    section = PAGE.partition("## What each workflow shows")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section, re.MULTILINE))
    assert {name: told.partition("{")[0] for name, told in rows.items()} == {
        kind.__name__: told.partition("{")[0] for kind, told in IDS.items()
    }


def filled(query: str) -> str:
    """A query with moments and names for its placeholders."""
    for name, moment in MOMENTS.items():
        query = query.replace(f"{{{name}}}", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for name, value in NAMES.items():
        query = query.replace(f'"{name}"', f'"{value}"')
    return query


async def _found(address: str, query: str, expected: set[str]) -> set[str]:
    """What a query lists, as soon as it is what is expected: lists lag behind."""
    for _ in range(40):
        found = await _listed(address, query)
        if found == expected:
            break
        await asyncio.sleep(0.3)
    return found


async def _listed(address: str, query: str) -> set[str]:
    command = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "temporal"),
        *("workflow", "list", "--query", query, "--address", address, "--output", "jsonl"),
        env={**os.environ, "TEMPORAL_ADDRESS": address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await command.communicate()
    assert command.returncode == 0, f"{query}: {error.decode()}"
    return set(re.findall(r'"workflowId":\s*"([^"]+)"', out.decode()))
