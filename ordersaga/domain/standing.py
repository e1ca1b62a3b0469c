"""What stands open at this moment, counted for machines that watch."""

from pydantic import AwareDatetime

from ordersaga.domain.live import Slack
from ordersaga.domain.values import Value


class ToShip(Value):
    """Orders of a seller, in one status and currency, that have not shipped.

    `late`: minor units of `currency`, the total of those whose ship-by has passed.
    """

    seller: str
    status: str
    currency: str
    orders: int
    late: int
    slack: Slack


class OpenEffects(Value):
    """Effects of one step without a known outcome: `intended` or `unknown`; the oldest, and the money of all.

    `money`: minor units of `currency`, which is empty where the effects move none.
    """

    step: str
    status: str
    currency: str
    effects: int
    oldest_at: AwareDatetime
    money: int


class Undelivered(Value):
    """Notifications that wait for their delivery; `oldest_at`: None when there are none."""

    notifications: int = 0
    oldest_at: AwareDatetime | None = None
