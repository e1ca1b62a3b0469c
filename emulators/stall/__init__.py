"""A marketplace for which nobody wrote a gateway: it sells by its sellers' own HTTP API, and asks how its orders stand.

It takes its shoppers' money itself and gives it back itself: all of an order that the seller refuses or has undone;
before that, and in part, when the seller's staff wants it. An order: paid, accepted (the seller has it), shipped (a
parcel left), completed; or canceled, refunded whole. It asks every half second, by the real clock, and again under the
same key whatever was not answered.

Controls, all POST with JSON; `match` is contained in the order's id:

    /_control/seller        {"api": URL, "key": API key}    where its orders go; nothing is sold on before
    /_control/orders        {"id", "seller", "lines": [{"sku", "quantity", "unit_price"}], "recipient", ...}
                            a shopper orders and pays; the same id is the same order
    /_control/buyer-cancel  {"match", "reason"}             the shopper cancels: the seller is asked
    /_control/refund        {"match", "amount"}             the seller's staff gives some of the money back

`GET /_control/records` answers `orders`, with `refunded`, and `shipments` as the seller told them.
"""

from emulators.common import Emulator, EmulatorConfig
from emulators.stall.emulator import Stall


def build(config: EmulatorConfig) -> Emulator:
    """The marketplace of one process."""
    return Stall(config)


__all__ = ["Stall", "build"]
