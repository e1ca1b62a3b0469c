"""What UPS has been told to do with certain shipments, before or after they are bought."""

from typing import Final

from emulators.common import scripts
from emulators.ups.books import Record

NOTHING: Final[Record] = {"match": "", "stop_at": None, "end": "delivered", "void": "voided", "intercept": "turned"}


class Scripts(scripts.Scripts[Record]):
    """Scripts rule a shipment."""

    nothing = NOTHING

    def matches(self, match: str, ruled: Record) -> bool:
        """In one of its reference numbers."""
        return any(match in value for value in ruled["references"])
