"""EasyPost, API v2: shipments with rates, labels, refunds, trackers and signed events.

A parcel's life, in virtual time: pre_transit (label bought), 6 h, in_transit (first scan), 30 h, out_for_delivery,
6 h, delivered. A refund is decided 1 h after it was submitted, and the parcel is not scanned meanwhile.

Controls, all POST with JSON; `match` is contained in the shipment's reference:

    /_control/scripts  {"match", "stop_at": "pre_transit"|"in_transit"|"out_for_delivery"|null,
                        "end": "delivered"|"return_to_sender"|"failure",
                        "refund": "refunded"|"rejected"|"not_applicable"}
    /_control/advance  {"match", "to": status}   through every scan up to one, at once
    /_control/release  {"match"}                 end a stop, and the script that caused it

A script may come before its shipment; the newest that matches rules. `refuse` faults know the codes `label_refused`
and `address_invalid`. `GET /_control/records` answers `shipments` (with `label`: null, bought or voided),
`trackers` and `refunds`.
"""

from emulators.common import Emulator, EmulatorConfig
from emulators.easypost.emulator import EasyPost


def build(config: EmulatorConfig) -> Emulator:
    """The EasyPost emulator of one process."""
    return EasyPost(config)


__all__ = ["EasyPost", "build"]
