"""UPS direct: OAuth tokens, shipments v2409, voids, label recovery, tracking by number and by reference, intercepts.

A parcel's life, in virtual time: label (bought), 6 h, in_transit (first scan), 30 h, out_for_delivery, 6 h, delivered.
A shipment has one package. There is no idempotency key: the same request buys a second label.

Controls, all POST with JSON; `match` is contained in one of the shipment's reference numbers:

    /_control/scripts  {"match", "stop_at": "label"|"in_transit"|"out_for_delivery"|null,
                        "end": "delivered"|"returned"|"lost"|"exception",
                        "void": "voided"|"expired"|"refused", "intercept": "turned"|"refused"|"missed"}
    /_control/advance  {"match", "to": stage or end}   through every scan up to one, at once
    /_control/delay    {"match"}                       the carrier's word that it will be late
    /_control/release  {"match"}                       end a stop, and the script that caused it
    /_control/tracking-delay  {"seconds"}              tracking learns of new labels so much later, in real seconds
    /_control/token-life      {"seconds"}              of tokens issued from now on
    /_control/revoke-tokens   {}                       those issued so far are worth nothing any more
    /_control/rate-limit      {"per_minute"}

A script may come before its shipment; the newest that matches rules. An intercept that is `missed` is taken, and the
parcel delivered all the same. `refuse` faults know the code `address_invalid`, or take one of UPS's own.
`GET /_control/records` answers `shipments`, each with `references`, `label` (bought or voided), `stage`, `scanned`,
`charge` and `activity`.
"""

from emulators.common import Emulator, EmulatorConfig
from emulators.ups.emulator import UPS


def build(config: EmulatorConfig) -> Emulator:
    """The UPS emulator of one process."""
    return UPS(config)


__all__ = ["UPS", "build"]
