"""A person says that a parcel arrived, where no company will."""

from tests.api.conftest import Shop
from tests.api.test_real_changes import leaves, place, post


async def test_an_arrival_is_kept_once_for_the_order_to_hear(shop: Shop) -> None:
    """Refused before the parcel left; then stored with who said it, however often it is said."""
    await place(shop, "arrives")
    early = await post(shop, "arrives/arrivals", {"parcel": 1})
    assert (early.status_code, early.json()["code"]) == (409, "not_on_its_way")
    await leaves(shop, "arrives")
    said = {"parcel": 1, "reason": "the shopper wrote"}
    answers = [await post(shop, "arrives/arrivals", said) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == {"order_id": "arrives", "parcel": 1, "status": "delivered"}
    (message,) = await shop.api.services.inbox.claim(10)
    (event,) = message.body["events"]
    assert (message.source, message.order_id) == ("support", "arrives")
    told = (event["status"], event["generation"], event["detail"])
    assert told == ("delivered", 1, "test support: the shopper wrote")


async def test_a_parcel_that_is_not_the_orders_is_unknown(shop: Shop) -> None:
    """404 for the number, as for an order nobody has."""
    await place(shop, "noparcel")
    assert (await post(shop, "noparcel/arrivals", {"parcel": 7})).json()["code"] == "parcel_unknown"
    assert (await post(shop, "nobody/arrivals", {"parcel": 1})).status_code == 404
