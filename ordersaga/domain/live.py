"""What comes in and what waits at this moment, seller by seller: for people who watch a surge."""

from collections.abc import Iterable
from typing import Final

from pydantic import Field

from ordersaga.domain.values import Value

LATELY: Final = 10
"""Seconds behind now in which orders are counted."""


class Slack(Value):
    """Orders that have not shipped, by how long there is until their promise; `later` is beyond a day."""

    overdue: int = 0
    within_1h: int = 0
    within_4h: int = 0
    within_1d: int = 0
    later: int = 0


class SellerNow(Value):
    """One seller, or all of them.

    `arrived`: orders stored in the last `LATELY` seconds. Of these `sold_out` got no units, `in_line` wait for some,
    `turned_down` were rejected otherwise, `accepted` are the others. `refused`: by reason, in the same time, before
    anything was stored. `waiting` for their saga to be started, the oldest for `oldest_seconds`.
    """

    seller: str
    arrived: int = 0
    accepted: int = 0
    sold_out: int = 0
    in_line: int = 0
    turned_down: int = 0
    refused: dict[str, int] = Field(default_factory=dict)
    waiting: int = 0
    oldest_seconds: float = 0.0
    slack: Slack = Slack()


def together(sellers: Iterable[SellerNow], name: str = "") -> SellerNow:
    """The sum of sellers; of their oldest orders the oldest."""
    listed = list(sellers)
    counted = ("arrived", "accepted", "sold_out", "in_line", "turned_down", "waiting")
    reasons = sorted({reason for each in listed for reason in each.refused})
    return SellerNow(
        seller=name,
        **{field: sum(getattr(each, field) for each in listed) for field in counted},
        refused={reason: sum(each.refused.get(reason, 0) for each in listed) for reason in reasons},
        oldest_seconds=max((each.oldest_seconds for each in listed), default=0.0),
        slack=Slack(**{field: sum(getattr(each.slack, field) for each in listed) for field in Slack.model_fields}),
    )
