"""Hostile messages meet a lattice: each is applied, ignored as older, or recorded as a conflict.

Events come twice, late, out of order, or for a parcel that is already canceled. A parcel only moves up its way
(`_WAY`); leaving it (exception, canceled, lost, returned) is possible only from the places `_EXITS` names.
"""

from enum import StrEnum

from ordersaga.domain.statuses import ParcelStatus as P


class Verdict(StrEnum):
    """What became of one message."""

    APPLIED = "applied"
    OLDER = "older"
    CONFLICT = "conflict"


_WAY = (P.PLANNED, P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED)
_RANK = {status: rank for rank, status in enumerate(_WAY)}
_EXITS: dict[P, frozenset[P]] = {
    P.EXCEPTION: frozenset({P.PLANNED, P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED}),
    P.CANCELED: frozenset({P.PLANNED, P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED, P.EXCEPTION}),
    P.RETURNED_TO_SENDER: frozenset({P.LEFT_WAREHOUSE, P.IN_TRANSIT}),
    P.LOST: frozenset({P.LEFT_WAREHOUSE, P.IN_TRANSIT}),
}
_RESUMABLE = frozenset({P.EXCEPTION})


def judge(current: P, reported: P) -> Verdict:
    """Decide what a report does to a parcel that stands at `current`."""
    if reported == current:
        return Verdict.OLDER
    if reported in _EXITS:
        return Verdict.APPLIED if current in _EXITS[reported] else Verdict.CONFLICT
    if current in _RANK:
        return Verdict.APPLIED if _RANK[reported] > _RANK[current] else Verdict.OLDER
    return Verdict.APPLIED if current in _RESUMABLE else Verdict.CONFLICT


def goods_left(status: P) -> bool:
    """True once the goods are out of the warehouse: they cannot simply be kept back any more."""
    return status in {P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED, P.RETURNED_TO_SENDER, P.LOST}


def scanned(status: P) -> bool:
    """True once the carrier has scanned the parcel: shipped, in the sense of every ship-by promise."""
    return status in {P.IN_TRANSIT, P.DELIVERED, P.RETURNED_TO_SENDER, P.LOST}
