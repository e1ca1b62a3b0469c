"""Scenarios at a marketplace without a gateway: it sells by our HTTP API with a key of its own.

Its money is its own: what goes back is given back there first, and an operator who has seen that says so here.
"""

import asyncio
import contextlib
from typing import Any, Final

from ordersaga.demo.case import Case
from ordersaga.demo.companies import DemoError
from ordersaga.demo.scenario import Scenario, Wishes
from ordersaga.embedded.options import STALL
from ordersaga.http_client import ApiError, ApiUnreachableError

_GOODWILL: Final = 150


async def sell(case: Case) -> None:
    """A shopper orders there; the marketplace orders here."""
    body = case.order.body
    bought = {name: body[name] for name in ("seller", "channel", "currency", "lines", "shipping", "tax")}
    await case.world.companies[STALL].tell("orders", id=case.order_id, recipient=body["ship_to"], **bought)
    case.settled.set()


async def shopper_cancels(case: Case) -> None:
    """A shopper cancels there, and the marketplace here: the goods are stopped, then all of the money goes back."""
    await sell(case)
    await case.at_shipbob("Processing")
    await case.world.companies[STALL].tell("buyer-cancel", match=case.order_id)
    await _settled(case, (await _there(case))["total"])


async def shopper_is_too_late(case: Case) -> None:
    """The same when it is picked: it ships, and the shopper hears that."""
    await sell(case)
    await case.at_shipbob("Picked")
    await case.world.companies[STALL].tell("buyer-cancel", match=case.order_id)
    answer = await case.eventually(lambda: _answer(case), "an answer for its shopper")
    case.expect("the answer to its shopper", answer, "too_late")
    await case.go_on_at_shipbob()


async def give_part_back(case: Case) -> None:
    """Goodwill: support asks for it here, the seller's staff gives it there."""
    await sell(case)
    await case.at_shipbob("InTransit")
    await asyncio.gather(case.change("refunds", amount=_GOODWILL), _settled(case, _GOODWILL))
    await case.go_on_at_shipbob()


async def _settled(case: Case, amount: int) -> None:
    """The operator is asked for the money, has it given back there, and says so when it is."""
    item_id: str = await case.eventually(lambda: _question(case), "the question who gives the money back")
    await case.world.companies[STALL].tell("refund", match=case.order_id, amount=amount)
    case.expect("what its shopper got back", (await _there(case))["refunded"], amount)

    async def answered() -> bool:
        """Asked again: it may have been answered by an attempt that nobody heard the end of."""
        said = {"reason": "the stall shows it", "order_id": case.order_id}
        with contextlib.suppress(ApiError, ApiUnreachableError):
            await case.world.operator.resolve(item_id, "settled_by_hand", **said)
        return await _question(case) != item_id

    await case.eventually(answered, "the end of that question")


async def _there(case: Case) -> dict[str, Any]:
    found = (await case.world.companies[STALL].records(case.order_id, "orders")).get("orders", [])
    if not found:
        raise DemoError(f"{case.order_id}: the stall does not know it")
    return found[0]


async def _answer(case: Case) -> str | None:
    cancellation: dict[str, str | None] = (await _there(case))["cancellation"]
    return cancellation["outcome"]


async def _question(case: Case) -> str | None:
    """The open question about its money, if there is one."""
    items = (await case.patiently(case.world.operator.attention)).items
    return next((each.item_id for each in items if each.order_id == case.order_id and _is_its(each.question)), None)


def _is_its(question: str) -> bool:
    return "channel_not_configured" in question


def _shipbob(**script: Any) -> Wishes:
    return {"shipbob": (script,)}


SCENARIOS: Final[dict[str, Scenario]] = {
    "stall_ships": Scenario("marketplace by HTTP", sell),
    "stall_canceled": Scenario("marketplace by HTTP", shopper_cancels, scripts=_shipbob(stop_at="Processing")),
    "stall_too_late": Scenario(
        "marketplace by HTTP", shopper_is_too_late, scripts=_shipbob(stop_at="Picked"), quick=False
    ),
    "stall_refunded": Scenario("marketplace by HTTP", give_part_back, scripts=_shipbob(stop_at="InTransit")),
    "stall_sold_out": Scenario("marketplace by HTTP", sell, quick=False),
}
