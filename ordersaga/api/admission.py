"""What an order passes before it is handed in: its values, its seller's terms, sold-out SKUs known by heart, overload.

Nothing is stored here. An order of SKUs of which nothing is left is refused from memory: 409 without `Location`, and a
repeat asks again. A repeat of a request that stands, or is under way, is never refused so: the database answers it.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ordersaga.api.overload import Overload
from ordersaga.api.place_answers import unknown_skus
from ordersaga.api.problems import FieldError, Problem, from_validation, invalid
from ordersaga.api.shapes import NewOrder
from ordersaga.bootstrap import ApiKey, Asked, Services
from ordersaga.domain.orders import Order, SellerTerms


class Admission:
    """Lets orders in, or says why not."""

    def __init__(self, services: Services, overload: Overload) -> None:
        self._services = services
        self._overload = overload
        self._under_way: Counter[tuple[str, ...]] = Counter()

    async def admit(self, body: NewOrder, key: ApiKey, asked: Asked) -> Order:
        """The order to hand in, with its seller's terms.

        Raises Problem: 403 and 422 for what may or can not be ordered, 409 when nothing is left, 503 when too many
        orders of the seller wait already.
        """
        order = await self._checked(body, key)
        if not body.waitlist:
            await self._refuse_sold_out(order, asked)
        self._overload.check(self._services.intake.expected_wait(order.seller))
        return order

    @contextmanager
    def handing_in(self, asked: Asked) -> Iterator[None]:
        """Until the block ends, a repeat of this request is left to the database."""
        names = _names(asked)
        self._under_way.update(names)
        try:
            yield
        finally:
            self._under_way.subtract(names)
            for name in names:
                if not self._under_way[name]:
                    del self._under_way[name]

    async def _refuse_sold_out(self, order: Order, asked: Asked) -> None:
        shelves, skus = self._services.empty_shelves, [line.sku for line in order.lines]
        if not shelves.among(skus) or any(name in self._under_way for name in _names(asked)):
            return
        if await self._services.repeats.known(asked):
            return
        gone = shelves.among(skus)  # again: units may have returned while the request was looked up
        if gone:
            self._overload.refusals.counts["sold_out"] += 1
            raise _sold_out(gone, asked.order_id)

    async def _checked(self, body: NewOrder, key: ApiKey) -> Order:
        """The order with its seller's terms. Problem 422 names what the catalog does not know."""
        if key.seller and key.seller != body.seller:
            raise Problem(403, "seller_forbidden", f"this key places orders of {key.seller} only")
        terms = await self._terms(body)
        fields = {name: getattr(body, name) for name in NewOrder.model_fields if name in Order.model_fields}
        order_id = body.order_id or f"ord_{uuid.uuid4().hex}"
        try:
            return Order(**{**fields, "order_id": order_id, "terms": terms, "placed_at": datetime.now(UTC)})
        except ValidationError as error:
            raise from_validation(error.errors(include_url=False)) from error

    async def _terms(self, body: NewOrder) -> SellerTerms:
        catalog, seller = self._services.catalog, body.seller
        terms = await catalog.terms(seller)
        if terms is None:
            advice = "use a seller of the catalog, or load it first"
            raise invalid([FieldError(field="seller", message=f"no seller is called {seller}", remedy=advice)])
        unknown = await catalog.unknown(seller, [line.sku for line in body.lines])
        if unknown.skus:
            raise invalid(unknown_skus(seller, "lines", body.lines, set(unknown.skus)))
        return terms.model_copy(update={"payment_window": self._services.settings.payment_window})


def _names(asked: Asked) -> list[tuple[str, ...]]:
    """What a request may be known by."""
    key = [("key", asked.api_key_id, asked.key)] if asked.key is not None else []
    return [*key, *([("order", asked.order_id)] if asked.order_id is not None else [])]


def _sold_out(skus: tuple[str, ...], order_id: str | None) -> Problem:
    detail = f"nothing is left of {', '.join(skus)}; nothing was held, charged or stored"
    members: dict[str, Any] = {"order_id": order_id} if order_id is not None else {}
    return Problem(409, "sold_out", detail, skus=list(skus), **members)
