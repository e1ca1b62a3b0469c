"""What carriers have been told to do with certain shipments, before or after they are bought."""

from typing import Final

from emulators.common import scripts
from emulators.easypost.books import Record

NOTHING: Final[Record] = {"match": "", "stop_at": None, "end": "delivered", "refund": "refunded"}


class Scripts(scripts.Scripts[Record | None]):
    """Scripts rule a shipment."""

    nothing = NOTHING

    def matches(self, match: str, ruled: Record | None) -> bool:
        """In its reference, which it may be without."""
        return match in ((ruled or {}).get("reference") or "")
