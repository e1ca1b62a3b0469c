"""Which carrier account a parcel's label is bought at, asked of our rules and of the accounts before it is bought."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import Field
from temporalio import activity

from activities.carrier_accounts import StoppedCarriers
from activities.failures import translated
from ordersaga.domain.carriers import CarrierAccount, CarrierChoice, Offers, Wish, candidates, choose
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.shipping import LabelRequest, Quote, ShippingService
from ordersaga.domain.values import Message
from ordersaga.ports import LanePauses, QuotingCarrier, StockStore

QUOTE_WITHIN: Final = timedelta(seconds=3)
"""How long an account may take to name a price; later, it names none."""


class ChooseCarrier(Message):
    """The parcel to buy a label for. `carrier`: only this one, in lower case.

    `refused`: the accounts that would not sell this label, and why in words.
    """

    order: Order
    plan: ParcelPlan
    generation: int
    service: ShippingService = ShippingService.STANDARD
    carrier: str | None = None
    refused: dict[str, str] = Field(default_factory=dict)


class StoppedFor(Message):
    """A parcel of the order, at this provider."""

    order: Order
    provider: str


class ChoosingCarriers:
    """The activities that choose. They change nothing outside.

    `accounts` in their configured order; `quoting` those of them that name prices; `stopped`: who sells no label.
    """

    def __init__(
        self,
        accounts: Sequence[CarrierAccount],
        quoting: Mapping[str, QuotingCarrier],
        stock: StockStore,
        pauses: LanePauses | None,
        stopped: StoppedCarriers | None = None,
    ) -> None:
        self._stopped = stopped or StoppedCarriers()
        self._accounts = accounts
        self._quoting = quoting
        self._stock = stock
        self._pauses = pauses

    @activity.defn
    @translated
    async def choose_carrier(self, request: ChooseCarrier) -> CarrierChoice:
        """The account for this generation of the label, and why."""
        wish = _wish(request, await self._stopped.of(request.order, request.plan.provider))
        priced = [one for one in candidates(self._accounts, wish) if one.code in self._quoting]
        answers = await self._answers(request, priced) if priced else {}
        offers = Offers(
            quotes={code: told for code, told in answers.items() if not isinstance(told, str)},
            unpriced={code: told for code, told in answers.items() if isinstance(told, str)},
            pauses=await self._pauses.pauses() if self._pauses is not None else (),
        )
        return choose(self._accounts, wish, offers, datetime.now(UTC))

    @activity.defn
    @translated
    async def stopped_carriers(self, request: StoppedFor) -> tuple[str, ...]:
        """The carriers that stops keep from a parcel, in lower case."""
        return tuple(sorted(await self._stopped.of(request.order, request.provider)))

    async def _answers(
        self, request: ChooseCarrier, priced: Sequence[CarrierAccount]
    ) -> Mapping[str, Quote | str | None]:
        """What each says, all asked at once; a text: why it names no price."""
        plan = request.plan
        reference = plan.reference(request.order.order_id, request.generation)
        label = await self._stock.ship_from(plan.location, request.order, plan, reference)
        label = label.model_copy(update={"service": request.service})
        told = await asyncio.gather(*(self._quoted(one, label, request.carrier) for one in priced))
        return {account.code: answer for account, answer in zip(priced, told, strict=True)}

    async def _quoted(self, account: CarrierAccount, label: LabelRequest, wanted: str | None) -> Quote | str | None:
        asked = label.model_copy(update={"carrier": account.carrier(wanted)})
        try:
            async with asyncio.timeout(QUOTE_WITHIN.total_seconds()):
                return await self._quoting[account.code].quote(asked)
        except TimeoutError:
            return "named no price in time"
        except OrdersagaError as error:
            return f"named no price ({error.code})"


def _wish(request: ChooseCarrier, stopped: Mapping[str, str]) -> Wish:
    order = request.order
    return Wish(
        seller=order.seller,
        country=order.ship_to.country,
        arrive_by=order.ship_by + order.terms.deliver_within,
        carrier=request.carrier,
        allowed=order.terms.carriers,
        refused=request.refused,
        stopped=stopped,
    )
