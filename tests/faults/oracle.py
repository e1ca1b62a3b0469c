"""Judging an order by what the companies themselves wrote down: the demo's audit, and what it does not look at.

The audit lays our ledgers beside the companies' records (I1 to I7). Here the companies' own event logs say how often
each thing happened (I7), and goods that a return brought back are no longer the shopper's (I1, I5).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga.demo.audit import Difference, Evidence, Place, audit
from ordersaga.demo.run import gather_evidence
from ordersaga.domain.identifiers import parse_label_reference, parse_parcel_reference
from tests.faults.ground import Ground

Record = Mapping[str, Any]
_ONCE: Final = {
    "payment_intent.created": "created",
    "payment_intent.canceled": "canceled",
    "payment_intent.succeeded": "captured",
}
_MONEY_BACK: Final = re.compile(r"(?P<order>[^/]+)/(void|refund)/(?P<parcel>\d+)/")
_STOPPED: Final = re.compile(r"/order/(?P<id>\d+):cancel$")
_UNSCANNED: Final = frozenset({"unknown", "pre_transit"})


@dataclass(frozen=True)
class Judged(Evidence):
    """Evidence that also knows what came back: `came_back`, parcels whose goods the carrier brought for a return."""

    came_back: frozenset[Place] = field(default_factory=frozenset)

    def kept(self, place: Place) -> bool:
        """Not kept: what was delivered, then sent back."""
        return super().kept(place) and place not in self.came_back


async def judge(ground: Ground) -> list[Difference]:
    """Every difference on a stack, once its orders have come to rest."""
    evidence = await gather_evidence(ground.stack, ground.world, ground.catalog, list(ground.orders))
    stripe, easypost = await ground.world.stripe.records(), await ground.world.easypost.records()
    judged = Judged(**{**_fields(evidence), "came_back": brought_back(easypost, ground.came_back)})
    asked = await ground.world.stripe.requests(), await ground.world.shipbob.requests(path=":cancel")
    return [
        *audit(judged),
        *payment_events(stripe),
        *labels_once(easypost),
        *restocked_agrees(judged),
        *money_follows_goods(*asked, (await ground.world.shipbob.records()).get("orders", [])),
    ]


def _fields(evidence: Evidence) -> dict[str, Any]:
    return {name: getattr(evidence, name) for name in ("placed", "received", "ours", "theirs")}


def brought_back(easypost: Mapping[str, Sequence[Record]], arrived: Set[Place]) -> frozenset[Place]:
    """Parcels whose return label the carrier has delivered; and those that `arrived` without a label of ours."""
    status = {tracker["id"]: tracker["status"] for tracker in easypost.get("trackers", [])}
    labeled, delivered = set(), set()
    for shipment in easypost.get("shipments", []):
        owner = parse_label_reference(shipment.get("reference") or "")
        if owner and owner.returning and shipment.get("postage_label"):
            labeled.add((owner.order_id, owner.parcel))
            if status.get(shipment.get("tracker_id")) == "delivered":
                delivered.add((owner.order_id, owner.parcel))
    return frozenset(delivered | (arrived - labeled))


def payment_events(stripe: Mapping[str, Sequence[Record]]) -> Iterator[Difference]:
    """I7: Stripe's own events name no payment created, captured or canceled twice, and no two refunds under a key."""
    owners = {each["id"]: str(each["metadata"].get("order_id", "")) for each in stripe.get("payment_intent", [])}
    happened = Counter(
        (event["data"]["object"]["id"], _ONCE[event["type"]])
        for event in stripe.get("event", [])
        if event["type"] in _ONCE
    )
    for (payment, what), times in happened.items():
        if times > 1:
            yield Difference(owners.get(payment, payment), "I7", f"{payment} {what}", 1, times)
    for payment, owner in owners.items():
        if happened[payment, "captured"] and happened[payment, "canceled"]:
            yield Difference(owner, "I7", f"{payment} captured and canceled", "one of both", "both")
    customers = Counter(str(each["metadata"].get("effect_key", "")) for each in stripe.get("customer", []))
    for key, times in customers.items():
        if times > 1:
            yield Difference(key.partition("/")[0], "I7", f"customers under {key}", 1, times)


def labels_once(easypost: Mapping[str, Sequence[Record]]) -> Iterator[Difference]:
    """I7: one label was ever bought under a reference. I4: none that is paid for belongs to a return nobody sent."""
    status = {tracker["id"]: tracker["status"] for tracker in easypost.get("trackers", [])}
    bought = [each for each in easypost.get("shipments", []) if each.get("postage_label")]
    for reference, times in Counter(str(each["reference"]) for each in bought).items():
        if times > 1:
            yield Difference(_owner(reference), "I7", f"labels bought under {reference}", 1, times)
    for each in bought:
        owner = parse_label_reference(str(each["reference"]))
        unused = status.get(each.get("tracker_id"), "unknown") in _UNSCANNED and not each["refund_status"]
        if owner and owner.returning and unused:
            what = f"label of return {owner.returning}"
            yield Difference(owner.order_id, "I4", what, "used or given back", "neither")


def _owner(reference: str) -> str:
    return reference.partition("-")[0]


def restocked_agrees(evidence: Judged) -> Iterator[Difference]:
    """I2: what our books say came back is what the carrier brought back."""
    ours = {(row.order_id, row.parcel) for row in evidence.ours.restocked}
    for place in sorted(ours ^ evidence.came_back):
        yield Difference(place[0], "I2", f"goods of parcel {place[1]} back", place in ours, place in evidence.came_back)


def money_follows_goods(
    stripe: Sequence[Record], shipbob: Sequence[Record], orders: Sequence[Record]
) -> Iterator[Difference]:
    """I5: where ShipBob was asked to stop a parcel, its money was given back after that, by both request logs."""
    asked: dict[Place, str] = {}
    references = {str(order["id"]): parse_parcel_reference(str(order["reference_id"])) for order in orders}
    for request in shipbob:
        stopped = _STOPPED.search(request["path"])
        if stopped and (owner := references.get(stopped["id"])):
            asked.setdefault((owner.order_id, owner.parcel), request["at"])
    for request in stripe:
        given = _MONEY_BACK.match(request["idempotency_key"] or "")
        place = (given["order"], int(given["parcel"])) if given else None
        if place in asked and request["at"] < asked[place]:
            yield Difference(place[0], "I5", f"money of parcel {place[1]}", "after its goods", "before its goods")
