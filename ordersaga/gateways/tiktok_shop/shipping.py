"""How a parcel is told to TikTok Shop, and which of its carriers ours is: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ordersaga.domain.channels import ChannelLine, ChannelOrder, ChannelPackage, ChannelShipment
from ordersaga.domain.errors import OperatorError
from ordersaga.gateways.tiktok_shop.reading import objects
from ordersaga.gateways.webhook_parts import text

_PACKAGES: Final = "/fulfillment/202309/packages"
_ORDERS: Final = "/fulfillment/202610/orders"


@dataclass(frozen=True)
class Telling:
    """The call that tells that lines left: its path, and its body once the carrier's id is known."""

    path: str
    line_ids: tuple[str, ...] = ()

    def body(self, shipment: ChannelShipment, provider_id: str) -> dict[str, Any]:
        """A package of TikTok's is told with its number; lines in no package yet become one."""
        shipping = {"tracking_number": shipment.tracking_number, "shipping_provider_id": provider_id}
        if not self.line_ids:
            return {"self_shipment": shipping}
        lines = [{"order_line_item_id": line_id} for line_id in self.line_ids]
        return {"order_line_list": lines, "shipping_info_list": [shipping]}


def telling(order: ChannelOrder, shipment: ChannelShipment) -> Telling:
    """Which call tells it: one for a package, one for lines that TikTok has not put into a package (US, UK).

    Raises OperatorError: `unknown_lines`; `shipped_otherwise`; `package_must_be_split`, where TikTok has put what
    leaves in several parcels into one package.
    """
    lines = _lines(order, shipment)
    told = {line.tracking_number for line in lines if line.tracking_number} - {shipment.tracking_number}
    if told:
        raise OperatorError("shipped_otherwise", f"lines of {shipment.reference} are known under {sorted(told)}")
    untold = [line for line in lines if line.tracking_number is None]
    packages = {line.package_id for line in untold}
    if packages == {None}:
        return Telling(f"{_ORDERS}/{order.channel_order_id}/packages", tuple(line.line_id for line in untold))
    if len(packages) != 1 or _others(order, packages, lines):
        raise OperatorError("package_must_be_split", f"TikTok Shop packs {shipment.reference} otherwise than we did")
    return Telling(f"{_PACKAGES}/{packages.pop()}/ship")


def _lines(order: ChannelOrder, shipment: ChannelShipment) -> list[ChannelLine]:
    wanted = shipment.line_ids or tuple(line.line_id for line in order.lines if not line.canceled)
    lines = [line for line in order.lines if line.line_id in wanted]
    if not lines or len(lines) != len(set(wanted)):
        raise OperatorError("unknown_lines", f"TikTok Shop does not have every line of {shipment.reference}")
    return lines


def _others(order: ChannelOrder, packages: set[str | None], lines: Sequence[ChannelLine]) -> bool:
    """Whether something else is in these packages that would be told with it."""
    return any(line.package_id in packages and not line.canceled and line not in lines for line in order.lines)


def known_package(order: ChannelOrder, shipment: ChannelShipment) -> ChannelPackage | None:
    """What is known under the shipment's tracking number; None: nothing."""
    lines = [line for line in order.lines if line.tracking_number == shipment.tracking_number]
    if not lines:
        return None
    packages = dict.fromkeys(line.package_id for line in lines if line.package_id)
    return ChannelPackage(
        channel_order_id=order.channel_order_id,
        tracking_number=shipment.tracking_number,
        carrier=lines[0].carrier,
        line_ids=tuple(line.line_id for line in lines),
        package_ids=tuple(packages),
    )


def is_told(order: ChannelOrder, shipment: ChannelShipment) -> ChannelPackage | None:
    """What is known under the tracking number when it is all that the shipment names; None: there is more to tell."""
    known = known_package(order, shipment)
    named = {line.line_id for line in _lines(order, shipment)}
    return known if known is not None and named <= set(known.line_ids) else None


def provider_id(data: Mapping[str, Any], carrier: str) -> str:
    """The id of our carrier among TikTok's shipping providers: the one that is called so, else begins so.

    Raises OperatorError `carrier_unknown`.
    """
    named = {
        _plain(str(each.get("name"))): found
        for each in objects(data, "shipping_providers")
        if (found := text(each.get("id")))
    }
    wanted = _plain(carrier)
    beginning = sorted(name for name in named if name.startswith(wanted))
    if wanted in named or beginning:
        return named[wanted] if wanted in named else named[beginning[0]]
    raise OperatorError("carrier_unknown", f"TikTok Shop has no carrier {carrier} for this order: set its id for it")


def _plain(name: str) -> str:
    return "".join(each for each in name.casefold() if each.isalnum())
