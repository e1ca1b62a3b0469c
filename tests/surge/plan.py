"""What one run does: a pure function of its options, so that it can be told and repeated."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.surge.offer import Stream

VIRAL: Final = "viral"
CALM: Final = ("calm-1", "calm-2", "calm-3", "calm-4")
WAIT: Final = 5
SETTLE: Final = 2.0
"""Seconds of the quiet period that are not counted: connections and caches warm up."""
WARM_UP: Final = 50
"""Checkouts a second of the first step, whose times do not count: pools and caches are cold."""
STEPS: Final = (100, 200, 300, 400, 500, 600, 800, 1000, 1250, 1500)
STEP_SECONDS: Final = 8.0
STEP_UNITS: Final = 50
_LONG: Final = 20.0
"""A surge of at least so many seconds loses each API process once."""


@dataclass(frozen=True)
class Options:
    """`rate`: checkouts a second on the viral SKU, None: search for the highest; `others`: of each other seller."""

    data: Path
    rate: float | None = 500.0
    orders: int = 20_000
    units: int = 1_000
    apis: int = 2
    workers: int = 2
    kill: bool = False
    seed: int = 1
    others: float = 0.5
    quiet: float = 60.0
    nice: int = 19

    @property
    def command(self) -> str:
        """How to do the same again."""
        rate = "max" if self.rate is None else f"{self.rate:g}"
        words = {"RATE": rate, "ORDERS": self.orders, "UNITS": self.units, "APIS": self.apis, "WORKERS": self.workers}
        told = " ".join(f"{name}={value}" for name, value in words.items())
        return f"make surge {told}{' KILL=1' if self.kill else ''} SEED={self.seed}"


@dataclass(frozen=True)
class Offer:
    """A SKU with fewer units than shoppers, and the stream of those who want it."""

    sku: str
    units: int
    stream: str
    asked: int


@dataclass(frozen=True)
class Kill:
    """A process that is killed with SIGKILL; `at`: seconds after the generator's start."""

    at: float
    part: str


def main_offer(options: Options) -> Offer:
    """The surge itself."""
    return Offer("VIRAL", options.units, VIRAL, options.orders)


def step_offer(rate: int) -> Offer:
    """A short surge of its own, to see whether the API keeps up at a rate."""
    return Offer(f"VIRAL-{rate}", STEP_UNITS, f"step_{rate}", round(rate * STEP_SECONDS))


def all_offers(options: Options) -> list[Offer]:
    """Every SKU that may sell out."""
    return [main_offer(options), *(step_offer(rate) for rate in (WARM_UP, *STEPS) if options.rate is None)]


def viral_stream(offer: Offer, key: str, rate: float, begin: float = 0.0) -> Stream:
    """Everybody wants it."""
    return Stream(offer.stream, VIRAL, offer.sku, key, offer.asked, rate, begin)


def calm_streams(options: Options, keys: Sequence[str], seconds: float) -> list[Stream]:
    """The other sellers, who trade from first to last: half of their shoppers wait for the outcome."""
    if not options.others:
        return []
    random = Random(f"others {options.seed}")
    rate = options.others / 2
    return [
        Stream(
            name=f"{seller.replace('-', '_')}_{'wait' if wait else 'now'}",
            seller=seller,
            sku=sku_of(seller),
            key=key,
            count=max(1, int(seconds * rate)),
            rate=rate,
            begin=random.uniform(0, 1 / rate),
            wait=wait,
        )
        for seller, key in zip(CALM, keys, strict=True)
        for wait in (0, WAIT)
    ]


def sku_of(seller: str) -> str:
    """What an ordinary seller sells."""
    return f"{seller.upper()}-MUG"


def kills(options: Options, rate: float) -> list[Kill]:
    """An API process dies while units are still being promised, a worker while sagas run; in a long surge the other
    API process as well, halfway."""
    if not options.kill:
        return []
    random = Random(f"kills {options.seed}")
    seconds, begin = options.orders / rate, options.quiet
    selling = min(options.units / rate, seconds)
    found = [
        Kill(begin + selling * random.uniform(0.3, 0.7), _last("api", options.apis)),
        Kill(begin + seconds * random.uniform(0.2, 0.4), _last("worker", options.workers)),
    ]
    if seconds >= _LONG and options.apis > 1:
        found.append(Kill(begin + seconds * random.uniform(0.5, 0.6), "api"))
    return sorted(found, key=lambda each: each.at)


def _last(kind: str, count: int) -> str:
    return kind if count == 1 else f"{kind}-{count}"


def catalog(options: Options) -> bytes:
    """Sellers, shelves at two warehouses of ShipBob's, and stock; of the viral SKUs no more than there is."""
    rows = [
        "kind,seller,name,location,provider,sku,title,weight_grams,quantity,receipt_id,line1,city,region,postal_code,country"
    ]
    rows += [f"seller,{seller},{seller},,,,,,,,,,,," for seller in (VIRAL, *CALM)]
    rows += ["location,,Reno,reno-1,shipbob,,,,,,100 Depot Rd,Reno,NV,89501,US"]
    rows += ["location,,Allentown,allentown-1,shipbob,,,,,,8 Mill Rd,Allentown,PA,18101,US"]
    sold = {offer.sku: (VIRAL, offer.units) for offer in all_offers(options)}
    sold |= {sku_of(seller): (seller, PLENTY) for seller in CALM}
    for sku, (seller, units) in sold.items():
        rows.append(f"product,{seller},,,,{sku},{sku},200,,,,,,,")
        first = (units + 1) // 2
        for location, quantity in (("reno-1", first), ("allentown-1", units - first)):
            if quantity:
                rows.append(f"stock,,,{location},,{sku},,,{quantity},asn-{location}-{sku.lower()},,,,,")
    return ("\n".join(rows) + "\n").encode()


PLENTY: Final = 1_000_000
