"""A support assistant's tools, over the Model Context Protocol: find, explain, preview, cancel.

A client of the HTTP API and nothing more: roles, seller scope and audit are those of its key. What it adds is a limit
of money, and that nothing is canceled but what a preview has shown.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any, Final

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import Field, ValidationError

from ordersaga.api.search_shapes import FoundPage
from ordersaga.api.shapes import Explanation
from ordersaga.domain.amounts import format_amount, minor_digits
from ordersaga.domain.orders import LineQuantity
from ordersaga.http_client import ApiClient, ApiError, ApiUnreachableError
from ordersaga.remedies import essential, field_path, in_a_line
from workflows.messages import CancelAnswer

INSTRUCTIONS: Final = """\
Orders of a shop. Find an order, explain it in the words you are given, and cancel only what the person asked for.
Before you cancel, call preview_cancellation and tell the person its message and amounts; go on only if they agree.
cancel_order takes the preview's id, and does what was previewed or nothing. Refused as outdated: preview again.
Amounts are integers in minor units: 450 of USD is 4.50."""
REMEMBERED: Final = 1000
"""Previews that may still be canceled by, the latest ones."""
WAIT: Final = 20
"""Seconds in which the outcome of a cancellation is waited for."""
_LIMIT: Final = re.compile(r"(?P<currency>[A-Z]{3}) (?P<whole>0|[1-9][0-9]{0,9})(?:\.(?P<part>[0-9]{1,3}))?")
_LOOKS: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_CANCELS: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)

Text = Annotated[str, Field(description="an order's id or how it begins, a buyer, tracking number, SKU or seller")]
OrderId = Annotated[str, Field(description="the order's id, as find_orders gives it")]
Preview = Annotated[str, Field(description="of preview_cancellation, which the person agreed to")]
Reason = Annotated[str, Field(min_length=1, max_length=300, description="in the person's words; it is kept")]
Lines = Annotated[list[LineQuantity], Field(description="only these units; leave it out for the whole order")]


def read_limit(text: str) -> tuple[str, int]:
    """A currency and minor units of it: `USD 100.00` is ("USD", 10000). Raises ValueError."""
    match = _LIMIT.fullmatch(text.strip())
    digits = minor_digits(match["currency"]) if match else 0
    if match is None or len(match["part"] or "") not in (0, digits):
        raise ValueError(f"{text!r} is no amount; write a currency and an amount, such as 'USD 100.00'")
    return match["currency"], int(match["whole"] + (match["part"] or "0" * digits))


class Foretold(CancelAnswer):
    """What canceling would come to; nothing was done. `preview`: give it to cancel_order, which does just this.

    `refused`: why cancel_order will not do it here, with what to do instead; None where it will.
    """

    preview: str
    refused: str | None


@dataclass(frozen=True)
class Shown:
    """A preview that was shown: of which units, and what it said."""

    lines: tuple[LineQuantity, ...]
    answer: CancelAnswer


class Desk:
    """The tools. `limits`: minor units by currency that one cancellation may give back; in others none is canceled.

    `by`: the person acted for, which only an operator's key may name.
    """

    def __init__(self, api: ApiClient, limits: Mapping[str, int], by: str | None = None) -> None:
        self._api = api
        self._limits = limits
        self._by = by
        self._shown: OrderedDict[str, Shown] = OrderedDict()

    async def find_orders(self, text: Text, cursor: str | None = None) -> FoundPage:
        """Find orders, newest first, 50 at a time; give next_cursor as cursor for the page after it."""
        params = {"q": text} | ({"cursor": cursor} if cursor else {})
        with _told():
            return await self._api.call("GET", "/v1/search", FoundPage, params=params)

    async def explain_order(self, order_id: OrderId) -> Explanation:
        """Say where an order is, why it has not gone further, and what comes next and when."""
        with _told():
            return await self._api.explain(order_id)

    async def preview_cancellation(self, order_id: OrderId, lines: Lines | None = None) -> Foretold:
        """Say what canceling an order, or units of it, would come to now, and what the shopper gets back."""
        units = tuple(lines or ())
        with _told():
            answer = await self._api.preview_cancel(order_id, lines=_pairs(units))
        name = secrets.token_hex(8)
        self._shown[name] = Shown(units, answer)
        while len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        return Foretold(**answer.model_dump(), preview=name, refused=self._refused(answer))

    async def cancel_order(self, order_id: OrderId, preview: Preview, reason: Reason) -> CancelAnswer:
        """Cancel what a preview showed, or nothing. Called again with the same preview it cancels nothing more."""
        shown = self._shown.get(preview)
        if shown is None or shown.answer.order_id != order_id:
            told = f"no preview {preview!r} of order {order_id} was shown"
            raise ToolError(f"preview_unknown: {told}; call preview_cancellation first")
        if refused := self._refused(shown.answer):
            raise ToolError(refused)
        with _told():
            return await self._api.cancel(
                order_id,
                lines=_pairs(shown.lines),
                reason=reason,
                wait=WAIT,
                idempotency_key=f"assistant-{preview}",
                digest=shown.answer.digest,
                by=self._by,
            )

    def _refused(self, answer: CancelAnswer) -> str | None:
        """Why it is not canceled here, with the remedy."""
        remedy = "hand it to a person who may: `ordersaga order cancel`, or the console"
        if answer.currency not in self._limits:
            return f"above_limit: nothing in {answer.currency} may be canceled here, only previewed; {remedy}"
        if answer.outcome == "pending" and not answer.parts:
            return f"amount_unknown: what it gives back is not known yet; preview it again later, or {remedy}"
        stake, limit = answer.voided + answer.refunded, self._limits[answer.currency]
        if stake <= limit:
            return None
        told, most = format_amount(stake, answer.currency), format_amount(limit, answer.currency)
        return f"above_limit: it gives back {told}, and at most {most} may be given back here; {remedy}"


class _Server(MCPServer[Any]):
    """Says in our words what is wrong with a tool's arguments."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; arguments it does not take are refused by name, each with its remedy."""
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            cause = error.__cause__
            if not isinstance(cause, ValidationError):
                raise
            wrong = essential(cause.errors(include_url=False, include_input=False))
            told = "; ".join(f"{field_path(each['loc'])}: {in_a_line(each)}" for each in wrong)
            raise ToolError(f"invalid_arguments: {told}") from cause


def serve(desk: Desk) -> MCPServer:
    """The server that offers the desk's tools."""
    server = _Server("ordersaga", instructions=INSTRUCTIONS, version=version("ordersaga"), log_level="WARNING")
    for look in (desk.find_orders, desk.explain_order, desk.preview_cancellation):
        server.tool(annotations=_LOOKS)(look)
    server.tool(annotations=_CANCELS)(desk.cancel_order)
    return server


def _pairs(lines: Sequence[LineQuantity]) -> list[tuple[str, int]]:
    return [(line.sku, line.quantity) for line in lines]


@contextmanager
def _told() -> Iterator[None]:
    """The API's refusals in its own words: code, reason, remedy."""
    try:
        yield
    except ApiError as error:
        raise ToolError(error.told()) from error
    except ApiUnreachableError as error:
        raise ToolError(f"unreachable: {error}; what was asked for may have been done: ask again") from error
