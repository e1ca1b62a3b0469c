"""The statuses people see, and the way a parcel can take."""

from enum import StrEnum


class OrderStatus(StrEnum):
    """Status of an order. `FINAL_STATUSES` are the ones its saga ends in; one that is `WAITLISTED` has none so far."""

    WAITLISTED = "waitlisted"
    PENDING = "pending"
    ACTION_REQUIRED = "action_required"
    CONFIRMED = "confirmed"
    ON_HOLD = "on_hold"
    FULFILLING = "fulfilling"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELING = "canceling"
    CANCELED = "canceled"
    REJECTED = "rejected"
    NEEDS_ATTENTION = "needs_attention"
    RETURNING = "returning"
    RETURNED = "returned"


FINAL_STATUSES = frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.RETURNED})


class ConfirmOutcome(StrEnum):
    """What the waiting checkout is told. `PAYMENT_PENDING`: the shopper has done all, the bank confirms later."""

    CONFIRMED = "confirmed"
    SOLD_OUT = "sold_out"
    DECLINED = "declined"
    ACTION_REQUIRED = "action_required"
    PAYMENT_PENDING = "payment_pending"
    REJECTED = "rejected"
    CANCELED = "canceled"


class ParcelStatus(StrEnum):
    """Where a parcel is, in the words every provider's and carrier's own words are translated to."""

    PLANNED = "planned"
    ACCEPTED = "accepted"
    PICKED = "picked"
    PACKED = "packed"
    LABELED = "labeled"
    LEFT_WAREHOUSE = "left_warehouse"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    CANCELED = "canceled"
    EXCEPTION = "exception"
    RETURNED_TO_SENDER = "returned_to_sender"
    LOST = "lost"
