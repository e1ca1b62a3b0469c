"""What an order passes before it is handed in: its values, its seller's terms, stops, sold-out SKUs, overload.

Nothing is stored here. Stops and sold-out SKUs are known by heart. What they refuse is a 409 without `Location`, and a
repeat asks again. A repeat of a request that stands, or is under way, is never refused so: the database answers it.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from ordersaga.api.access import Role
from ordersaga.api.overload import Overload
from ordersaga.api.place_answers import stopped, unknown_skus
from ordersaga.api.problems import FieldError, Problem, from_validation, invalid
from ordersaga.api.shapes import NewOrder
from ordersaga.bootstrap import ApiKey, Asked, Services
from ordersaga.domain.orders import Order, SellerTerms
from ordersaga.domain.sellers import not_its_id, not_sold
from ordersaga.domain.stops import stopping


class Admission:
    """Lets orders in, or says why not."""

    def __init__(self, services: Services, overload: Overload) -> None:
        self._services = services
        self._overload = overload
        self._under_way: Counter[tuple[str, ...]] = Counter()

    async def admit(self, body: NewOrder, key: ApiKey, asked: Asked) -> Order:
        """The order to hand in, with its seller's terms.

        Raises Problem: 403 and 422 for what may or can not be ordered, 409 when an operator stopped orders like it or
        nothing is left, 503 when too many orders of the seller wait already.
        """
        order = await self._checked(body, key)
        await self._refuse_unsold(order, asked)
        await self._refuse_strange_id(order, asked)
        await self._refuse_stopped(order, asked)
        await self._refuse_sold_out(order, asked, waits=body.waitlist)
        self._overload.check(self._services.intake.expected_wait(order.seller), order.seller)
        return order

    @contextmanager
    def handing_in(self, order: Order, asked: Asked, *, waits: bool) -> Iterator[None]:
        """Until the block ends, a repeat of this request is left to the database.

        Problem 503 when too many shoppers join lines already: `waits` is one that would wait for what is gone.
        """
        names = _names(asked)
        joins = waits and self._services.empty_shelves.among([line.sku for line in order.lines])
        with self._overload.joining() if joins else nullcontext(), self._counted(names):
            yield

    @contextmanager
    def _counted(self, names: list[tuple[str, ...]]) -> Iterator[None]:
        self._under_way.update(names)
        try:
            yield
        finally:
            self._under_way.subtract(names)
            for name in names:
                if not self._under_way[name]:
                    del self._under_way[name]

    async def _refuse_unsold(self, order: Order, asked: Asked) -> None:
        """Problem 422 when its seller does not sell, or not on this channel."""
        selling, known_only = await self._services.sellers.selling(order.seller), self._services.settings.sellers
        found = not_sold(order.seller, selling, order.channel, known_only=known_only == "known")
        if found is not None and not await self._known(asked):
            raise invalid([FieldError(field=found.field, message=found.message, remedy=found.remedy)])

    async def _refuse_strange_id(self, order: Order, asked: Asked) -> None:
        """Problem 422 for an id that orders of its seller may not have."""
        if asked.order_id is None:
            return
        sellers = self._services.sellers
        own = (await sellers.selling(order.seller)).order_prefix
        found = not_its_id(order.seller, asked.order_id, own, await sellers.prefixes())
        if found is not None and not await self._known(asked):
            raise invalid([FieldError(field=found.field, message=found.message, remedy=found.remedy)])

    async def _refuse_stopped(self, order: Order, asked: Asked) -> None:
        """By heart where it does not depend on who ships it; whatever gets by is judged when it is taken in."""
        rule = stopping(await self._services.stop_rules.standing(), order, datetime.now(UTC))
        if rule is None or await self._known(asked):
            return
        self._overload.refusals.add("stopped", order.seller)
        raise stopped(rule, asked.order_id)

    async def _known(self, asked: Asked) -> bool:
        """Whether it repeats a request that stands or is under way: the database answers it."""
        return any(name in self._under_way for name in _names(asked)) or await self._services.repeats.known(asked)

    async def _refuse_sold_out(self, order: Order, asked: Asked, *, waits: bool) -> None:
        if not self._gone(order, waits=waits) or await self._known(asked):
            return
        gone = self._gone(order, waits=waits)  # again: units may have returned while the request was looked up
        if gone:
            self._overload.refusals.add("sold_out", order.seller)
            raise _sold_out(gone, asked.order_id)

    def _gone(self, order: Order, *, waits: bool) -> tuple[str, ...]:
        """SKUs of the order of which nothing is left; nothing for who can wait for all of them."""
        gone = self._services.empty_shelves.among([line.sku for line in order.lines])
        if waits and not self._services.catalog.without_line(order.seller, gone):
            return ()
        return gone

    async def _checked(self, body: NewOrder, key: ApiKey) -> Order:
        """The order with its seller's terms. Problem 422 names what the catalog does not know."""
        if key.seller and key.seller != body.seller:
            raise Problem(403, "seller_forbidden", f"this key places orders of {key.seller} only")
        if body.payment.collected_by is not None and key.role not in _COLLECTING:
            raise _not_theirs(key)
        terms = await self._terms(body)
        fields = {name: getattr(body, name) for name in NewOrder.model_fields if name in Order.model_fields}
        order_id = body.order_id or await self._made_up(body.seller)
        try:
            return Order(**{**fields, "order_id": order_id, "terms": terms, "placed_at": datetime.now(UTC)})
        except ValidationError as error:
            raise from_validation(error.errors(include_url=False)) from error

    async def _made_up(self, seller: str) -> str:
        prefix = (await self._services.sellers.selling(seller)).order_prefix
        return f"{prefix or ''}ord_{uuid.uuid4().hex}"

    async def _terms(self, body: NewOrder) -> SellerTerms:
        catalog, seller = self._services.catalog, body.seller
        terms = await catalog.terms(seller)
        if terms is None:
            advice = "use a seller of the catalog, or load it first"
            raise invalid([FieldError(field="seller", message=f"no seller is called {seller}", remedy=advice)])
        unknown = await catalog.unknown(seller, [line.sku for line in body.lines])
        if unknown.skus:
            raise invalid(unknown_skus(seller, "lines", body.lines, set(unknown.skus)))
        bank = terms.slow_payment_window if body.payment.can.slow else timedelta(0)  # in the promise
        window = self._services.settings.payment_window
        return terms.model_copy(update={"payment_window": window, "ship_within": terms.ship_within + bank})


_COLLECTING: Final = (Role.CHANNEL, Role.OPERATOR, Role.ADMIN)


def _not_theirs(key: ApiKey) -> Problem:
    """Whoever could say so without being the channel would have goods shipped that nobody paid for."""
    field, advice = "payment.collected_by", "send a payment_method or pay_link: true, or use a channel's key"
    error = FieldError(field=field, message=f"a {key.role} key cannot say that a platform has the money", remedy=advice)
    return Problem(403, "forbidden", f"{error.message}; {advice}", errors=[error], allowed_roles=list(_COLLECTING))


def _names(asked: Asked) -> list[tuple[str, ...]]:
    """What a request may be known by."""
    key = [("key", asked.api_key_id, asked.key)] if asked.key is not None else []
    return [*key, *([("order", asked.order_id)] if asked.order_id is not None else [])]


def _sold_out(skus: tuple[str, ...], order_id: str | None) -> Problem:
    detail = f"nothing is left of {', '.join(skus)}; nothing was held, charged or stored"
    members: dict[str, Any] = {"order_id": order_id} if order_id is not None else {}
    return Problem(409, "sold_out", detail, skus=list(skus), **members)
