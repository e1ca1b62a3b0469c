"""Sellers are onboarded whole: what one may do, and what nobody may do with what is another's."""

import asyncio
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ordersaga.bootstrap import Services, open_services
from ordersaga.seller_files import read_seller_file
from tests.support.api import Api, StubOrders, order_body, serving, settings_for

ADDRESS = {
    "name": "Sunny Socks",
    "line1": "100 Depot Rd",
    "city": "Reno",
    "region": "NV",
    "postal_code": "89501",
    "country": "US",
}
PROFILE: dict[str, Any] = {
    "name": "Sunny Socks",
    "channels": ["checkout"],
    "daily_orders": 500,
    "terms": {"capture": "at_confirmation", "hand_off_delay": "PT1H", "second_person_above": 20000},
    "accounts": {
        "newegg-socks": {
            "kind": "newegg",
            "seller_id": "A0BC",
            "phone": "+1 555 0100",
            "authorization": "env:SOCKS_AUTHORIZATION",
            "secret_key": "file:/run/secrets/socks",
        },
        "socks-courier": {
            "kind": "private_delivery",
            "url": "https://api.courier.example",
            "token": "env:SOCKS_COURIER_TOKEN",
            "webhook_secret": "env:SOCKS_COURIER_SECRET",
        },
    },
    "locations": {
        "socks-home": {"provider": "seller_warehouse", "address": ADDRESS, "capacity": 100},
        "socks-newegg": {"provider": "newegg-socks", "address": ADDRESS},
    },
}
HEAD = "kind,seller,sku,title,weight_grams,location,quantity,receipt_id\n"
GOODS = f"{HEAD}product,socks,SOCK,Red socks,80,,,\nstock,,SOCK,,,socks-home,60,a1\n"


def profile(**changes: Any) -> dict[str, Any]:
    """A whole profile, with these members instead."""
    return {**copy.deepcopy(PROFILE), **changes}


async def put(
    api: Api, body: dict[str, Any], seller: str = "socks", role: str = "operator", **more: Any
) -> httpx.Response:
    """Apply a profile."""
    return await api.send("PUT", f"/v1/sellers/{seller}", role=role, json=body, **more)


async def load(api: Api, content: str, seller: str | None = "socks", role: str = "operator") -> httpx.Response:
    """Load a catalog file at a seller's own door, or at everybody's."""
    path = f"/v1/sellers/{seller}/catalog" if seller else "/v1/catalog"
    return await api.send("POST", path, role=role, content=content.encode(), headers={"Content-Type": "text/csv"})


def fields(answer: httpx.Response) -> list[str]:
    """The fields that were refused."""
    assert answer.status_code == 422, answer.text
    assert all(each["remedy"] for each in answer.json()["errors"])
    return [each["field"] for each in answer.json()["errors"]]


async def test_a_dry_run_tells_what_would_change_and_changes_nothing(api: Api) -> None:
    """The same request without it makes that very change; a third time nothing is left to change."""
    foreseen = (await put(api, profile(), params={"dry_run": "true"})).json()
    assert foreseen["version"] is None
    assert {"field": "daily_orders", "before": None, "after": 500} in foreseen["changes"]
    assert (await api.get("/v1/sellers/socks")).status_code == 404
    assert await api.services.catalog.terms("socks") is None

    done = (await put(api, profile())).json()
    assert (done["version"], done["changes"]) == (1, foreseen["changes"])
    assert done["not_open"] == ["newegg-socks", "socks-courier"]
    assert (await put(api, profile())).json()["changes"] == []
    shown = await api.get("/v1/sellers/socks")
    assert (shown.json()["profile"], shown.headers["etag"]) == (PROFILE, '"1"')
    assert [each["seller"] for each in (await api.get("/v1/sellers")).json()["sellers"]] == ["socks"]


async def test_every_change_is_kept_with_who_made_it(api: Api) -> None:
    """Before and after, the latest first; what was based on an earlier version is refused."""
    await put(api, profile())
    await put(api, profile(daily_orders=900), params={"by": "dana"}, headers={"If-Match": '"1"'})
    late = await put(api, profile(daily_orders=1), headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "seller_changed")
    second, first = (await api.get("/v1/sellers/socks/changes")).json()["changes"]
    assert (first["version"], first["before"], first["after"]) == (1, None, PROFILE)
    assert (second["before"]["daily_orders"], second["after"]["daily_orders"]) == (500, 900)
    assert "dana" in second["changed_by"]
    assert (await api.get("/v1/sellers/socks")).json()["profile"]["daily_orders"] == 900


async def test_a_sellers_account_is_sent_nothing_of_the_deployments_own(api: Api, tmp_path: Path) -> None:
    """Whoever writes the account says where its secrets go: our settings, files and processes are not among them."""
    disguised = tmp_path / "socks"
    disguised.symlink_to("/run/secrets/ordersaga_encryption_keys")
    for reference in (
        *("env:ORDERSAGA_ENCRYPTION_KEYS", "env:ordersaga_stripe_api_key", "env:TEMPORAL_API_KEY"),
        *("file:/run/secrets/ordersaga_encryption_keys", "file:/etc/../run/secrets/ordersaga_database_password"),
        *("file:/proc/self/environ", "file:/var/run/secrets/kubernetes.io/serviceaccount/token", f"file:{disguised}"),
    ):
        wrong = profile()
        wrong["accounts"]["socks-courier"]["token"] = reference
        answer = await put(api, wrong)
        assert fields(answer) == ["accounts.socks-courier.token"], reference
    assert (await api.get("/v1/sellers/socks")).status_code == 404


async def test_everything_that_is_wrong_is_told_at_once(api: Api) -> None:
    """Form, accounts and names together; nothing is applied, and no secret is repeated."""
    wrong = profile(name="", speed="fast", terms={"ship_within": 2, "payment_window": "PT1H", "carriers": ["pigeon"]})
    wrong["accounts"]["newegg-socks"]["authorization"] = "s3cret"
    wrong["accounts"]["fedex"] = {**wrong["accounts"].pop("socks-courier"), "url": "nowhere"}
    wrong["accounts"]["shipbob"] = {"kind": "ups"}
    wrong["locations"]["socks-home"]["capacity"] = 0
    wrong["locations"]["nj-2"] = {"provider": "nobody", "address": ADDRESS}
    answer = await put(api, wrong)
    assert set(fields(answer)) >= {
        "name",
        "speed",
        "terms.ship_within",
        "terms.payment_window",
        "terms.carriers[0]",
        "accounts.newegg-socks.authorization",
        "accounts.fedex.url",
        "accounts.shipbob",
        "accounts.shipbob.client_id",
        "locations.socks-home.capacity",
        "locations.nj-2.provider",
    }
    assert "s3cret" not in answer.text
    assert (await api.get("/v1/sellers/socks")).status_code == 404


async def test_what_is_anothers_cannot_be_named(api: Api) -> None:
    """Accounts and locations of another seller, and places where its goods lie, are taken; nothing of them is told."""
    await put(api, profile())
    await load(api, GOODS)
    theirs = {
        "name": "Bolt",
        "terms": {"carriers": ["socks-courier"]},
        "accounts": {"newegg-socks": PROFILE["accounts"]["newegg-socks"]},
        "locations": {
            "socks-home": {"provider": "seller_warehouse", "address": ADDRESS},
            "nj-1": {"provider": "shipbob", "address": ADDRESS},
            "bolt-1": {"provider": "socks-courier", "address": ADDRESS},
        },
    }
    assert fields(await put(api, theirs, "bolt")) == [
        "accounts.newegg-socks",
        "locations.bolt-1.provider",
        "locations.nj-1",
        "locations.socks-home",
        "terms.carriers[0]",
    ]
    assert (await api.get("/v1/sellers/bolt")).status_code == 404


async def test_nothing_goes_while_it_is_needed(api: Api) -> None:
    """A location with units, an account's kind, an account of orders under way, and a place made too small, stay."""
    await put(api, profile())
    await load(api, GOODS)
    smaller = profile(locations={"socks-newegg": PROFILE["locations"]["socks-newegg"]})
    assert fields(await put(api, smaller)) == ["locations.socks-home"]
    tight = profile()
    tight["locations"]["socks-home"]["capacity"] = 59
    assert fields(await put(api, tight)) == ["locations.socks-home.capacity"]
    other = profile(accounts={**PROFILE["accounts"], "newegg-socks": PROFILE["accounts"]["socks-courier"]})
    assert "accounts.newegg-socks.kind" in fields(await put(api, other))


async def test_a_sellers_own_key_loads_its_goods_and_nothing_else(api: Api) -> None:
    """Rows of others, of places and of sellers are refused by line; its own key reads its profile, and sets none."""
    await put(api, profile())
    api.keys["socks"] = await api.services.api_keys.issue("operator", "socks", "socks")
    assert (await load(api, GOODS, role="socks")).json()["units"] == 60
    assert (await api.get("/v1/sellers/socks", role="socks")).status_code == 200
    assert (await put(api, profile(daily_orders=1), role="socks")).json()["code"] == "seller_forbidden"
    assert (await load(api, GOODS, None, role="socks")).json()["code"] == "seller_forbidden"
    rows = [
        "product,acme,HAT,Hat,80,,,",
        "product,socks,MUG,Mug,80,,,",
        "stock,,LAMP,,,socks-home,1,b1",
        "stock,,SOCK,,,socks-newegg,1,b2",
        "stock,,SOCK,,,socks-home,41,b3",
        "seller,socks,,,,,,",
    ]
    refused = await load(api, HEAD.replace("\n", ",name\n") + "\n".join(f"{row}," for row in rows), role="socks")
    assert {"line 2, column seller", "line 3, column sku", "line 4, column sku", "line 5, column location"} <= set(
        fields(refused)
    )
    assert "line 6, column quantity" in fields(refused)
    (level,) = (await api.get("/v1/stock", role="socks")).json()["levels"]
    assert (level["sku"], level["on_hand"]) == ("SOCK", 60)


async def test_everybodys_door_leaves_a_sellers_own_alone(api: Api) -> None:
    """No catalog file rewrites an onboarded seller or its place, and no other seller's goods come to lie there."""
    await put(api, profile())
    head = "kind,seller,name,location,provider,sku,quantity,line1,city,region,postal_code,country\n"
    place = "1 Main St,Reno,NV,89501,US"
    rows = f"seller,socks,Mine,,,,,,,,,\nlocation,,Mine,socks-home,shipbob,,,{place}\nstock,,,socks-home,,MUG,1,,,,,\n"
    assert fields(await load(api, head + rows, None)) == [
        "line 2, column seller",
        "line 3, column location",
        "line 4, column location",
    ]
    borrowed = f"location,,Mine,reno-2,newegg-socks,,,{place}\n"
    assert fields(await load(api, head + borrowed, None)) == ["line 2, column provider"]


async def test_a_sellers_orders_get_its_terms_and_only_where_it_sells(api: Api) -> None:
    """Terms come from the profile; another channel is refused before anything is stored, a repeat is answered."""
    await put(api, profile())
    await load(api, GOODS)
    body = order_body(seller="socks", order_id="s1", lines=[{"sku": "SOCK", "quantity": 1, "unit_price": 900}])
    assert (await api.post("/v1/orders", body)).status_code == 202
    record = await api.services.journal.get("s1")
    assert record is not None
    assert record.order.terms.capture == "at_confirmation"
    assert record.order.terms.hand_off_delay.total_seconds() == 3600
    elsewhere = await api.post("/v1/orders", {**body, "order_id": "s2", "channel": "tiktok_shop"})
    assert fields(elsewhere) == ["channel"]
    assert await api.services.journal.get("s2") is None
    await put(api, profile(channels=["tiktok_shop"]))
    assert (await api.post("/v1/orders", body)).status_code in (201, 202)


async def test_only_known_sellers_sell_where_that_is_set(services: Services) -> None:
    """An order of a seller that was not onboarded is refused, and nothing of it is stored."""
    known = replace(services, settings=services.settings.model_copy(update={"sellers": "known"}))
    async with serving(known) as api:
        refused = await api.post("/v1/orders", order_body(order_id="o1"))
        assert (fields(refused), refused.json()["errors"][0]["message"]) == (["seller"], "acme is not onboarded")
        assert await services.journal.get("o1") is None
        assert (await put(api, {"name": "Acme"}, "acme")).status_code == 200
        assert (await api.post("/v1/orders", order_body(order_id="o1"))).status_code == 202


async def test_own_accounts_are_opened_at_start_for_their_seller_alone(
    services: Services, orders: StubOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a lane and a webhook each; one whose secret is missing keeps no other closed, and says so."""
    monkeypatch.setenv("SOCKS_COURIER_TOKEN", "t")
    monkeypatch.setenv("SOCKS_COURIER_SECRET", "s")
    async with serving(services) as api:
        assert (await put(api, profile())).status_code == 200
    settings = settings_for(services.settings.database_url.get_secret_value())
    async with open_services(settings, orders=orders) as anew, serving(anew) as api:
        assert anew.account_owners == {"socks-courier": "socks"}
        assert "carrier-socks-courier" in anew.lanes
        (courier,) = [each for each in anew.carrier_accounts if each.code == "socks-courier"]
        assert courier.sellers == ("socks",)
        assert (await api.get("/v1/sellers/socks")).json()["not_open"] == ["newegg-socks"]
        assert fields(await put(api, {"name": "B", "terms": {"carriers": ["socks-courier"]}}, "bolt")) == [
            "terms.carriers[0]"
        ]


async def test_own_accounts_are_opened_while_processes_run(
    services: Services, orders: StubOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever takes the profile at once, by another process at its next look; a missing secret, once it is there."""
    settings = settings_for(services.settings.database_url.get_secret_value())
    async with open_services(settings, orders=orders) as other, serving(services) as api:
        monkeypatch.setenv("SOCKS_COURIER_TOKEN", "t")
        monkeypatch.setenv("SOCKS_COURIER_SECRET", "s")
        assert (await put(api, profile())).json()["not_open"] == ["newegg-socks"]
        assert services.account_owners == {"socks-courier": "socks"}
        unsigned = await api.http.post("/v1/webhooks/socks-courier", content=b"{}")
        assert (unsigned.status_code, unsigned.json()["code"]) == (400, "bad_signature")

        assert other.account_owners == {}
        opened = await asyncio.gather(other.seller_accounts.open(), other.seller_accounts.open())
        assert sorted(opened) == [(), ("socks-courier",)]
        assert [each.code for each in other.carrier_accounts] == ["easypost", "socks-courier"]
        assert {"carrier-socks-courier"} < set(other.lanes)

        monkeypatch.setenv("SOCKS_AUTHORIZATION", "a")
        written = profile()
        written["accounts"]["newegg-socks"]["secret_key"] = "env:SOCKS_AUTHORIZATION"
        assert (await put(api, written)).json()["not_open"] == []
        assert await other.seller_accounts.open() == ("newegg-socks",)
        assert {"newegg-socks", "seller_warehouse"} < set(other.providers)


@pytest.mark.parametrize(
    "body",
    ["{}", "[]", '{"name": "x\\u0000y"}', '{"name": "x", "locations": {"\\ud800": {"provider": "shipbob"}}}'],
)
async def test_hostile_profiles_are_refused(api: Api, body: str) -> None:
    """Nothing of them reaches the database."""
    headers = {"Content-Type": "application/json"}
    answer = await api.send("PUT", "/v1/sellers/socks", content=body.encode(), headers=headers)
    assert answer.status_code == 422, answer.text
    assert (await api.get("/v1/sellers")).json()["sellers"] == []


@pytest.mark.parametrize("value", ["nan", "-inf", "9" * 5_000, "[" * 3_000], ids=["nan", "inf", "long", "deep"])
def test_a_file_that_no_profile_can_be_is_refused(value: str) -> None:
    """Numbers that JSON does not have, digits and nesting without end: said so, whoever reads the file."""
    with pytest.raises(ValueError, match=r"it is not TOML|it says what no profile can"):
        read_seller_file(f'seller = "acme"\nname = {value}\n'.encode())
