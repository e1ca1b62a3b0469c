"""A regional courier that offers the private delivery API, version 1, whole: the reference for those who implement it.

A parcel's life, in virtual time: created (label bought), an hour after the next pick-up cut-off picked_up (first scan),
3 h, in_transit, 8:00 of the promised day out_for_delivery, 6 h, delivered with a proof. Cut-offs are read from the wall
clock of the zone; how long it takes until then is divided by the time scale, like every other duration.

A key is `sandbox_` or `live_` and at least eight letters, digits, `-` or `_`; with a `live_` one there is no sandbox.

Controls, all POST with JSON; `match` is contained in the shipment's reference:

    /_control/scripts     {"match", "stop_at": a status of the way|null,
                           "end": "delivered"|"delivered_later"|"refused"|"returned"|"lost"|"damaged",
                           "void": "voided"|"refused", "return": "accepted"|"refused"|"not_offered",
                           "left_at": null|"door"|"porch"|...}    null: handed over, the proof holds initials
    /_control/advance     {"match", "to": status}   through every status up to one, at once
    /_control/release     {"match"}                 end a stop, and the script that caused it
    /_control/rate-limit  {"per_minute"}

A script may come before its shipment; the newest that matches rules. `refuse` faults know every code of the API.
`GET /_control/records` answers `shipments` (with `status`, and `label`: bought or voided) and `events`.
"""

from emulators.common import Emulator, EmulatorConfig
from emulators.courier.emulator import Courier


def build(config: EmulatorConfig) -> Emulator:
    """The reference courier of one process."""
    return Courier(config)


__all__ = ["Courier", "build"]
