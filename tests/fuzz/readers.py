"""Doors without a process: files that somebody gives us and signed messages of companies, each read by a function that
may raise what it announces."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ordersaga.catalog_csv import CsvFileError, parse_catalog
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.sellers import SellerProfile
from ordersaga.embedded.network import APP_KEY, SHOP
from ordersaga.gateways.easypost import webhooks as easypost
from ordersaga.gateways.private_delivery import webhooks as private_delivery
from ordersaga.gateways.shipbob import webhooks as shipbob
from ordersaga.gateways.stripe import webhooks as stripe
from ordersaga.gateways.tiktok_shop import webhooks as tiktok_shop
from ordersaga.network import NetworkError, read_network
from ordersaga.orders_csv import parse_orders
from ordersaga.seller_files import read_seller_file, write_seller_file
from tests.fuzz.messages import MESSAGES, signing
from tests.fuzz.tally import BrokenError

NETWORK_FILE: Final = b"""[accounts.newegg]
kind = "newegg"
seller_id = "A0BC"
phone = "555-0100"
authorization = "env:FUZZ_SECRET"
secret_key = "env:FUZZ_SECRET"
calls_per_minute = 60

[accounts.ups]
kind = "ups"
client_id = "x"
client_secret = "env:FUZZ_SECRET"
account_number = "A1B2C3"
void_within = "P28D"

[accounts.courier]
kind = "private_delivery"
url = "http://127.0.0.1:9"
token = "env:FUZZ_SECRET"
webhook_secret = "env:FUZZ_SECRET"

[accounts.shop]
kind = "tiktok_shop"
seller = "acme"
shop_id = "7495"
skus = {a = "MUG"}
shop_cipher = "env:FUZZ_SECRET"
app_key = "k"
app_secret = "env:FUZZ_SECRET"
access_token = "env:FUZZ_SECRET"
"""
SELLER_FILE: Final = b"""seller = "acme"
name = "Acme"
channels = ["web", "tiktok_shop"]
order_prefix = "acme_"
daily_orders = 100
promise_within = 30

[terms]
ship_within = "P2D"
carriers = ["easypost"]

[accounts.newegg-acme]
kind = "newegg"
seller_id = "A0BC"
authorization = "env:FUZZ_SECRET"

[locations.home]
provider = "seller_warehouse"
capacity = 100
address = {name = "A", line1 = "1 St", city = "Reno", region = "NV", postal_code = "89501", country = "US"}
"""


PLAIN_SELLER: Final = b"""seller = "zeta"
name = "Zeta"
channels = ["web"]
order_prefix = "zeta_"
daily_orders = 100

[terms]
ship_within = "P2D"

[locations.zeta-home]
provider = "seller_warehouse"
capacity = 100
address = {name = "Z", line1 = "1 St", city = "Reno", region = "NV", postal_code = "89501", country = "US"}
"""


@dataclass(frozen=True)
class Reader:
    """`read` may raise what is `announced`, and nothing else. `good`: contents it takes, or nearly."""

    read: Callable[[bytes], object]
    announced: tuple[type[Exception], ...]
    good: tuple[bytes, ...]

    def outcome(self, content: bytes) -> str:
        """`taken` or `refused`. Raises BrokenError."""
        try:
            self.read(content)
        except self.announced:
            return "refused"
        except Exception as error:
            raise BrokenError("crash", f"{type(error).__name__}: {error}"[:200]) from error
        return "taken"


def _seller(content: bytes) -> None:
    seller, told = read_seller_file(content)
    try:
        profile = SellerProfile.model_validate(told)
    except ValidationError:
        return
    write_seller_file(seller, profile.said())


def _network(content: bytes) -> None:
    os.environ.setdefault("FUZZ_SECRET", "c2VjcmV0")
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        read_network(Path(file.name))


_SECRET: Final = "whsec_c2VjcmV0LW9mLWZ1enppbmc="
_COMPANIES: Final[Mapping[str, Callable[..., object]]] = {
    "stripe": stripe.verify_and_read,
    "shipbob": shipbob.verify_and_read,
    "easypost": easypost.verify_and_read,
    "courier": private_delivery.verify_and_read,
    "tiktok_shop": partial(tiktok_shop.verify_and_read, app_key=APP_KEY, shop=SHOP),
}


def _messages() -> Mapping[str, Reader]:
    """What companies' messages are read by: behind a signature that is right, anything may be said."""
    signers = signing(dict.fromkeys(_COMPANIES, _SECRET))

    def reading(source: str) -> Callable[[bytes], object]:
        return lambda content: _COMPANIES[source](signers[source](content), content, _SECRET)

    def good(told: Any) -> bytes:
        return json.dumps(told).encode()

    return {
        f"{source} messages": Reader(reading(source), (OperatorError,), tuple(map(good, MESSAGES[source])))
        for source in _COMPANIES
    }


def readers(examples: Path) -> Mapping[str, Reader]:
    """By the door's name; `examples`: the folder of the example files."""

    def heads(name: str) -> tuple[bytes, ...]:
        lines = (examples / name).read_bytes().splitlines(keepends=True)
        return tuple(lines[0] + b"".join(lines[n : n + 4]) for n in range(1, len(lines), 9))

    return {
        "catalog file": Reader(parse_catalog, (CsvFileError,), (*heads("catalog.csv"), *heads("network.csv"))),
        "orders file": Reader(parse_orders, (CsvFileError,), heads("orders.csv")),
        "seller file": Reader(_seller, (ValueError,), (SELLER_FILE, PLAIN_SELLER)),
        "network file": Reader(_network, (NetworkError,), (NETWORK_FILE,)),
        **_messages(),
    }
