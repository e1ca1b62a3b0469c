"""What a stop names must be something that there is: a misspelled one would stop nobody, and say that all is well."""

from typing import Any

import pytest

from ordersaga.domain.catalog import Catalog, Product
from tests.api.conftest import Shop
from tests.api.test_stops import STOPS, Office, stop_body
from tests.support.api import Api, order_body


async def refused(api: Api, match: dict[str, str], role: str = "operator", **more: Any) -> dict[str, str]:
    """The one error of a stop that is refused; no door is closed, and nothing is written."""
    answer = await api.post(STOPS, stop_body(match=match, **more), role=role)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    assert (await api.get(STOPS)).json()["stops"] == []
    [error] = answer.json()["errors"]
    return {str(name): str(value) for name, value in error.items()}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("match", "message", "remedy"),
    [
        ({"region": "UK"}, "ISO 3166 has no country UK", "did you mean GB?"),
        ({"region": "UX-CA"}, "ISO 3166 has no country UX", "did you mean "),
        ({"region": "US-CX"}, "ISO 3166 has no CX in US", "did you mean US-C"),
        ({"region": "CA-ONT"}, "ISO 3166 has no ONT in CA", "did you mean CA-ON"),
        ({"seller": "acne"}, "no seller is called acne", "did you mean acme?; use one of acme, bolt; "),
        ({"sku": "MUGG"}, "MUGG is no SKU in any catalog", "did you mean MUG?; "),
        ({"channel": "tictok"}, "no channel is called tictok", "use one of checkout, exchange; "),
        ({"carrier": "USP"}, "no carrier is called USP", "did you mean usps or ups?"),
        ({"provider": "shipbub"}, "no provider is called shipbub", "did you mean shipbob?; use one of "),
    ],
)
async def test_a_name_that_is_none_is_refused_with_what_is_meant_perhaps(
    api: Api, match: dict[str, str], message: str, remedy: str, dry_run: bool
) -> None:
    """Before anything is tried or stopped; the remedy ends with how to stop it all the same."""
    told = await refused(api, match, dry_run=dry_run)
    [field] = match
    assert (told["field"], told["message"]) == (f"match.{field}", message)
    assert remedy in told["remedy"]
    assert told["remedy"].endswith("to stop it all the same, say so: unlisted, --unlisted")


async def test_every_name_that_is_none_is_told_at_once(api: Api) -> None:
    """And those that are known are not."""
    answer = await api.post(STOPS, stop_body(match={"region": "US-XX", "seller": "acme", "sku": "MUGG"}))
    assert [error["field"] for error in answer.json()["errors"]] == ["match.region", "match.sku"]


async def test_a_sku_must_be_the_sellers_that_is_named_beside_it(api: Api) -> None:
    """Together they would match nothing."""
    told = await refused(api, {"seller": "bolt", "sku": "MUG"})
    assert told["message"] == "MUG is no SKU in the catalog of bolt"


@pytest.mark.parametrize(
    "match",
    [
        {"region": "US"},
        {"region": "US-CA"},
        {"region": "US-PR"},
        {"region": "US-AE"},
        {"region": "SG"},
        {"seller": "bolt", "sku": "LAMP"},
        {"channel": "exchange"},
        {"carrier": "UPS"},
        {"carrier": "easypost"},
        {"provider": "seller_warehouse"},
    ],
)
async def test_what_there_is_may_be_stopped(office: Office, match: dict[str, str]) -> None:
    """Whatever is known by a list, a catalog or the settings; a carrier in whatever letters."""
    told = await office.stop(match=match)
    assert (told["state"], told["unlisted"]) == ("in_force", [])


async def test_a_channel_that_orders_came_from_is_known(office: Office) -> None:
    """Whether or not a seller's profile names it."""
    assert (await office.api.post("/v1/orders", order_body(channel="popup"))).status_code == 202
    assert (await office.stop(match={"channel": "popup"}))["state"] == "in_force"
    await office.api.send("PUT", "/v1/sellers/gamma", json={"name": "Gamma", "channels": ["fair"]})
    assert (await office.stop(match={"channel": "fair"}))["state"] == "in_force"


async def test_what_nobody_knows_is_stopped_when_that_is_meant(office: Office) -> None:
    """A SKU before its catalog comes: said so in the audit trail, and told until the catalog is there."""
    told = await office.stop(match={"sku": "GHOST"}, unlisted=True, by="ann")
    path = f"{STOPS}/{told['stop_id']}"
    assert told["unlisted"] == ["sku GHOST"]
    assert (await office.api.get(path)).json()["unlisted"] == ["sku GHOST"]
    trail = await office.api.services.audit_trail.trail(f"stop-{told['stop_id']}")
    assert trail.facts[0].words[0] == (
        "test operator:ann asked to stop sku GHOST, though nobody here knows sku GHOST: closed (Order 12)"
    )
    ghost = Product(sku="GHOST", seller="acme", title="Ghost", weight_grams=1)
    await office.api.services.catalog.load(Catalog(products=(ghost,)))
    assert (await office.api.get(path)).json()["unlisted"] == []
    lines = [{"sku": "GHOST", "quantity": 1, "unit_price": 1}]
    assert (await office.api.post("/v1/orders", order_body(lines=lines))).json()["code"] == "stopped"


async def test_a_sellers_key_hears_of_no_other_sellers_names(api: Api) -> None:
    """Neither among those that are alike, nor in a list; another's SKU is nobody's."""
    api.keys["bolt"] = await api.services.api_keys.issue("operator", "bolt", "bolt")
    assert (await api.post("/v1/orders", order_body(channel="acmes-own"))).status_code in (201, 202)
    for match in ({"sku": "MUG"}, {"channel": "acmes"}):
        told = await refused(api, {"seller": "bolt", **match}, role="bolt")
        assert "MUG" not in told["remedy"]
        assert "acmes-own" not in told["remedy"]
    told = await refused(api, {"seller": "bolt", "sku": "LAMB"}, role="bolt")
    assert told["remedy"].startswith("did you mean LAMP?")


@pytest.fixture
def office(shop: Shop) -> Office:
    """An operator before real sagas."""
    return Office(shop)
