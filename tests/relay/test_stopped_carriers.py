"""Stops in PostgreSQL, labels at emulated carriers: what is stopped sells none, and what is not stopped goes on."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.carrier_accounts import StoppedCarriers
from activities.carriers import BookLabel, Carriers
from activities.choosing import ChooseCarrier, ChoosingCarriers, StoppedFor
from activities.effects import Effects
from ordersaga.bootstrap import Services
from ordersaga.domain.carriers import CarrierAccount
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.stops import NewStop, StopMatch, StopPolicy, StopRule, Treatment
from ordersaga.gateways.easypost.carrier import EasyPost
from ordersaga.gateways.private_delivery.carrier import PrivateDelivery
from ordersaga.ports import Carrier
from tests.contracts.carrier_courier import courier_company, courier_emulator, turning_courier
from tests.fakes.samples import order
from tests.gateways.conftest import easypost, easypost_company, easypost_emulator
from tests.gateways.support import new_order

__all__ = [
    "courier_company",
    "courier_emulator",
    "easypost",
    "easypost_company",
    "easypost_emulator",
    "turning_courier",
]

ACCOUNTS = (CarrierAccount("easypost"), CarrierAccount("courier", carriers=("courier",), returns=False))
DRAIN = StopPolicy(accepted=Treatment.DRAIN, confirmed=Treatment.DRAIN)


class Counter:
    """An order whose parcel needs a label, the stops of the services, and two carriers."""

    def __init__(self, services: Services, carriers: Mapping[str, Carrier], order_id: str) -> None:
        self.services, self.placed = services, order(order_id)
        effects = Effects(services.effects, timedelta(0))
        stopped = StoppedCarriers(services.stop_rules, ACCOUNTS)
        self.selling = Carriers(carriers, services.stock, effects, services.effects, stopped)
        self.choosing = ChoosingCarriers(ACCOUNTS, {}, services.stock, None, stopped)

    async def plan(self) -> ParcelPlan:
        """The parcel, its units held."""
        (plan,) = await self.services.stock.confirm_hold(self.placed) or ()
        return plan.model_copy(update={"provider": "seller_warehouse"})

    async def stop(self, stop_id: str, **match: str) -> None:
        """A stop in force, which lets what is under way go on."""
        rule = StopRule(stop_id=stop_id, match=StopMatch(**match), policy=DRAIN, effective_at=datetime.now(UTC))
        await self.services.stops.create(NewStop(rule=rule, reason="strike", asked_by="ann"))


@pytest.fixture
def counter(services: Services, easypost: EasyPost, turning_courier: PrivateDelivery) -> Counter:
    """EasyPost, which finds any carrier, and a courier."""
    return Counter(services, {"easypost": easypost, "courier": turning_courier}, new_order())


async def test_labels_are_bought_of_whom_no_stop_keeps_back(counter: Counter, easypost: EasyPost) -> None:
    """The courier is left out; of EasyPost's carriers the cheapest is stopped, so the label is the next one's."""
    plan = await counter.plan()
    await counter.stop("s1", carrier="USPS")
    await counter.stop("s2", carrier="courier")
    chosen = await counter.choosing.choose_carrier(ChooseCarrier(order=counter.placed, plan=plan, generation=1))
    assert (chosen.account, chosen.others) == ("easypost", ())
    assert "courier: stopped by s2" in chosen.why
    bought = await counter.selling.book_label(BookLabel(order=counter.placed, plan=plan))
    assert (bought.bought, bought.carrier) == (True, "UPS")
    found = await easypost.inquire(plan.reference(counter.placed.order_id, 1))
    assert found is not None
    assert found.carrier == "UPS"


async def test_a_stop_that_comes_between_the_choice_and_the_purchase_is_obeyed(
    counter: Counter, turning_courier: PrivateDelivery
) -> None:
    """On record as refused, the courier has nothing; undone, the next generation is bought there."""
    plan = await counter.plan()
    at_courier = BookLabel(order=counter.placed, plan=plan, account="courier")
    await counter.stop("s1", carrier="COURIER")
    with pytest.raises(ApplicationError) as refused:
        await counter.selling.book_label(at_courier)
    assert (refused.value.type, refused.value.details[0]) == ("refused", "carrier_stopped")
    row = await counter.services.effects.find(counter.placed.order_id, "book_label", 1)
    assert row is not None
    assert (row.status, row.code) == (EffectStatus.REFUSED, "carrier_stopped")
    assert await turning_courier.inquire(plan.reference(counter.placed.order_id, 1)) is None
    asked = StoppedFor(order=counter.placed, provider=plan.provider)
    assert await counter.choosing.stopped_carriers(asked) == ("courier",)
    await counter.services.stops.lift("s1", by="ann", reason="over")
    assert await counter.choosing.stopped_carriers(asked) == ()
    bought = await counter.selling.book_label(at_courier.model_copy(update={"generation": 2}))
    assert bought.bought


async def test_what_was_bought_before_a_stop_is_the_answer(counter: Counter) -> None:
    """An attempt that comes again after the stop finds its label, and is not refused."""
    plan = await counter.plan()
    asked = BookLabel(order=counter.placed, plan=plan)
    first = await counter.selling.book_label(asked)
    await counter.stop("s1", carrier="easypost")
    assert await counter.selling.book_label(asked) == first


async def test_where_all_that_is_offered_is_stopped_nobody_is_asked_to_sell(counter: Counter) -> None:
    """Every carrier that EasyPost offers a rate of is stopped: refused as stopped, not as without a rate."""
    plan = await counter.plan()
    for number, carrier in enumerate(("usps", "ups", "fedex"), start=1):
        await counter.stop(f"s{number}", carrier=carrier)
    with pytest.raises(ApplicationError) as refused:
        await counter.selling.book_label(BookLabel(order=counter.placed, plan=plan))
    assert refused.value.details[0] == "carrier_stopped"


async def test_a_stop_of_a_carrier_may_be_of_a_part_of_the_orders_only(counter: Counter) -> None:
    """Of another seller, region or provider it keeps nothing from this parcel."""
    plan, asked = await counter.plan(), _asked(counter.placed)
    for number, other in enumerate(({"seller": "bolt"}, {"region": "CA"}, {"provider": "shipbob"}), start=1):
        await counter.stop(f"s{number}", carrier="courier", **other)
    assert await counter.choosing.stopped_carriers(asked) == ()
    await counter.stop("s4", carrier="courier", seller=counter.placed.seller, provider=plan.provider)
    assert await counter.choosing.stopped_carriers(asked) == ("courier",)


def _asked(placed: Order) -> StoppedFor:
    return StoppedFor(order=placed, provider="seller_warehouse")
