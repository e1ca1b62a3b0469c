"""How certain parcels shall fare, told before or after they are booked."""

from typing import Final

from emulators.common import scripts
from emulators.courier.books import Record

NOTHING: Final[Record] = {
    "match": "",
    "stop_at": None,
    "end": "delivered",
    "void": "voided",
    "return": "accepted",
    "left_at": None,
}


class Scripts(scripts.Scripts[str]):
    """Scripts rule what is sent under a reference."""

    nothing = NOTHING

    def matches(self, match: str, ruled: str) -> bool:
        """In the reference."""
        return match in ruled
