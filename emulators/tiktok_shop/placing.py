"""A buyer pays on the platform: the order that comes of it."""

import hashlib
from typing import Any, Final

from emulators.tiktok_shop.books import ORDERS, Books, Record
from emulators.tiktok_shop.life import Life

RECIPIENT: Final[Record] = {
    "name": "Grace Hopper",
    "first_name": "Grace",
    "last_name": "Hopper",
    "phone_number": "(+1)212-555-0142",
    "region_code": "US",
    "postal_code": "10011",
    "address_line1": "75 Ninth Avenue",
    "address_line2": "Suite 4",
    "address_line3": "",
    "address_line4": "",
    "full_address": "75 Ninth Avenue, Suite 4, New York, NY 10011",
    "district_info": [
        {"address_level_name": "Country", "address_name": "United States", "address_level": "L0", "iso_code": "US"},
        {"address_level_name": "State", "address_name": "New York", "address_level": "L1", "iso_code": "US-NY"},
        {"address_level_name": "County", "address_name": "New York", "address_level": "L2", "iso_code": ""},
        {"address_level_name": "City", "address_name": "New York City", "address_level": "L3", "iso_code": ""},
    ],
}


class Placing:
    """Makes orders. Expects to run inside a store transaction."""

    def __init__(self, books: Books, life: Life) -> None:
        self._books, self._life = books, life

    def place(self, wanted: dict[str, Any]) -> Record:
        """An order, paid unless it says otherwise; asked for again under an id of the asker's, the same one."""
        standing = self._books.order(wanted["id"]) if wanted["id"] else None
        if standing is not None:
            return standing
        identity, package = wanted["id"] or self._books.new_id(ORDERS), self._books.new_id("package")
        lines = [line for each in wanted["lines"] for line in self._units(each, package)]
        order: Record = {
            "id": identity,
            "shop": wanted["shop"],
            "user_id": wanted["user_id"] or f"7021436810{identity[-9:]}",
            "status": "UNPAID",
            "currency": wanted["currency"],
            "lines": lines,
            "shipping": wanted["shipping"],
            "tax": wanted["tax"],
            "platform_discount": wanted["platform_discount"],
            "total": sum(line["price"] for line in lines) + wanted["shipping"] + wanted["tax"],
            "refunded": 0,
            "recipient": {**RECIPIENT, **wanted["recipient"]},
            "buyer_message": wanted["buyer_message"],
            "fulfillment_type": wanted["fulfillment_type"],
            "shipping_type": wanted["shipping_type"],
            "shows_packages": wanted["shows_packages"],
            "extra": wanted["extra"],
            "create_time": self._books.now(),
            "clocks": {},
            "times": {},
            "cancel_requested": False,
            "address_changed": False,
            "beyond_capacity": False,
        }
        self._books.save(order)
        if wanted["paid"]:
            self._life.pay(order)
        return order

    def _units(self, line: dict[str, Any], package: str) -> list[Record]:
        """One line for each unit."""
        return [
            {
                "id": self._books.new_id("line"),
                "sku_id": line["sku_id"] or f"17293864{hash_of(line['seller_sku']):010d}",
                "seller_sku": line["seller_sku"],
                "price": line["price"],
                "package_id": package,
                "tracking_number": None,
                "provider_id": None,
                "rts_time": None,
                "status": None,
                "cancelled": False,
            }
            for _ in range(line["quantity"])
        ]


def hash_of(text: str) -> int:
    """The same number for the same text, in every process."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
