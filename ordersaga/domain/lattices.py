"""Hostile messages meet a lattice: each is applied, ignored as older, or recorded as a conflict.

Events come twice, late, out of order, or for a parcel that is already canceled. A parcel only moves up its way
(`_WAY`); leaving it (exception, canceled, lost, returned) is possible only from the places its lattice's exits name.

Each source has a lattice of its own (`LATTICES`): what its API can say at all, and where it may end a parcel. What it
cannot say is a conflict wherever the parcel stands. A source without a lattice of its own is judged by `DEFAULT`.

What is promised, whatever the order and however often the same reports come:
- progress ends at the furthest report;
- a parcel reported canceled, and never as gone, ends canceled;
- a parcel its carrier reports as lost or returned, and never as delivered, ends so: the scan before may never come.
Of reports that contradict each other the first one stands, and each later one is a conflict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ordersaga.domain.statuses import ParcelStatus as P


class Verdict(StrEnum):
    """What became of one message."""

    APPLIED = "applied"
    OLDER = "older"
    CONFLICT = "conflict"


_WAY = (P.PLANNED, P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED)
_RANK = {status: rank for rank, status in enumerate(_WAY)}
_IN_THE_HOUSE = frozenset({P.PLANNED, P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED})
_ON_THE_WAY = frozenset({P.LEFT_WAREHOUSE, P.IN_TRANSIT})
_RESUMABLE = frozenset({P.EXCEPTION})
_AT_THE_PROVIDER: Mapping[P, frozenset[P]] = {
    P.EXCEPTION: _IN_THE_HOUSE,
    P.CANCELED: _IN_THE_HOUSE | _RESUMABLE,
}
# Whoever moves parcels knows that it had one, though the scan that says so may still be under way to us.
_AT_THE_CARRIER: Mapping[P, frozenset[P]] = {
    P.EXCEPTION: _IN_THE_HOUSE,
    P.RETURNED_TO_SENDER: _IN_THE_HOUSE | _ON_THE_WAY | _RESUMABLE,
    P.LOST: _IN_THE_HOUSE | _ON_THE_WAY | _RESUMABLE,
}


@dataclass(frozen=True)
class Lattice:
    """What one source may say (`says`), and from where its reports may take a parcel off its way (`exits`)."""

    says: frozenset[P]
    exits: Mapping[P, frozenset[P]]


DEFAULT = Lattice(
    says=frozenset(P),
    exits={**_AT_THE_PROVIDER, P.RETURNED_TO_SENDER: _ON_THE_WAY, P.LOST: _ON_THE_WAY},
)
LATTICES: Mapping[str, Lattice] = {
    # Books the carrier and passes on its scans; its API has no word for lost or returned parcels of an order.
    "shipbob": Lattice(
        says=frozenset(_WAY) - {P.PLANNED} | {P.EXCEPTION, P.CANCELED},
        exits=_AT_THE_PROVIDER,
    ),
    # Knows orders as unshipped, shipped, invoiced or voided; nothing of picks, scans or deliveries.
    "newegg": Lattice(
        says=frozenset({P.ACCEPTED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.CANCELED}),
        exits=_AT_THE_PROVIDER,
    ),
    # Reserves, picks and carries by itself; knows nothing of packing and labels. None of its words is one of trouble:
    # what it cannot fulfill it cancels.
    "amazon_mcf": Lattice(
        says=frozenset(_WAY) - {P.PACKED, P.LABELED} | {P.CANCELED, P.LOST, P.RETURNED_TO_SENDER},
        exits={**_AT_THE_PROVIDER, **_AT_THE_CARRIER},
    ),
    # Its last word is that the carrier took the parcel, which is no scan.
    "seller_warehouse": Lattice(
        says=frozenset({P.ACCEPTED, P.PACKED, P.LEFT_WAREHOUSE, P.CANCELED}),
        exits=_AT_THE_PROVIDER,
    ),
    # Knows labels and scans, nothing of shelves; a voided label cancels no parcel.
    "easypost": Lattice(
        says=frozenset({P.LABELED, P.IN_TRANSIT, P.DELIVERED, P.EXCEPTION, P.RETURNED_TO_SENDER, P.LOST}),
        exits=_AT_THE_CARRIER,
    ),
    # Tells manifests and scans, and where a parcel ended; a voided label cancels no parcel.
    "ups": Lattice(
        says=frozenset({P.LABELED, P.IN_TRANSIT, P.DELIVERED, P.EXCEPTION, P.RETURNED_TO_SENDER, P.LOST}),
        exits=_AT_THE_CARRIER,
    ),
    # A failed attempt is a stage of its way; it has no word for a parcel that stands still.
    "private_delivery": Lattice(
        says=frozenset({P.LABELED, P.IN_TRANSIT, P.DELIVERED, P.RETURNED_TO_SENDER, P.LOST}),
        exits={end: _AT_THE_CARRIER[end] for end in (P.RETURNED_TO_SENDER, P.LOST)},
    ),
}


def judge(current: P, reported: P, source: str | None = None) -> Verdict:
    """Decide what a report of `source` does to a parcel that stands at `current`.

    Further accounts at one company are named after it (`newegg-east`), and judged as it is.
    """
    lattice = LATTICES.get((source or "").partition("-")[0], DEFAULT)
    if reported not in lattice.says:
        return Verdict.CONFLICT
    if reported == current:
        return Verdict.OLDER
    if reported in lattice.exits:
        return Verdict.APPLIED if current in lattice.exits[reported] else Verdict.CONFLICT
    if current in _RANK:
        return Verdict.APPLIED if _RANK[reported] > _RANK[current] else Verdict.OLDER
    return Verdict.APPLIED if current in _RESUMABLE else Verdict.CONFLICT


def goods_left(status: P) -> bool:
    """True once the goods are out of the warehouse: they cannot simply be kept back any more."""
    return status in {P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED, P.RETURNED_TO_SENDER, P.LOST}


def scanned(status: P) -> bool:
    """True once the carrier has scanned the parcel: shipped, in the sense of every ship-by promise."""
    return status in {P.IN_TRANSIT, P.DELIVERED, P.RETURNED_TO_SENDER, P.LOST}


def reached(status: P, milestone: P) -> bool:
    """Whether a parcel is at a milestone of its way or beyond; one that left the way for good is beyond all of them."""
    if status in _RANK and milestone in _RANK:
        return _RANK[status] >= _RANK[milestone]
    return status in {P.RETURNED_TO_SENDER, P.LOST}
