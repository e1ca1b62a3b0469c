"""Stripe as the `stripe` SDK 16.1 meets it: payment intents, charges, refunds, customers and events."""

from emulators.common import Emulator, EmulatorConfig


def build(config: EmulatorConfig) -> Emulator:
    """The emulator `python -m emulators stripe` runs."""
    raise NotImplementedError
