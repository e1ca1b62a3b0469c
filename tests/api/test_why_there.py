"""Why an order ships from where it does: kept when it is accepted, told when somebody asks."""

from ordersaga.domain.catalog import Catalog, Location, Receipt
from ordersaga.domain.dispatch import Dispatch
from ordersaga.domain.orders import ParcelPlan
from tests.fakes.samples import address
from tests.support.api import Api, order_body


async def stock_more(api: Api, *places: Location, at: tuple[str, ...]) -> None:
    """Nine mugs at each of these."""
    receipts = tuple(Receipt(receipt_id=f"x-{name}", location=name, sku="MUG", quantity=9) for name in at)
    await api.services.catalog.load(Catalog(locations=places, receipts=receipts))


async def explained(api: Api, order_id: str) -> str:
    """What explain says."""
    text: str = (await api.get(f"/v1/orders/{order_id}/explain")).json()["text"]
    return text


async def test_explain_names_every_location_it_does_not_ship_from(api: Api) -> None:
    """With the rule that passed it over, as things were when the order was accepted."""
    near = Location(location="ny-1", provider="shipbob", address=address())
    closed = Location(location="ny-2", provider="shipbob", address=address(), dispatch=Dispatch(zones="US-NY:0"))
    await stock_more(api, near, closed, at=("ny-1", "ny-2", "ca-1"))
    assert (await api.post("/v1/orders", order_body(order_id="a1"))).status_code in (201, 202)
    await stock_more(api, near.model_copy(update={"dispatch": Dispatch(parcel_fee=9000)}), at=())
    assert await explained(api, "a1") == (
        "It waits for the carrier. "
        "Parcel 1 ships from ny-1 (shipbob), in zone 1: it costs about USD 6.00 and leaves the same day. "
        "Not from ca-1 (zone: 2, here 1), nj-1 (zone: 2, here 1), ny-2 (region: does not ship there)."
    )


async def test_a_parcel_that_moved_is_not_explained_by_the_first_choice(api: Api) -> None:
    """Of the move its own story tells."""
    await stock_more(api, at=("ca-1",))
    await api.post("/v1/orders", order_body(order_id="a1"))
    record = await api.services.journal.get("a1")
    assert record is not None
    (first,) = record.parcels
    there = {"nj-1": "ca-1", "ca-1": "nj-1"}[first.location]
    moved: ParcelPlan = first.model_copy(update={"location": there})
    assert await api.services.stock.replan("a1", [moved])
    assert await explained(api, "a1") == "It waits for the carrier."


async def test_where_nothing_else_was_there_little_is_said(api: Api) -> None:
    """Nothing is kept of such an order."""
    await api.post("/v1/orders", order_body(order_id="a1"))
    assert await api.services.places.why("a1") is None
    assert (await explained(api, "a1")).endswith(
        "Parcel 1 ships from nj-1 (shipbob), in zone 2: the best place by the rules, with the fewest parcels."
    )
