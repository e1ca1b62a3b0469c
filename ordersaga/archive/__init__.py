"""Histories of what has ended, kept in a folder for longer than Temporal keeps them."""

from ordersaga.archive.archiving import Archived, Archiver, archiver_of
from ordersaga.archive.folder import Damage, Folder, Kept, Verified
from ordersaga.archive.reading import ToldEvent, ToldHistory, events_of, histories_of

__all__ = [
    "Archived",
    "Archiver",
    "Damage",
    "Folder",
    "Kept",
    "ToldEvent",
    "ToldHistory",
    "Verified",
    "archiver_of",
    "events_of",
    "histories_of",
]
