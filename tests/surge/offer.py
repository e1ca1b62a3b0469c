"""What is offered to the API: streams of orders, each request's bytes made before the first is due.

The same plan makes the same bytes: a request can be sent again, long after, under its key.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Final, Self

_PLACES: Final = (
    ("Portland", "OR", "97202"),
    ("Austin", "TX", "78702"),
    ("Miami", "FL", "33132"),
    ("Detroit", "MI", "48201"),
    ("Oakland", "CA", "94610"),
    ("Boston", "MA", "02110"),
    ("Denver", "CO", "80202"),
    ("Honolulu", "HI", "96815"),
)
PRICE: Final = 2500


@dataclass(frozen=True)
class Stream:
    """Orders of one seller: number k is due `begin + k / rate` seconds after the start.

    `wait`: seconds of `Prefer: wait`, 0: none. `key`: the API key. `numbers`: only these, all at `begin`, for repeats.
    """

    name: str
    seller: str
    sku: str
    key: str
    count: int
    rate: float
    begin: float = 0.0
    wait: int = 0
    numbers: tuple[int, ...] = ()

    @property
    def dues(self) -> Iterator[tuple[float, int]]:
        """When each request is due, and its number."""
        numbers = self.numbers or range(self.count)
        return ((self.begin + place / self.rate, number) for place, number in enumerate(numbers))

    def order_id(self, number: int) -> str:
        """The id, which is the idempotency key as well."""
        return f"{self.name}_{number:05d}"


@dataclass(frozen=True)
class LoadPlan:
    """All a generator needs. `targets`: host:port of every API process; `buyers`: orders name their buyer.

    `patience`: seconds after which a request counts as unanswered; `lead`: seconds before the start, to settle.
    """

    targets: tuple[str, ...]
    streams: tuple[Stream, ...]
    seed: int = 1
    buyers: bool = False
    patience: float = 60.0
    lead: float = 1.0

    def to_json(self) -> str:
        """The plan as a file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back."""
        read = json.loads(text)
        streams = tuple(Stream(**{**each, "numbers": tuple(each["numbers"])}) for each in read["streams"])
        return cls(**{**read, "targets": tuple(read["targets"]), "streams": streams})


def body_of(stream: Stream, number: int, seed: int, *, buyers: bool) -> Mapping[str, Any]:
    """One unit for one shopper, who orders nothing else."""
    order_id = stream.order_id(number)
    random = Random(f"{seed} {order_id}")
    city, region, postal_code = random.choice(_PLACES)
    return {
        "order_id": order_id,
        "seller": stream.seller,
        "channel": "live",
        "lines": [{"sku": stream.sku, "quantity": 1, "unit_price": PRICE}],
        "ship_to": {
            "name": f"Shopper {order_id}",
            "line1": f"{random.randint(1, 9999)} Main St",
            "city": city,
            "region": region,
            "postal_code": postal_code,
            "country": "US",
            "email": f"{order_id}@example.com",
        },
        "payment": {"payment_method": "pm_card_visa"},
        **({"buyer": f"shopper-{order_id}"} if buyers else {}),
    }


def request_bytes(stream: Stream, number: int, seed: int, *, buyers: bool) -> bytes:
    """The request as it goes over the wire, again and again until it is answered."""
    body = json.dumps(body_of(stream, number, seed, buyers=buyers), separators=(",", ":")).encode()
    prefer = f"Prefer: wait={stream.wait}\r\n" if stream.wait else ""
    head = (
        "POST /v1/orders HTTP/1.1\r\nHost: surge\r\n"
        f"Authorization: Bearer {stream.key}\r\n"
        "Content-Type: application/json\r\n"
        f"Idempotency-Key: surge-{stream.order_id(number)}\r\n"
        f"{prefer}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def schedule(streams: Sequence[Stream]) -> list[tuple[float, int, int]]:
    """Every request as (due, place of its stream, number), earliest first."""
    return sorted((due, place, number) for place, stream in enumerate(streams) for due, number in stream.dues)
