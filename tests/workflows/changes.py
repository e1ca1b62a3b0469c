"""Words to change running orders with."""

from collections.abc import Sequence
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordersaga.domain.orders import LineQuantity, Payment
from ordersaga.domain.values import Message
from tests.fakes.samples import address
from tests.workflows.world import Handle, World
from workflows.messages import (
    AddressChange,
    Asked,
    ChangeAnswer,
    ChangeCarrier,
    ChangePayment,
    Expedite,
    GoodwillRefund,
    MoveParcel,
    SplitParcel,
)

BOSTON = address(city="Boston", region="MA", postal_code="02101")
SAVED = Payment(payment_method="pm_card_visa", customer="cus_ada")
"""A card that may be charged again without the shopper."""
BY: dict[str, Any] = {"by": "agent"}


def to_boston(**more: Any) -> AddressChange:
    """The order goes to Boston instead."""
    return AddressChange(**{**BY, "ship_to": BOSTON, **more})


def expedited(parcel: int = 0, **more: Any) -> Expedite:
    """By the faster service."""
    return Expedite(**{**BY, "parcel": parcel, **more})


def split(*lines: tuple[str, int], parcel: int = 1, **more: Any) -> SplitParcel:
    """These units leave in a parcel of their own."""
    units = tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in lines)
    return SplitParcel(**{**BY, "parcel": parcel, "lines": units, **more})


def moved(location: str = "ca-1", provider: str = "shipbob", parcel: int = 1, **more: Any) -> MoveParcel:
    """From another location."""
    return MoveParcel(**{**BY, "parcel": parcel, "location": location, "provider": provider, **more})


def with_carrier(carrier: str = "ups", parcel: int = 1) -> ChangeCarrier:
    """With another carrier."""
    return ChangeCarrier(**BY, parcel=parcel, carrier=carrier)


def goodwill(amount: int, parcel: int = 0, **more: Any) -> GoodwillRefund:
    """Part of the price back."""
    return GoodwillRefund(**{**BY, "amount": amount, "parcel": parcel, **more})


def paying_with(method: str, customer: str | None = None, **more: Any) -> ChangePayment:
    """Reserved with another payment method."""
    return ChangePayment(**{**BY, "payment": Payment(payment_method=method, customer=customer), **more})


async def change(handle: Handle, name: str, asked: Asked) -> ChangeAnswer:
    """Ask for a change and hear what became of it."""
    answer: ChangeAnswer = await handle.execute_update(name, asked, result_type=ChangeAnswer)
    return answer


async def refusal(handle: Handle, name: str, asked: Message | None) -> str:
    """Ask for what is refused at the door; the words."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(name, asked)
    return str(caught.value.cause)


def since(world: World, mark: int, *companies: str) -> Sequence[str]:
    """What these companies (all, if none is named) were asked since there were `mark` calls in the log."""
    names = companies or ("payments", "shipbob", "warehouse", "carrier", "stock")
    return [call for call in world.log[mark:] if call.split(".")[0] in names]
