"""Scenarios at a marketplace: its shoppers order in its app, and it collects the money and gives it back itself.

Such an order is named in the orders file as ours will be: channel, shop and its id there.
"""

from collections.abc import Sequence
from typing import Any, Final

from ordersaga.demo.case import Case
from ordersaga.demo.orders_file import DemoOrder
from ordersaga.demo.scenario import Scenario, Wishes
from ordersaga.domain.statuses import OrderStatus

TIKTOK: Final = "tiktok_shop"
_TAKEN_IN: Final = (OrderStatus.ON_HOLD, OrderStatus.FULFILLING)


async def sell(case: Case) -> None:
    """A shopper orders there. Nobody tells us but the marketplace."""
    await case.world.companies[TIKTOK].tell("orders", **_bought(case.order))
    case.settled.set()


async def shopper_cancels_in_the_hour(case: Case) -> None:
    """While it is on hold there, a shopper cancels without asking."""
    await sell(case)
    await case.become(OrderStatus.ON_HOLD)
    await case.world.companies[TIKTOK].tell("buyer-cancel", match=sale_of(case.order.order_id))


async def give_part_back(case: Case) -> None:
    """Some of the money back, once the marketplace has it as dispatched."""
    await sell(case)
    await case.become(OrderStatus.SHIPPED)
    await case.eventually(lambda: _stands(case, "IN_TRANSIT", "DELIVERED", "COMPLETED"), "its dispatch there")
    await case.change("refunds", amount=150)
    await case.go_on_at_shipbob()


async def cancel_a_unit(case: Case) -> None:
    """One unit less while it is on hold there: that is canceled there too, and refunded."""
    await sell(case)
    await case.become(*_TAKEN_IN)
    await case.cancel("canceled", units=[(case.order.body["lines"][0]["sku"], 1)])
    await case.go_on_at(TIKTOK, sale_of(case.order.order_id))


def sale_of(order_id: str) -> str:
    """The order's id at the marketplace."""
    return order_id.rpartition("_")[2]


def seller_of(orders: Sequence[DemoOrder]) -> str | None:
    """Whose shop there it is; None when nothing is sold there."""
    return next((str(order.body["seller"]) for order in orders if order.scenario in SCENARIOS), None)


async def _stands(case: Case, *statuses: str) -> bool:
    sale = sale_of(case.order.order_id)
    found = (await case.world.companies[TIKTOK].records(f'"{sale}"', "orders")).get("orders", [])
    return any(order["id"] == sale and order["status"] in statuses for order in found)


def _bought(order: DemoOrder) -> dict[str, Any]:
    """The order as its marketplace is told of it."""
    body, shop = order.body, order.order_id.split("_")[-2]
    lines = [
        {"seller_sku": line["sku"], "quantity": line["quantity"], "price": line["unit_price"]} for line in body["lines"]
    ]
    money = {"shipping": body["shipping"], "tax": body["tax"]}
    return {
        "id": sale_of(order.order_id),
        "shop": shop,
        "lines": lines,
        **money,
        "recipient": _recipient(body["ship_to"]),
    }


def _recipient(ship_to: dict[str, Any]) -> dict[str, Any]:
    state = {"address_level": "L1", "address_level_name": "State", "iso_code": f"US-{ship_to['region']}"}
    city = {"address_level": "L3", "address_level_name": "City", "address_name": ship_to["city"]}
    return {
        "name": ship_to["name"],
        "address_line1": ship_to["line1"],
        "address_line2": ship_to.get("line2") or "",
        "postal_code": ship_to["postal_code"],
        "district_info": [state, city],
    }


def _script(company: str, **script: Any) -> Wishes:
    return {company: ({"match": "{sale}" if company == TIKTOK else "{order}", **script},)}


SCENARIOS: Final[dict[str, Scenario]] = {
    "market_ships": Scenario("TikTok Shop", sell),
    "market_canceled": Scenario("TikTok Shop", shopper_cancels_in_the_hour, scripts=_script(TIKTOK, stop_at="ON_HOLD")),
    "market_refunded": Scenario("TikTok Shop", give_part_back, scripts=_script("shipbob", stop_at="InTransit")),
    "market_units": Scenario("TikTok Shop", cancel_a_unit, scripts=_script(TIKTOK, stop_at="ON_HOLD"), quick=False),
    "market_sold_out": Scenario("TikTok Shop", sell, quick=False),
    "market_unheard": Scenario("TikTok Shop", sell, webhooks=_script(TIKTOK, drop=True), quick=False),
    "market_lost_telling": Scenario(
        "TikTok Shop", sell, faults=_script(TIKTOK, method="POST", path="/ship$", kind="lose_answer"), quick=False
    ),
}
