"""Newegg Marketplace API, "Shipped by Newegg" for orders of other channels: feeds, orders, cancellations, inventory.

Nothing is decided while the caller waits. A feed is SUBMITTED, IN_PROGRESS and, after 3 minutes of virtual time,
FINISHED; only then does its order exist, or is named in its report as refused. A cancellation is a request, decided
after 5 minutes.

An order's life, in virtual time: Unshipped, 2 h, Processing (still shown as Unshipped, no longer to be canceled), 3 h,
PartiallyShipped (only where a script splits it), 1 h, Shipped (goods have left, tracking known), 12 h, Invoiced. Newegg
tells neither scans nor deliveries, and sends no webhooks.

Controls, all POST with JSON; `match` is contained in the SellerOrderID or anywhere in the order as sent:

    /_control/scripts          {"match", "stop_at": stage|null, "split": number of packages, "short": sku|null,
                                "refuse": [error descriptions], "feed": "stuck"|"cancel"|null,
                                "cancel": "refuse"|"stuck"|"agree_and_ship"|null}
    /_control/advance          {"match", "to": stage}       through every stage up to one, at once
    /_control/release          {"match"}                    end a stop, and work through stuck feeds and cancellations
    /_control/provider-cancel  {"match"}                    Newegg voids what has not left
    /_control/revive           {"match"}                    a cancellation that was confirmed, and then forgotten
    /_control/forget           {"match"}                    an order that was confirmed, and of which then nobody knows
    /_control/pace             {"feed_seconds", "cancel_seconds"}  virtual; 0: while the caller waits; outlives a reset
    /_control/rate-limit       {"per_hour"}                 of each function, instead of its own; outlives a reset
    /_control/inventory        {"sku", "on_hand"}           a SKU nobody stocked has a million

A script may come before its order; the newest that matches rules. `refuse` faults know the code `hourly_allowance`.
`GET /_control/records` answers `{"orders": [...], "feeds": [...]}`; an order with its `stage`, `stage_times`,
`cancellation` and `shipments` (its packages), each with `goods_left`, `cancelled_at` and `products`.
"""

from emulators.common import Emulator, EmulatorConfig
from emulators.newegg.emulator import Newegg


def build(config: EmulatorConfig) -> Emulator:
    """The Newegg emulator of one process."""
    return Newegg(config)


__all__ = ["Newegg", "build"]
