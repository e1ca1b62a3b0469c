"""The messages' page, from the workflows' own definitions: what may be said to a running one, and what it answers."""

import inspect
from collections.abc import Iterator
from typing import Any, Final

from temporalio import workflow

from docs_site.markdown import code, joined, plain, table
from docs_site.shapes import Shapes
from workflows.order_fulfillment import OrderFulfillment
from workflows.order_return import OrderReturn
from workflows.reconciliation import Reconciliation, RepairFinding
from workflows.stop_orders import StopOrders

WORKFLOWS: Final[dict[type, str]] = {
    OrderFulfillment: "order-{order_id}",
    OrderReturn: "return-{return_id}",
    Reconciliation: "reconciliation-{run}",
    RepairFinding: "repair-{finding_id}",
    StopOrders: "stop-{stop_id}",
}
"""Every workflow, and its id."""

_INTRODUCTION: Final = """# Messages to workflows

What may be said to a running workflow, by name. Names are fixed and fields are only added: programs that were written
for an older version keep working. `temporal workflow update execute`, `signal` and `query` send them, as do
`ordersaga.client` and Temporal's UI; [operators](../operators.md#say-something) have examples. Inputs are JSON.
"""


def message_page() -> str:
    """The page."""
    shapes = Shapes()
    sections = [_told(shapes, kind, name) for kind, name in WORKFLOWS.items()]
    return joined(_INTRODUCTION, *sections, "## Shapes", shapes.tables())


def _told(shapes: Shapes, kind: type, workflow_id: str) -> str:
    known = workflow._Definition.must_from_class(kind)
    begins = f"Begins with {_types(shapes, known.arg_types)}, ends with {shapes.type_of(known.ret_type)}."
    rows = list(_rows(shapes, known))
    said = table(("name", "kind", "input", "answer", "meaning"), rows) if rows else "Nothing can be said to it."
    about = plain(inspect.getdoc(kind) or "")
    return joined(f"## {known.name}", about, f"Workflow id: {code(workflow_id)}. {begins}", said)


def _rows(shapes: Shapes, known: Any) -> Iterator[tuple[str, ...]]:
    for word, handlers in (("update", known.updates), ("signal", known.signals), ("query", known.queries)):
        for name, handler in sorted(handlers.items(), key=str):
            answer = getattr(handler, "ret_type", None)
            told = "" if word == "signal" else shapes.type_of(answer)
            yield code(name), word, _types(shapes, handler.arg_types), told, _meaning(handler)


def _meaning(handler: Any) -> str:
    return str(handler.description or (inspect.getdoc(handler.fn) or "").partition("\n\n")[0])


def _types(shapes: Shapes, types: list[type] | None) -> str:
    return ", ".join(map(shapes.type_of, types or ())) or "nothing"
