"""ShipBob, API 2026-01: orders, shipments, cancellations, inventory levels, webhooks and sandbox simulations."""

from emulators.common import Emulator, EmulatorConfig
from emulators.shipbob.emulator import ShipBob


def build(config: EmulatorConfig) -> Emulator:
    """The ShipBob emulator of one process."""
    return ShipBob(config)


__all__ = ["ShipBob", "build"]
