"""One world to test a contract in: the three stores over the same data, in memory or in PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from ordersaga.domain.catalog import Catalog, StockLevel
from ordersaga.ports import EffectLedger, Exchanges, OrderJournal, ReturnStore, StockStore
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.exchanges import PostgresExchanges
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.returns import PostgresReturns
from ordersaga.stores.stock import PostgresStock
from tests.fakes.effects import FakeEffects
from tests.fakes.journal import FakeJournal
from tests.fakes.memory import Memory
from tests.fakes.returns import FakeExchanges, FakeReturns
from tests.fakes.stock import FakeStock


@dataclass(frozen=True)
class World:
    """The ports under test, and what a test needs to set them up and look behind them."""

    stock: StockStore
    effects: EffectLedger
    journal: OrderJournal
    returns: ReturnStore
    exchanges: Exchanges
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

    stock, effects, journal = FakeStock(memory), FakeEffects(memory), FakeJournal(memory)
    return World(stock, effects, journal, FakeReturns(memory), FakeExchanges(stock), load, levels)


def postgres_world(pool: Pool) -> World:
    """A world in PostgreSQL."""
    catalog = PostgresCatalog(pool)

    async def load(wanted: Catalog) -> None:
        await catalog.load(wanted)

    async def levels() -> list[StockLevel]:
        return list(await catalog.stock_levels())

    stock, effects, journal = PostgresStock(pool), PostgresEffects(pool), PostgresJournal(pool)
    exchanges = PostgresExchanges(pool, PostgresIntake(pool), timedelta(minutes=5))
    return World(stock, effects, journal, PostgresReturns(pool), exchanges, load, levels)
