"""How every program ends: the world gets well, questions are answered, and what ships arrives."""

import asyncio
from datetime import timedelta

from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import ParcelStatus as P
from tests.properties.companies import ENDS, Companies
from tests.properties.life import Life
from tests.properties.operator import Operator
from workflows.messages import OrderResult


async def the_end(life: Life, operator: Operator) -> OrderResult:
    """Every company works again, questions are answered, what ships arrives: how the order ends."""
    life.companies.get_well()
    for turn in range(150):
        if not await life.running():
            return await life.world.result(life.handle)
        await operator.answers(0)
        await _on_their_way(life, life.companies)
        await asyncio.sleep(0.03)
        if turn % 4 == 3:
            await life.time_passes(timedelta(hours=1 if turn < 40 else 30))
    raise AssertionError(f"the order does not end; {await life.view()}\n" + "\n".join(life.story()))


async def _on_their_way(life: Life, companies: Companies) -> None:
    """What stands at a provider is shipped, or stays canceled; each end is heard, though not for the first time."""
    for payment in list(life.world.payments.payments.values()):
        if payment.status is PaymentStatus.REQUIRES_ACTION:
            life.world.payments.complete_action(payment.payment_id)
            await life.world.payment_moved(life.handle)
    for reference in companies.orders:
        now = companies.standing(reference)
        if now in ENDS or now is P.CANCELED:
            source = "easypost" if now in (P.LOST, P.RETURNED_TO_SENDER) else companies.provider_of(reference)
            name = source if isinstance(source, str) else source.capabilities.name
            name = "easypost" if name == "seller_warehouse" and now is P.DELIVERED else name
            await life.signal("parcel_event", companies.event(name, reference, now))
            continue
        for to in (P.IN_TRANSIT, P.DELIVERED):
            if companies.can_move(reference, to):
                await life.tell(companies.move(reference, to))
