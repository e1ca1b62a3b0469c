"""The relay's sealer: what grew is sealed, once, whoever else runs."""

import asyncio

from ordersaga.bootstrap import Services
from tests.support.audit import live, pay
from workers.relay_seals import Sealer


async def test_what_grew_is_sealed_and_nothing_else(services: Services) -> None:
    """A round seals the orders that changed; a round in which nothing did writes no seal."""
    await live(services.pool, "o1")
    sealer = Sealer(services)

    assert not await sealer.step()
    assert not await sealer.step()
    await pay(services.pool, "o2")
    assert not await sealer.step()

    found = await services.audit_trail.verify()
    assert (found.seals, found.unsealed, found.breaks) == (2, 0, [])
    last = await services.audit_trail.seal()
    assert last
    assert (last.seal_no, last.orders) == (2, 1)


async def test_much_is_sealed_at_once(services: Services) -> None:
    """A seal that is full asks for the next one at once."""
    for number in range(3):
        await pay(services.pool, f"o{number}")
    sealer = Sealer(services, limit=2)

    assert [await sealer.step(), await sealer.step()] == [True, False]
    assert (await services.audit_trail.verify()).unsealed == 0


async def test_relays_seal_one_at_a_time(services: Services) -> None:
    """Several relays that seal at the same moment write one chain of seals, and no order is sealed twice."""
    for number in range(6):
        await pay(services.pool, f"o{number}")

    for _ in range(8):
        await asyncio.gather(*(Sealer(services, limit=2).step() for _ in range(4)))

    found = await services.audit_trail.verify()
    assert (found.orders, found.seals, found.unsealed, found.breaks) == (6, 3, 0, [])
