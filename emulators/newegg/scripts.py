"""What the company has been told to do with certain orders, before or after they arrive."""

from typing import Final

from emulators.common import scripts
from emulators.newegg.books import matches
from emulators.newegg.stages import Record

NOTHING: Final[Record] = {
    "match": "",
    "stop_at": None,
    "split": 1,
    "short": None,
    "refuse": [],
    "feed": None,
    "cancel": None,
}


class Scripts(scripts.Scripts[object]):
    """Scripts rule an order or a feed as it was sent."""

    nothing = NOTHING

    def matches(self, match: str, ruled: object) -> bool:
        """Anywhere in it."""
        return matches(match, ruled)

    def freed(self, script: Record) -> Record:
        """What is stuck comes off; a decision stays."""
        return {"stop_at": None, "feed": None, "cancel": None if script["cancel"] == "stuck" else script["cancel"]}
