"""Amazon Multi-Channel Fulfillment: orders (2020-07-01 and 2026-07-04), package tracking, FBA inventory, access tokens.

Both versions look at one order book. An order's life, in virtual time: New, 1 min, Received, 15 min, Planning, 2 h,
Processing (picking has begun), 4 h, Shipped (goods have left, tracking known), 3 h, InTransit (first scan), 48 h,
Delivered. The 2020 version validates (New to Received) within the call; the 2026 version answers 202 and validates
later, and decides on a cancellation a minute after it was asked. An order on hold stays Received for 14 days at most.

Controls, all POST with JSON; `match` is contained in the order's id or anywhere in the order as sent:

    /_control/scripts          {"match", "stop_at": stage|null, "invalid": bool,
                                "unfulfillable": "Planning"|"Processing"|null,
                                "cancel": "refuse"|"ignore"|"agree_and_ship"|null, "split": number of shipments,
                                "tracking": last word of the tracking|null, "unseen": bool}
    /_control/advance          {"match", "to": stage}       through every stage up to one, at once
    /_control/release          {"match"}                    end a stop, or show what was unseen; and the script for it
    /_control/decide           {"match"}                    validate and decide now what would take a minute
    /_control/provider-cancel  {"match"}                    Amazon cannot fulfill what has not left
    /_control/forget           {"match"}                    as if it had never been ordered
    /_control/rate-limit       {"per_second", "burst"}      2 and 30 unless told, for each operation; outlives a reset
    /_control/page-size        {"size"}                     50 unless told, of every list; outlives a reset
    /_control/inventory        {"sku", "on_hand"}           a SKU nobody stocked has a million
    /_control/expire-tokens    {}                           every access token given out so far has expired

A script may come before its order; the newest that matches rules. `unfulfillable` at Planning ends the whole order, at
Processing its first line. `refuse` faults name the code of an error, and what comes after a colon is its message.
`GET /_control/records` answers `{"orders": [...]}` with each order's `stage`, `stage_times` and `outcome`, and of each
of its shipments `stage`, `goods_left`, `cancelled_at` and `products`.
"""

from emulators.amazon_mcf.emulator import AmazonMcf
from emulators.common import Emulator, EmulatorConfig


def build(config: EmulatorConfig) -> Emulator:
    """The Amazon emulator of one process."""
    return AmazonMcf(config)


__all__ = ["AmazonMcf", "build"]
