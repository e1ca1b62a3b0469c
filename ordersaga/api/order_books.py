"""Route: what the books hold of one order."""

from fastapi import APIRouter

from ordersaga.api.access import ServicesDep, Watcher, find_order
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.order_books import MoneyTotal, OrderLines, UnitTotal

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["orders"])


class OrderBooks(OrderLines):
    """Both ledgers of an order, oldest line first, and what they come to. Amounts are signed minor units of `currency`,
    debit positive."""

    order_id: str
    currency: str
    money_totals: tuple[MoneyTotal, ...]
    unit_totals: tuple[UnitTotal, ...]


@router.get("/books")
async def books(order_id: OrderId, services: ServicesDep, key: Watcher) -> OrderBooks:
    """The order's money and units, line by line, with what stands in each account."""
    record = await find_order(services, key, order_id)
    lines = await services.order_books.lines(order_id)
    return OrderBooks(
        order_id=order_id,
        currency=record.order.currency,
        money=lines.money,
        units=lines.units,
        money_totals=lines.totals_of_money(),
        unit_totals=lines.totals_of_units(),
    )
