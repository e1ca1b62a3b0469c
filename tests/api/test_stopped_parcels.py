"""A stop of a region where only one parcel of an order goes; before a real saga and a real database."""

import pytest

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.statuses import ParcelStatus
from tests.api.conftest import Shop
from tests.api.test_stops import Office, by_stage, california
from tests.fakes.samples import catalog
from tests.fakes.shipping import FakeProvider
from tests.support.api import order_body


@pytest.fixture
async def office(shop: Shop) -> Office:
    """Nobody has ordered yet."""
    return Office(shop)


async def test_a_parcel_that_goes_back_alone_is_stopped_where_it_goes(office: Office) -> None:
    """The order goes to New York, one of two like parcels back to California: a stop of California is of that one."""
    api, provider, order_id = office.api, office.shop.provider, "parted"
    there = catalog(("ca-1", "MUG", 1))
    receipts = tuple(each.model_copy(update={"receipt_id": "west"}) for each in there.receipts)
    await api.services.catalog.load(there.model_copy(update={"receipts": receipts}))
    await office._placed([california(order_id, lines=[{"sku": "MUG", "quantity": 11, "unit_price": 1000}])])
    both = await office._seen(order_id, lambda view: {each.status for each in view.parcels} == {ParcelStatus.ACCEPTED})
    assert len(both.parcels) == 2
    provider.address_until = None
    provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    home = {"ship_to": order_body()["ship_to"], "reason": "moved"}
    changed = await api.post(f"/v1/orders/{order_id}/address", home, headers={"Prefer": "wait=20"})
    assert changed.json()["outcome"] == "done", changed.text
    asked = (await office._seen(order_id, lambda view: bool(view.attention))).attention[0]
    body = {"choice": "ship_to_former", "reason": "the shopper says so", "by": "ann"}
    answered = await api.post(f"/v1/attention/{asked.item_id}/resolve", body)
    assert answered.status_code == 200, answered.text
    await office._seen(order_id, lambda view: {each.status for each in view.parcels} == {ParcelStatus.ACCEPTED})
    shown = (await api.get(f"/v1/orders/{order_id}")).json()
    alone = {"parcel": asked.parcel, "city": "Fresno", "region": "CA", "country": "US"}
    assert (shown["ship_to"]["region"], shown["elsewhere"]) == ("NY", [alone])
    assert f"Parcel {asked.parcel} goes to US-CA" in (await api.get(f"/v1/orders/{order_id}/explain")).json()["text"]

    foreseen = await office.looked((await office.stop(dry_run=True))["stop_id"])
    done = await office.looked((await office.stop())["stop_id"])
    assert by_stage(done) == by_stage(foreseen)
    (counted,) = by_stage(done)
    assert counted == ("at_provider", "cancel")
    gone = await office._seen(order_id, lambda view: view.parcels[asked.parcel - 1].status is ParcelStatus.CANCELED)
    goes = {given.ship_to.region for name, given in provider.hand_offs.items() if _stands_at(provider, name)}
    assert goes == {"NY"}, "nothing of it is with its provider for California"
    assert gone.parcels[2 - asked.parcel].status is ParcelStatus.ACCEPTED


def _stands_at(provider: FakeProvider, reference: str) -> bool:
    return provider.orders[reference].status is not ParcelStatus.CANCELED
