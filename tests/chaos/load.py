"""Shoppers: a steady stream of orders of many kinds, through a checkout that asks again until it is answered."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from ordersaga.demo.case import Case, World
from ordersaga.demo.companies import DemoError
from ordersaga.demo.orders_file import DemoOrder, read_orders
from ordersaga.demo.scenarios import SCENARIOS, prepare
from ordersaga.http_client import ApiError, ApiUnreachableError
from tests.support.emulators import ROOT
from tests.support.examples import whole_catalog

MIX: Final[Mapping[str, int]] = {
    "plain": 20,
    "multi_line": 8,
    "own_warehouse": 8,
    "split": 8,
    "three_ds_completed": 6,
    "three_ds_failed": 2,
    "three_ds_abandoned": 2,
    "declined": 5,
    "sold_out": 4,
    "address_refused": 1,
    "capture_first": 3,
    "capture_first_canceled": 2,
    "cancel_accepted": 5,
    "cancel_at_once": 3,
    "cancel_challenge": 2,
    "cancel_on_hold": 2,
    "cancel_labeled": 2,
    "cancel_picked": 3,
    "cancel_shipped": 2,
    "half_shipped": 2,
    "hold_released": 2,
    "provider_partly": 1,
    "units_accepted": 3,
    "units_labeled": 2,
    "units_on_hold": 2,
    "address_changed": 2,
    "expedited": 1,
    "split_parcel": 2,
    "moved": 2,
    "goodwill": 2,
    "returned": 2,
    "webhooks_dropped": 2,
}
"""Scenarios of the demo and how often each comes."""
LEAVES: Final = 0.05
"""Shoppers who do not wait for a second attempt."""
REFUSALS: Final = frozenset({"sold_out", "declined", "rejected"})
_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
_PAUSES: Final = (0.3, 0.6, 1.0, 2.0)


class LeftError(DemoError):
    """The shopper went away without an answer."""


@dataclass
class Shopper(Case):
    """An order on its way. `answer`: an outcome, `pending` for 202, or the code of a refusal; None: none came."""

    leaves: bool = False
    answer: str | None = None
    tries: int = 0
    sent: float = 0.0
    answered: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the shopper may count on the order."""
        return self.answer is not None and self.answer not in REFUSALS

    async def _place(self, wait: int | None) -> str:
        """Ask under one key until there is an answer."""
        key, self.sent = f"chaos-{self.order_id}", time.monotonic()
        while True:
            self.tries += 1
            if answer := await self._ask(key, wait):
                self.answer, self.answered = answer, time.monotonic()
                return answer
            if self.leaves:
                raise LeftError(f"{self.order_id}: the shopper left")
            await asyncio.sleep(_PAUSES[min(self.tries, len(_PAUSES)) - 1])

    async def _ask(self, key: str, wait: int | None) -> str | None:
        try:
            placed = await self.world.checkout.place(self.order.body, wait=wait, idempotency_key=key)
        except ApiUnreachableError:
            return None
        except ApiError as error:
            return None if error.status in _AGAIN or error.status < 400 else error.code
        return placed.order.outcome.value if placed.order.outcome else "pending"


@dataclass
class Load:
    """The stream. `shoppers`: everybody who came, in order."""

    world: World
    orders: Sequence[DemoOrder]
    shoppers: list[Shopper] = field(default_factory=list)
    _acts: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, seed: int, rate: float, until: float) -> None:
        """Open loop: shoppers come at `rate` a second, whether or not those before them were served."""
        random = Random(f"load {seed}")
        at = time.monotonic()
        for order in stream(self.orders, random):
            at += random.expovariate(rate)
            leaves = random.random() < LEAVES
            if at > until:
                return
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            shopper = Shopper(order, self.world, leaves=leaves)
            self.shoppers.append(shopper)
            self._acts.add(asyncio.create_task(self._act(shopper)))

    async def finish(self, within: float) -> int:
        """Let everybody come to an end; the number of those who were stopped before."""
        if not self._acts:
            return 0
        _, late = await asyncio.wait(self._acts, timeout=within)
        await self.stop()
        return len(late)

    async def stop(self) -> None:
        """Stop everybody."""
        for act in self._acts:
            act.cancel()
        await asyncio.gather(*self._acts, return_exceptions=True)

    @property
    def confirmed(self) -> list[tuple[float, float]]:
        """When each confirmed order was sent and confirmed."""
        return [(each.sent, each.answered) for each in self.shoppers if each.answer == "confirmed"]

    async def _act(self, shopper: Shopper) -> None:
        scenario = SCENARIOS[shopper.order.scenario]
        try:
            await prepare(shopper, scenario)
            await scenario.act(shopper)
        except LeftError:
            pass
        except (DemoError, ApiError, ApiUnreachableError, TimeoutError) as error:
            shopper.surprises.append(f"{type(error).__name__}: {error}")
        finally:
            shopper.settled.set()


def read_mix() -> list[DemoOrder]:
    """The demo's orders of the scenarios in `MIX`: none of them needs the further companies."""
    content = (ROOT / "examples" / "orders.csv").read_bytes()
    return [order for order in read_orders(content, whole_catalog(), SCENARIOS) if order.scenario in MIX]


def stream(orders: Sequence[DemoOrder], random: Random) -> Iterator[DemoOrder]:
    """Orders without end: scenarios as often as `MIX` says, ids of their own."""
    kinds: dict[str, list[DemoOrder]] = {}
    for order in orders:
        kinds.setdefault(order.scenario, []).append(order)
    for number in itertools.count(1):
        [scenario] = random.choices([*MIX], [*MIX.values()])
        name = f"chaos_{number:04d}"
        order = random.choice(kinds[scenario])
        yield replace(order, order_id=name, body={**order.body, "order_id": name})
