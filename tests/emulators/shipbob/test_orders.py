"""Creating ShipBob orders and finding them again."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from tests.emulators.shipbob.support import HEADERS, ShipBobClient, new_reference, order_body


async def test_an_accepted_order_is_processing(shipbob: ShipBobClient) -> None:
    """A valid order answers 201 with one shipment in Processing and without tracking."""
    reference = new_reference()
    order = await shipbob.place(reference)
    assert (order["reference_id"], order["status"], len(order["shipments"])) == (reference, "Processing", 1)
    shipment = order["shipments"][0]
    assert (shipment["status"], shipment["status_details"]) == ("Processing", [])
    assert shipment["tracking"]["tracking_number"] is None
    assert [product["inventory_items"][0]["quantity"] for product in shipment["products"]] == [2, 1]
    assert await shipbob.order(order["id"]) == order


async def test_a_second_order_with_the_same_reference_is_refused(shipbob: ShipBobClient) -> None:
    """reference_id is unique: the second answers 422 and exactly one order exists."""
    reference = new_reference()
    first = await shipbob.place(reference)
    second = await shipbob.call("POST", "/order", json=order_body(reference))
    assert second.status_code == 422
    assert second.json() == {"reference_id": ["Cannot insert order with existing ReferenceId"]}
    found = (await shipbob.call("GET", "/order", params={"ReferenceIds": reference})).json()
    assert [order["id"] for order in found] == [first["id"]]


async def test_racing_creations_with_one_reference_make_one_order(shipbob: ShipBobClient) -> None:
    """Of eight simultaneous creations exactly one is accepted."""
    reference = new_reference()
    calls = [shipbob.call("POST", "/order", json=order_body(reference)) for _ in range(8)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*calls))
    assert statuses == [201] + [422] * 7


async def test_orders_are_found_by_several_references(shipbob: ShipBobClient) -> None:
    """ReferenceIds is a comma-separated list; unknown references are simply absent."""
    references = [new_reference(), new_reference()]
    placed = [await shipbob.place(reference) for reference in references]
    query = {"ReferenceIds": ",".join([*references, "unknown"]), "SortOrder": "Oldest"}
    found = (await shipbob.call("GET", "/order", params=query)).json()
    assert [order["id"] for order in found] == [order["id"] for order in placed]


async def test_the_list_is_paged_and_filtered_by_last_update(shipbob: ShipBobClient) -> None:
    """Page and Limit cut the list; LastUpdateStartDate leaves out what did not change since."""
    old = await shipbob.place(new_reference())
    since = datetime.now(UTC).isoformat()
    fresh = [await shipbob.place(new_reference()) for _ in range(3)]
    query = {"LastUpdateStartDate": since, "Limit": "2", "SortOrder": "Oldest"}
    pages = [(await shipbob.call("GET", "/order", params={**query, "Page": page})).json() for page in ("1", "2", "3")]
    assert [[order["id"] for order in page] for page in pages] == [
        [fresh[0]["id"], fresh[1]["id"]],
        [fresh[2]["id"]],
        [],
    ]
    assert old["id"] not in [order["id"] for page in pages for order in page]


async def test_the_list_is_filtered_by_tracking(shipbob: ShipBobClient) -> None:
    """HasTracking and LastTrackingUpdateStartDate find labeled orders only; nothing is ever uploaded."""
    plain, labeled = new_reference(), new_reference()
    since = datetime.now(UTC).isoformat()
    await shipbob.place(plain)
    order = await shipbob.place(labeled)
    await shipbob.process.post("advance", match=labeled, to="LabeledCreated")
    both = f"{plain},{labeled}"
    for query in ({"HasTracking": "true"}, {"LastTrackingUpdateStartDate": since}):
        found = (await shipbob.call("GET", "/order", params={"ReferenceIds": both, **query})).json()
        assert [each["id"] for each in found] == [order["id"]]
    for query in ({"IsTrackingUploaded": "true"}, {"LastTrackingUpdateEndDate": since}):
        assert (await shipbob.call("GET", "/order", params={"ReferenceIds": both, **query})).json() == []


@pytest.mark.parametrize("query", [{"Limit": "251"}, {"Page": "0"}, {"LastUpdateStartDate": "yesterday"}])
async def test_a_senseless_query_is_a_400(shipbob: ShipBobClient, query: dict[str, str]) -> None:
    """A limit beyond 250, a page before the first and a date that is none are bad requests."""
    assert (await shipbob.call("GET", "/order", params=query)).status_code == 400


@pytest.mark.parametrize("field", ["reference_id", "shipping_method", "type", "products", "recipient"])
async def test_a_missing_required_field_is_named(shipbob: ShipBobClient, field: str) -> None:
    """Each field the API requires is named in the 422, and nothing is created."""
    reference = new_reference()
    body = order_body(reference)
    del body[field]
    answer = await shipbob.call("POST", "/order", json=body)
    assert (answer.status_code, answer.json()) == (422, {field: [f"The {field} field is required."]})
    assert (await shipbob.call("GET", "/order", params={"ReferenceIds": reference})).json() == []


@pytest.mark.parametrize("change", [{"zip_code": "00000"}, {"address1": "9 UNDELIVERABLE Rd"}])
async def test_an_address_no_carrier_serves_is_refused(shipbob: ShipBobClient, change: dict[str, str]) -> None:
    """The zip code 00000 and an undeliverable street are validation errors on the address."""
    body = order_body(new_reference())
    body["recipient"]["address"].update(change)
    answer = await shipbob.call("POST", "/order", json=body)
    assert (answer.status_code, list(answer.json())) == (422, ["recipient.address"])


async def test_a_scripted_refusal_creates_nothing(shipbob: ShipBobClient) -> None:
    """The fault `refuse` with address_invalid answers as an invalid address does, once, and creates nothing."""
    reference = new_reference()
    await shipbob.process.post(
        "faults", method="POST", path="/order$", match=reference, kind="refuse", code="address_invalid", times=1
    )
    answer = await shipbob.call("POST", "/order", json=order_body(reference))
    assert (answer.status_code, list(answer.json())) == (422, ["recipient.address"])
    assert (await shipbob.call("GET", "/order", params={"ReferenceIds": reference})).json() == []
    await shipbob.place(reference)


async def test_an_order_whose_answer_was_lost_exists(shipbob: ShipBobClient) -> None:
    """After a lost answer the order is there, found by reference, and sending again is refused."""
    reference = new_reference()
    await shipbob.process.post("faults", method="POST", path="/order$", match=reference, kind="lose_answer", times=1)
    with pytest.raises(httpx.TransportError):
        await shipbob.call("POST", "/order", json=order_body(reference))
    assert (await shipbob.call("POST", "/order", json=order_body(reference))).status_code == 422
    found = (await shipbob.call("GET", "/order", params={"ReferenceIds": reference})).json()
    assert [order["reference_id"] for order in found] == [reference]


async def test_a_fault_finds_an_order_by_its_reference(shipbob: ShipBobClient) -> None:
    """A fault matching a reference strikes calls that carry only the id of the order or of its shipment."""
    faulty, spared = await shipbob.place(reference := new_reference()), await shipbob.place(new_reference())
    await shipbob.process.post("faults", match=reference, kind="status", status=503, times=2)
    paths = [f"/order/{faulty['id']}", f"/order/{spared['id']}", f"/shipment/{faulty['shipments'][0]['id']}"]
    assert [(await shipbob.call("GET", path)).status_code for path in paths] == [503, 200, 503]
    assert (await shipbob.call("GET", paths[0])).status_code == 200


async def test_without_a_token_nothing_is_answered(shipbob: ShipBobClient) -> None:
    """A request without a bearer token is a 401, whatever it asks."""
    for authorization in ("", "Basic abc", "Bearer"):
        answer = await shipbob.call("GET", "/order", headers={"authorization": authorization})
        assert answer.status_code == 401


async def test_an_order_needs_a_channel(shipbob: ShipBobClient) -> None:
    """Creating an order without shipbob_channel_id is a 400 and creates nothing."""
    reference = new_reference()
    answer = await shipbob.process.request(
        "POST", "/2026-01/order", headers={"authorization": "Bearer pat_test"}, json=order_body(reference)
    )
    assert (answer.status_code, list(answer.json())) == (400, ["shipbob_channel_id"])
    assert (await shipbob.call("GET", "/order", params={"ReferenceIds": reference})).json() == []


async def test_unknown_orders_and_shipments_are_404(shipbob: ShipBobClient) -> None:
    """An id nobody issued is not found, for reading and for canceling."""
    order = await shipbob.place(new_reference())
    paths = [("GET", "/order/1"), ("GET", "/shipment/1"), ("POST", "/order/1:cancel"), ("POST", "/shipment/1:cancel")]
    paths.append(("GET", f"/order/{order['id']}/shipment/1"))
    assert [(await shipbob.call(method, path)).status_code for method, path in paths] == [404] * 5


async def test_stock_is_committed_taken_and_reported(shipbob: ShipBobClient) -> None:
    """An order commits stock, leaving goods reduce it, and an empty shelf is an OutOfStock exception."""
    sku = f"SKU-{new_reference()}"
    await shipbob.process.post("inventory", sku=sku, on_hand=3)
    products = [{"reference_id": sku, "quantity": 2}]
    first, second = new_reference(), new_reference()
    await shipbob.place(first, products=products)
    assert await _quantities(shipbob, sku) == (3, 2, 1)
    short = await shipbob.place(second, products=products)
    assert short["shipments"][0]["status"] == "Exception"
    assert short["shipments"][0]["status_details"][0]["name"] == "OutOfStock"
    await shipbob.cancel(short)
    await shipbob.process.post("advance", match=first, to="Completed")
    assert await _quantities(shipbob, sku) == (1, 0, 1)


async def test_inventory_levels_come_in_pages_linked_to_each_other(shipbob: ShipBobClient) -> None:
    """Following `next` from the first page meets every item once, and `prev` leads back."""
    skus = [f"PAGED-{number}" for number in range(3)]
    for sku in skus:
        await shipbob.process.post("inventory", sku=sku, on_hand=1)
    first = (await shipbob.call("GET", "/inventory-level", params={"SearchBy": "PAGED-", "PageSize": "2"})).json()
    second = (await shipbob.process.request("GET", first["next"], headers=HEADERS)).json()
    assert [item["sku"] for page in (first, second) for item in page["items"]] == skus
    assert (first["prev"], second["next"]) == (None, None)
    assert (await shipbob.process.request("GET", second["prev"], headers=HEADERS)).json()["items"] == first["items"]


async def test_inventory_levels_link_to_both_ends(shipbob: ShipBobClient) -> None:
    """`first` and `last` lead there from the middle; a page that is the first or the last names it no more."""
    for number in range(5):
        await shipbob.process.post("inventory", sku=f"ENDS-{number}", on_hand=1)
    query = {"SearchBy": "ends-", "PageSize": "2"}
    first = (await shipbob.call("GET", "/inventory-level", params=query)).json()
    middle = (await shipbob.process.request("GET", first["next"], headers=HEADERS)).json()
    last = (await shipbob.process.request("GET", middle["last"], headers=HEADERS)).json()
    assert [item["sku"] for item in last["items"]] == ["ENDS-4"]
    assert (first["first"], first["last"], last["last"]) == (None, middle["last"], None)
    assert (await shipbob.process.request("GET", last["first"], headers=HEADERS)).json()["items"] == first["items"]


async def test_inventory_levels_are_chosen_and_sorted(shipbob: ShipBobClient) -> None:
    """By activity, digital products, ids, and any field in either direction; an unknown field is refused."""
    for sku, on_hand in (("SORT-A", 1), ("SORT-B", 3), ("SORT-C", 3)):
        await shipbob.process.post("inventory", sku=sku, on_hand=on_hand)

    async def skus(**query: str) -> list[str]:
        answer = await shipbob.call("GET", "/inventory-level", params={"SearchBy": "SORT-", **query})
        return [item["sku"] for item in answer.json()["items"]]

    assert await skus(SortBy="-total_on_hand_quantity,-sku") == ["SORT-C", "SORT-B", "SORT-A"]
    assert await skus(IsActive="true", IsDigital="false") == ["SORT-A", "SORT-B", "SORT-C"]
    assert await skus(IsActive="false") == []
    assert await skus(IsDigital="true") == []
    listed = (await shipbob.call("GET", "/inventory-level", params={"SearchBy": "SORT-B"})).json()["items"][0]
    assert await skus(InventoryIds=str(listed["inventory_id"])) == ["SORT-B"]
    answer = await shipbob.call("GET", "/inventory-level", params={"SortBy": "size", "SearchBy": "SORT-"})
    assert answer.status_code == 400


async def test_what_nobody_counted_is_not_listed(shipbob: ShipBobClient) -> None:
    """An order of it is accepted all the same; a count makes it known, with what is committed already."""
    sku = f"UNCOUNTED-{new_reference()}"
    products = [{"reference_id": sku, "name": sku, "quantity": 2}]
    await shipbob.place(new_reference(), products=products)
    assert (await shipbob.call("GET", "/inventory-level", params={"SearchBy": sku})).json()["items"] == []
    await shipbob.process.post("inventory", sku=sku, on_hand=5)
    assert await _quantities(shipbob, sku) == (5, 2, 3)


async def _quantities(shipbob: ShipBobClient, sku: str) -> tuple[int, int, int]:
    levels = (await shipbob.call("GET", "/inventory-level", params={"SearchBy": sku})).json()["items"]
    assert [level["sku"] for level in levels] == [sku]
    names = ("total_on_hand_quantity", "total_committed_quantity", "total_fulfillable_quantity")
    on_hand, committed, fulfillable = (int(levels[0][name]) for name in names)
    return on_hand, committed, fulfillable
