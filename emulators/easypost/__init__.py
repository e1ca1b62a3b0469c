"""EasyPost, API v2: shipments with rates, labels, refunds, trackers and signed events."""

from emulators.common import Emulator, EmulatorConfig
from emulators.easypost.emulator import EasyPost


def build(config: EmulatorConfig) -> Emulator:
    """The EasyPost emulator of one process."""
    return EasyPost(config)


__all__ = ["EasyPost", "build"]
