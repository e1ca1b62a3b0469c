"""A person who is planted in orders, and every place that is looked through for them."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest
from temporalio.client import Client

PERSON: Final[Mapping[str, str]] = {
    "name": "Zebulon Quixworthy",
    "line1": "4711 Plantedlane Blvd",
    "line2": "Apt Hushhush 9",
    "city": "Secretville",
    "postal_code": "90909-12",
    "phone": "+1 555 0190 777",
    "email": "zebulon.q@planted.example",
}
NOTE: Final = "my aunt Gwendolyn Hiddenfield opens the door"
BUYER: Final = "buyer_zebulon_77"
SHIP_TO: Final = {**PERSON, "region": "NY", "country": "US"}
MOVED: Final = {**SHIP_TO, "line1": "12 Otherplanted Alley"}
WORDS: Final = tuple(
    dict.fromkeys(
        (
            *("Zebulon", "Quixworthy", "Plantedlane", "Hushhush", "Secretville", "90909-12", "0190 777"),
            *("planted.example", "Gwendolyn", "Hiddenfield", BUYER, "Otherplanted"),
        )
    )
)
"""What must be found nowhere: parts of it, so that half a sentence counts as well."""


@dataclass
class Search:
    """Looks through texts and bytes; `found`: place and word; `looked`: bytes by kind of place."""

    words: tuple[str, ...] = WORDS
    found: list[tuple[str, str]] = field(default_factory=list)
    looked: dict[str, int] = field(default_factory=dict)

    def look(self, kind: str, place: str, content: bytes | str) -> None:
        """Look through one thing, as it is and as what is written in base64 or escaped within it."""
        raw = content.encode() if isinstance(content, str) else content
        self.looked[kind] = self.looked.get(kind, 0) + len(raw)
        for word in self.words:
            if any(form in raw for form in _forms(word)):
                self.found.append((f"{kind}: {place}", word))


def _forms(word: str) -> list[bytes]:
    """How a word may be written: as it is, escaped, and inside base64, wherever it begins."""
    plain = word.encode()
    inside = [base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)]
    return [plain, json.dumps(word)[1:-1].encode(), *(piece for piece in inside if len(piece) > 7)]


async def look_through_temporal(client: Client, search: Search) -> int:
    """Every history, as the server keeps it, with memo, search attributes and summaries; returns how many."""
    count = 0
    async for run in client.list_workflows(""):
        execution = WorkflowExecution(workflow_id=run.id, run_id=run.run_id)
        search.look("workflow id", run.id, run.id)
        wanted = DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=execution)
        described = await client.workflow_service.describe_workflow_execution(wanted)
        search.look("description", run.id, described.SerializeToString())
        async for page in _pages(client, execution):
            search.look("history", run.id, page)
        count += 1
    return count


async def _pages(client: Client, execution: WorkflowExecution) -> AsyncIterator[bytes]:
    token = b""
    while True:
        wanted = GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace, execution=execution, next_page_token=token
        )
        page = await client.workflow_service.get_workflow_execution_history(wanted)
        yield page.SerializeToString()
        token = page.next_page_token
        if not token:
            return


async def look_through_database(database_url: str, search: Search) -> int:
    """Every table, as a dump has it; returns how many."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for table in tables:
            rows = await connection.fetch(f"SELECT t::text AS row FROM {table['name']} AS t")
            for row in rows:
                search.look("database", table["name"], row["row"])
        return len(tables)
    finally:
        await connection.close()


def member(document: Mapping[str, Any], *path: str) -> Any:
    """A member of a member."""
    value: Any = document
    for name in path:
        value = value[name]
    return value
