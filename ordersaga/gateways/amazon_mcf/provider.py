"""Amazon Multi-Channel Fulfillment, as a provider (https://developer-docs.amazon.com/sp-api, Fulfillment Outbound).

Our reference is the order's id at Amazon, and unique there: a duplicate is refused, and the order that stands under it
is the answer. An order on hold is a reservation.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from ordersaga.domain.errors import OperatorError, OrdersagaError, RateLimitedError
from ordersaga.domain.identifiers import parse_parcel_reference
from ordersaga.domain.orders import Address
from ordersaga.domain.reconciliation import StockLevel
from ordersaga.domain.shipping import AddressDecision, CancelDecision, HandOff, ProviderCapabilities, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.amazon_mcf.addresses import amazon_address, folded
from ordersaga.gateways.amazon_mcf.client import Answer, Credentials, Json, Request, SellingPartner
from ordersaga.gateways.amazon_mcf.errors import (
    AbsentError,
    DuplicateError,
    NotTakenError,
    UnreadableError,
    not_visible,
)
from ordersaga.gateways.amazon_mcf.following import Following
from ordersaga.gateways.amazon_mcf.states import Package, Phase, Standing, provider_order, status_of, units_of
from ordersaga.gateways.amazon_mcf.stock import MOST_SKUS, listed, stock_levels, summaries
from ordersaga.gateways.amazon_mcf.version_2020 import Outbound2020, Tracking2020
from ordersaga.gateways.amazon_mcf.version_2026 import Outbound2026
from ordersaga.gateways.http_errors import already_asked
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.personal_data import hiding, unquoted
from ordersaga.ports import LaneGate

NORTH_AMERICA: Final = "https://sellingpartnerapi-na.amazon.com"
TOKEN_URL: Final = "https://api.amazon.com/auth/o2/token"  # noqa: S105 - an address
US: Final = "ATVPDKIKX0DER"
CALLS_PER_MINUTE: Final = 120
"""Two a second for each operation, thirty at once ("Usage Plans and Rate Limits in the Selling Partner API")."""
_HELD_FOR: Final = timedelta(days=14)
_TOO_MANY: Final = 3
_WAITED_OUT: Final = timedelta(seconds=2)
_LOOKS_AT_ONCE: Final = 10
_LOOKED_AT_AGAIN: Final = 10


Told = TypeVar("Told")


class ApiVersion(StrEnum):
    """Of Fulfillment Outbound."""

    V2020 = "2020-07-01"
    V2026 = "2026-07-04"


class Outbound(Protocol):
    """One version of Fulfillment Outbound.

    `lists_shipments`: a list tells how far orders are. `takes_address`: with the end of a hold. `tracking`: how to ask
    where a package is, unless orders tell.
    """

    @property
    def lists_shipments(self) -> bool: ...
    @property
    def takes_address(self) -> bool: ...
    @property
    def tracking(self) -> Tracking2020 | None: ...
    def create(self, hand_off: HandOff, *, hold: bool) -> Request: ...
    def ship(self, hand_off: HandOff) -> Request: ...
    def cancel(self, reference: str) -> Request: ...
    def find(self, reference: str) -> Request: ...
    def changed(self, since: datetime, token: str | None) -> Request: ...
    def listed(self, payload: Mapping[str, Any]) -> Sequence[Json]: ...
    def read(self, payload: Mapping[str, Any]) -> Standing: ...
    def read_entry(self, entry: Mapping[str, Any]) -> Standing: ...


class AmazonMcf:
    """ReservingProvider and ProviderStock ports over Amazon's Selling Partner API.

    Args:
        credentials: of our application, and of the seller who authorized it.
        version: of Fulfillment Outbound.
        base_url: `NORTH_AMERICA` or another region's, or an emulator's URL.
        token_url: where access tokens are given out.
        timeout: of one call.
        marketplace_id: Amazon's id of the marketplace whose stock ships.
        packing_slip: a line that every packing slip bears (2020-07-01 asks for one).
        pace: between the calls of one listing, after the first few.
        gate: every call passes it.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        version: ApiVersion = ApiVersion.V2020,
        base_url: str = NORTH_AMERICA,
        token_url: str = TOKEN_URL,
        timeout: timedelta,
        marketplace_id: str = US,
        packing_slip: str = "Thank you for your order.",
        pace: timedelta = timedelta(seconds=0.6),
        gate: LaneGate = OPEN,
    ) -> None:
        self._account = SellingPartner(
            credentials, base_url=base_url, token_url=token_url, marketplace_id=marketplace_id, timeout=timeout
        )
        newer = version is ApiVersion.V2026
        self._outbound: Outbound = Outbound2026() if newer else Outbound2020(marketplace_id, packing_slip)
        self._marketplace_id, self._pace, self._gate = marketplace_id, pace.total_seconds(), gate
        self._following = Following()

    @property
    def capabilities(self) -> ProviderCapabilities:
        """Amazon carries what it ships, and cancels nothing once picking has begun (its status Processing)."""
        return ProviderCapabilities(
            name="amazon_mcf",
            books_carrier=True,
            point_of_no_return=ParcelStatus.PICKED,
            reserves=True,
            reserved_for=_HELD_FOR,
            idempotent=True,
            calls_per_minute=CALLS_PER_MINUTE,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._account.aclose()

    async def reserve(self, hand_off: HandOff) -> ProviderOrder:
        """Create the order on hold; one that stands under the reference is the answer, as it stands."""
        with hiding(hand_off.ship_to):
            return provider_order(await self._placed(hand_off, hold=True))

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Create the order, or end the hold of the one that stands under the reference.

        Raises OperatorError `reserved_otherwise` where what is on hold is not what is handed over.
        """
        with hiding(hand_off.ship_to):
            standing = await self._placed(hand_off, hold=False)
            return provider_order(await self._shipped(standing, hand_off) if standing.reserved else standing)

    async def _placed(self, hand_off: HandOff, *, hold: bool) -> Standing:
        try:
            await self._ask(self._outbound.create(hand_off, hold=hold))
        except NotTakenError as refused:
            standing = await self._after_refusal(hand_off.reference, refused)
        else:
            with already_asked():
                found = await self._find(hand_off.reference)
            standing = found or Standing(hand_off.reference, Phase.OPEN, hold, None)  # taken, and not shown yet
        if standing.phase is Phase.INVALID:
            raise await self._why_invalid(hand_off)
        return standing

    async def _after_refusal(self, reference: str, refused: NotTakenError) -> Standing:
        with already_asked():
            standing = await self._find(reference)
        if standing is None:
            raise not_visible(reference) if isinstance(refused, DuplicateError) else refused
        return standing

    async def _why_invalid(self, hand_off: HandOff) -> OperatorError:
        """Amazon does not say which of its reasons it was; its own count does."""
        wanted = units_of((line.sku, line.quantity) for line in hand_off.lines)
        with suppress(OrdersagaError):
            request = summaries(self._marketplace_id, skus=list(wanted)[:MOST_SKUS])
            for level in stock_levels(listed((await self._ask(request)).payload)):
                if level.on_hand - level.committed < wanted.get(level.sku, 0):
                    return OperatorError("out_of_stock", f"Amazon has too few sellable units of {level.sku}")
        told = f"Amazon could not validate the order {hand_off.reference}: check its address and its SKUs"
        return OperatorError("amazon_mcf_invalid", told)

    async def _shipped(self, standing: Standing, hand_off: HandOff) -> Standing:
        self._require_same(standing, hand_off)
        try:
            await self._ask(self._outbound.ship(hand_off))
        except NotTakenError as refused:
            standing = await self._after_refusal(hand_off.reference, refused)
            if standing.reserved:
                raise
            return standing  # an earlier attempt ended the hold, or Amazon did
        with already_asked():
            found = await self._find(hand_off.reference)
        if found is None:
            raise not_visible(hand_off.reference)
        return replace(found, held=False)

    def _require_same(self, standing: Standing, hand_off: HandOff) -> None:
        same = standing.ordered == units_of((line.sku, line.quantity) for line in hand_off.lines)
        there = standing.ship_to == folded(amazon_address(hand_off.ship_to))
        if not same or not (there or self._outbound.takes_address):
            what = "another address" if same else "other units"
            raise OperatorError("reserved_otherwise", f"Amazon holds {hand_off.reference} with {what}: reserve it anew")

    async def inquire(self, reference: str) -> ProviderOrder | None:
        """Find by our reference; what departed is looked up by its packages too."""
        standing = await self._find(reference)
        return provider_order(await self._tracked(standing)) if standing else None

    async def cancel(self, reference: str) -> CancelDecision:
        """Cancel the order, and look what came of it: PENDING until Amazon has decided."""
        decision = CancelDecision.PENDING
        try:
            await self._ask(self._outbound.cancel(reference))
        except AbsentError:
            raise not_visible(reference) from None
        except NotTakenError:
            decision = CancelDecision.REFUSED
        with already_asked():
            standing = await self._find(reference)
        if standing is None:
            raise not_visible(reference)
        status = status_of(standing)
        if status is ParcelStatus.CANCELED:
            return CancelDecision.CANCELED
        open_still = status in {ParcelStatus.PLANNED, ParcelStatus.ACCEPTED}
        return decision if open_still else CancelDecision.REFUSED

    async def update_address(self, reference: str, ship_to: Address) -> AddressDecision:
        """Amazon takes another address for what is on hold only, and then with the end of the hold."""
        return AddressDecision.NOT_OFFERED

    async def changes_since(self, since: datetime) -> Sequence[ProviderOrder]:
        """Our orders changed since then, and some of those on their way, whose scans change no order.

        An order whose status its documentation does not have hides no other one: it is left out.
        """
        with unquoted():
            found = {order.reference: await self._completed(n, order) async for n, order in self._listed(since)}
            for reference in self._following.turn(_LOOKED_AT_AGAIN, found):
                found[reference] = await self._look_again(reference)
        for reference, order in found.items():
            self._following.note(reference, order)
        return [order for order in found.values() if order is not None]

    async def _listed(self, since: datetime) -> AsyncIterator[tuple[int, Standing]]:
        """Those changed since then, numbered; departed ones from before are only remembered."""
        number = 0
        async for standing in self._pages(self._following.reach(since, datetime.now(UTC))):
            if standing.changed_at is None or standing.changed_at >= since:
                yield number, standing
                number += 1
            elif standing.phase is not Phase.OPEN:
                self._following.add(standing.reference)

    async def _pages(self, since: datetime) -> AsyncIterator[Standing]:
        token: str | None = None
        while True:
            answer = await self._in_turn(partial(self._ask, self._outbound.changed(since, token)))
            for standing in map(self._readable, self._outbound.listed(answer.payload)):
                if standing is not None and parse_parcel_reference(standing.reference):
                    yield standing
            token = answer.next_token
            if token is None:
                return
            await asyncio.sleep(self._pace)

    def _readable(self, entry: Json) -> Standing | None:
        with suppress(UnreadableError):
            return self._outbound.read_entry(entry)
        return None

    async def _completed(self, number: int, standing: Standing) -> ProviderOrder | None:
        """With its shipments, where a list does not tell them; at a pace that Amazon allows."""
        if self._outbound.lists_shipments or standing.phase not in {Phase.PICKING, Phase.LEFT}:
            return provider_order(standing)
        if number >= _LOOKS_AT_ONCE:
            await asyncio.sleep(self._pace)
        return await self._look_again(standing.reference)

    async def _look_again(self, reference: str) -> ProviderOrder | None:
        with suppress(UnreadableError):
            return await self._in_turn(partial(self.inquire, reference))
        return None

    async def _in_turn(self, call: Callable[[], Awaitable[Told]]) -> Told:
        """A listing makes many calls beside others': one that was too many is made again, a few times."""
        for _ in range(_TOO_MANY):
            try:
                return await call()
            except RateLimitedError as limited:
                wait = limited.retry_after or timedelta(seconds=self._pace)
                if wait > _WAITED_OUT:
                    raise
                await asyncio.sleep(wait.total_seconds())
        return await call()

    async def stock(self) -> Sequence[StockLevel]:
        """Every SKU as Amazon counts it in the marketplace's centers."""
        return stock_levels([item async for item in self._inventory()])

    async def _inventory(self) -> AsyncIterator[Json]:
        token: str | None = None
        while True:
            answer = await self._in_turn(partial(self._ask, summaries(self._marketplace_id, token)))
            for item in listed(answer.payload):
                yield item
            token = answer.next_token
            if token is None:
                return
            await asyncio.sleep(self._pace)

    async def _find(self, reference: str) -> Standing | None:
        try:
            answer = await self._ask(self._outbound.find(reference))
        except AbsentError:
            return None
        return self._outbound.read(answer.payload)

    async def _tracked(self, standing: Standing) -> Standing:
        """With what tracking says of its packages; one that tracking does not have yet was not scanned."""
        tracking, said = self._outbound.tracking, dict[int, Package]()
        for number in [package.number for package in standing.packages if package.number is not None]:
            if tracking is not None:
                with suppress(AbsentError):
                    said[number] = tracking.read((await self._ask(tracking.ask(number))).payload)
        return standing.tracked(said)

    async def _ask(self, request: Request) -> Answer:
        async with self._gate.passing():
            return await self._account.ask(request)
