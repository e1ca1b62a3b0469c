"""The payment company also reports what we did ourselves. An echo tells the order nothing: it is kept, not delivered.

Without this every order would be woken three times more than it needs to be.
"""

from typing import Final

from ordersaga.domain.effects import EffectRow, EffectStatus
from ordersaga.domain.shipping import PaymentEvent
from ordersaga.ports import EffectLedger

_STEPS: Final = {
    "authorized": ("authorize", "authenticate"),
    "requires_action": ("authorize",),
    "captured": ("capture",),
    "voided": ("void",),
    "refunded": ("refund",),
    "link_closed": ("void",),
}


async def is_echo(ledger: EffectLedger, order_id: str, event: PaymentEvent) -> bool:
    """Whether our ledger already holds what the event says, because it was the answer to a call of ours."""
    for step in _STEPS.get(event.kind, ()):
        row = await ledger.find(order_id, step, event.parcel)
        if row is not None and row.status is EffectStatus.DONE and _says(row, event.kind):
            return True
    return False


def _says(row: EffectRow, kind: str) -> bool:
    """An authorization may have been answered with another state than the one reported now."""
    return row.step != "authorize" or row.answer.get("status") == kind
