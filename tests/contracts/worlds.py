"""One world to test a contract in: the three stores over the same data, in memory or in PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ordersaga.domain.catalog import Catalog, StockLevel
from ordersaga.ports import EffectLedger, OrderJournal, StockStore
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.effects import FakeEffects
from tests.fakes.journal import FakeJournal
from tests.fakes.memory import Memory
from tests.fakes.stock import FakeStock


@dataclass(frozen=True)
class World:
    """The ports under test, and what a test needs to set them up and look behind them."""

    stock: StockStore
    effects: EffectLedger
    journal: OrderJournal
    load: Callable[[Catalog], Awaitable[None]]
    levels: Callable[[], Awaitable[list[StockLevel]]]

    async def units(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(on_hand, held) by (location, sku)."""
        return {(level.location, level.sku): (level.on_hand, level.held) for level in await self.levels()}


def memory_world() -> World:
    """A world of fakes."""
    memory = Memory()

    async def load(catalog: Catalog) -> None:
        memory.load(catalog)

    async def levels() -> list[StockLevel]:
        return memory.stock_levels()

    return World(FakeStock(memory), FakeEffects(memory), FakeJournal(memory), load, levels)


def postgres_world(pool: Pool) -> World:
    """A world in PostgreSQL."""
    catalog = PostgresCatalog(pool)

    async def load(wanted: Catalog) -> None:
        await catalog.load(wanted)

    async def levels() -> list[StockLevel]:
        return list(await catalog.stock_levels())

    return World(PostgresStock(pool), PostgresEffects(pool), PostgresJournal(pool), load, levels)
