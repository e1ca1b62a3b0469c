"""What Amazon has been told to do with certain orders, before or after they arrive."""

from typing import Final

from emulators.amazon_mcf.books import matches
from emulators.amazon_mcf.stages import Record
from emulators.common import scripts

NOTHING: Final[Record] = {
    "match": "",
    "stop_at": None,
    "invalid": False,
    "unfulfillable": None,
    "cancel": None,
    "split": 1,
    "tracking": None,
    "unseen": False,
}


class Scripts(scripts.Scripts[Record]):
    """Scripts rule an order."""

    nothing = NOTHING

    def matches(self, match: str, ruled: Record) -> bool:
        """In its id, or anywhere in it as sent."""
        return matches(match, ruled)

    def freed(self, script: Record) -> Record:
        """Stopped no more, and seen."""
        return {"stop_at": None, "unseen": False}
