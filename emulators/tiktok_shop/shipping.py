"""The seller tells a tracking number, for a package or for lines that are in none yet. A buyer's open request ends."""

from typing import Any, Final

from emulators.tiktok_shop import envelope
from emulators.tiktok_shop.books import Books, Record
from emulators.tiktok_shop.cancellation import Cancellation
from emulators.tiktok_shop.envelope import RefusedError
from emulators.tiktok_shop.life import Life
from emulators.tiktok_shop.notices import Notices
from emulators.tiktok_shop.shapes import provider_name

_SHIPPABLE: Final = ("AWAITING_SHIPMENT", "PARTIALLY_SHIPPING")
_SHORTEST: Final = 6


class Shipping:
    """Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, cancellation: Cancellation, life: Life, notices: Notices) -> None:
        self._books, self._cancellation, self._life, self._notices = books, cancellation, life, notices

    def package(self, order: Record, package_id: str, body: dict[str, Any]) -> None:
        """Ship Package. Raises RefusedError."""
        shipping = body.get("self_shipment")
        if not isinstance(shipping, dict):
            raise RefusedError(envelope.BAD_TRACKING, "self_shipment is required: the seller ships this order.")
        lines = [line for line in order["lines"] if line["package_id"] == package_id and not line["cancelled"]]
        self._tell(order, lines, shipping, package_id)

    def lines(self, order: Record, body: dict[str, Any]) -> Record:
        """Mark Package As Shipped: these lines, or all that are left, as one package. Raises RefusedError."""
        wanted = [str(each.get("order_line_item_id")) for each in body.get("order_line_list") or []]
        lines = [line for line in order["lines"] if _is_meant(line, wanted)]
        shipping = (body.get("shipping_info_list") or [{}])[0]
        if wanted and len(lines) != len(wanted):
            raise RefusedError(envelope.NOT_SHIPPABLE, "Some line items cannot be shipped.")
        package_id = self._books.new_id("package")
        self._tell(order, lines, shipping, package_id)
        told = [line["id"] for line in lines]
        return {"order_id": order["id"], "package_id": package_id, "order_line_item_ids": told}

    def _tell(self, order: Record, lines: list[Record], shipping: dict[str, Any], package_id: str) -> None:
        if order["status"] not in _SHIPPABLE or not lines or any(line["tracking_number"] for line in lines):
            raise RefusedError(envelope.NOT_SHIPPABLE, f"The order is {order['status']} and cannot be shipped.")
        number, provider = str(shipping.get("tracking_number") or ""), str(shipping.get("shipping_provider_id") or "")
        if len(number) < _SHORTEST or provider_name(provider) is None:
            raise RefusedError(envelope.BAD_TRACKING, "Invalid tracking number or shipping provider.")
        self._cancellation.turn_down(order)
        now = self._books.now()
        for line in lines:
            line.update(tracking_number=number, provider_id=provider, rts_time=now, package_id=package_id)
        order["times"]["rts_time"] = now
        self._books.write(order, "shipped", about=number)
        self._life.told(order)

    def split(self, order: Record) -> list[str]:
        """Every line that is not shipped into a package of its own; answers the packages."""
        for line in order["lines"]:
            if not line["tracking_number"]:
                line["package_id"] = self._books.new_id("package")
        self._books.save(order)
        self._notices.packages(order, "SPLIT")
        return [line["package_id"] for line in order["lines"]]


def _is_meant(line: Record, wanted: list[str]) -> bool:
    open_line = not line["cancelled"] and not line["tracking_number"]
    return open_line and (not wanted or line["id"] in wanted)
