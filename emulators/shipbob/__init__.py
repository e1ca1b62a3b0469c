"""ShipBob, API 2026-01: orders, shipments, cancellations, inventory levels, webhooks and sandbox simulations.

A parcel's life, in virtual time: Processing, 4 h, Picked, 1 h, Packed, 30 min, LabeledCreated (tracking known,
`order.shipped` sent), 3 h, Completed (goods have left), 3 h, InTransit (first scan), 48 h, Delivered.

Controls, all POST with JSON; `match` is contained in the reference_id or anywhere in the order as sent:

    /_control/scripts          {"match", "stop_at": stage|null, "exception": {"at": stage, "name": trouble}|null,
                                "cancel": "refuse"|"partial"|"agree_and_ship"|null, "split": number of shipments}
    /_control/advance          {"match", "to": stage}       through every stage up to one, at once
    /_control/release          {"match"}                    end a stop or a trouble, and the script that caused it
    /_control/provider-cancel  {"match"}                    the provider cancels what has not left
    /_control/rate-limit       {"per_minute"}               150 unless told; outlives a reset
    /_control/inventory        {"sku", "on_hand"}           a SKU nobody stocked has a million

A script may come before its order; the newest that matches rules. `refuse` faults know the codes `address_invalid`
and `duplicate_reference`. `GET /_control/records` answers `{"orders": [...]}` with each shipment's `stage`,
`stage_times`, `goods_left`, `cancelled_by` and `log`.
"""

from emulators.common import Emulator, EmulatorConfig
from emulators.shipbob.emulator import ShipBob


def build(config: EmulatorConfig) -> Emulator:
    """The ShipBob emulator of one process."""
    return ShipBob(config)


__all__ = ["ShipBob", "build"]
