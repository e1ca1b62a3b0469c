"""Which update of an order's saga takes which change, and under which id: the same request again is the same update."""

from collections.abc import Mapping
from typing import Final

from workflows.messages import (
    AddressChange,
    Asked,
    ChangeCarrier,
    ChangePayment,
    DelayConsent,
    Expedite,
    GoodwillRefund,
    MoveParcel,
    SplitParcel,
)

UPDATES: Final[Mapping[type[Asked], str]] = {
    AddressChange: "change_address",
    Expedite: "expedite",
    SplitParcel: "split_parcel",
    MoveParcel: "move_parcel",
    ChangeCarrier: "change_carrier",
    GoodwillRefund: "refund",
    ChangePayment: "change_payment",
    DelayConsent: "answer_delay",
}


def update_id(update: str, request_id: str | None) -> str | None:
    """The id of an update, per order; None lets every call be a new one."""
    return f"{update}-{request_id}" if request_id else None
