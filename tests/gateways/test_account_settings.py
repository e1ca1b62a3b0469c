"""What the network file says of an account reaches the company."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ordersaga.accounts import Accounts, open_accounts
from ordersaga.domain.channels import CancelReason
from ordersaga.domain.lanes import provider_lane
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.network import read_network
from ordersaga.settings import Settings
from tests.contracts.carrier_ups import ups_company, ups_emulator
from tests.gateways.support import TIMEOUT, company, label, new_order
from tests.gateways.test_lane_gate import Board
from tests.gateways.tiktok_shop_support import APP_KEY, SECRET, SHOP, records, released
from tests.support.emulators import EmulatorProcess

__all__ = ["ups_company", "ups_emulator"]

UPS = """
[accounts.ups]
kind = "ups"
url = "{url}"
client_id = "ours"
client_secret = "env:OURS"
account_number = "A1B2C3"
{more}
"""
INTERCEPTS = """
services = { standard = "12" }
intercepts = { name = "Acme", telephone = "5550100", email = "ops@acme.example" }
"""
TIKTOK = """
[accounts.tiktok_acme]
kind = "tiktok_shop"
url = "{url}"
auth_url = "{url}"
seller = "acme"
shop_id = "{shop}"
app_key = "{key}"
app_secret = "env:OURS"
shop_cipher = "env:CIPHER"
access_token = "env:TOKEN"
[accounts.tiktok_acme.cancel_reasons]
out_of_stock = "seller_cancel_reason_wrong_price"
"""


NEWEGG = """
[accounts.{code}]
kind = "newegg"
seller_id = "A0BC"
phone = "555-0100"
authorization = "env:OURS"
secret_key = "env:OURS"
"""


@asynccontextmanager
async def opened(folder: Path, text: str) -> AsyncIterator[Accounts]:
    """The accounts of such a file."""
    file, board = folder / "network.toml", Board()
    file.write_text(text)
    settings = Settings(_env_file=None, stripe_api_key="sk_test", gateway_timeout=TIMEOUT)
    async with open_accounts(settings, read_network(file), LaneGates(board, board.clock), nothing) as accounts:
        yield accounts


async def nothing(_: str) -> tuple[str, ...]:
    """No shelf is asked about."""
    return ()


async def test_a_providers_lane_and_door_are_as_its_capabilities_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate it publishes, unless the account has its own; webhooks of those who tell by them, and no others."""
    monkeypatch.setenv("OURS", "secret")
    text = NEWEGG.format(code="newegg") + NEWEGG.format(code="newegg-small") + "calls_per_minute = 5"
    async with opened(tmp_path, text) as accounts:
        able = {name: provider.capabilities for name, provider in accounts.providers.items()}
        rates = {name: accounts.lanes[provider_lane(name)].calls_per_minute for name in able}
        doors = set(accounts.webhooks) & set(able)
    assert rates == {"shipbob": 150, "newegg": able["newegg"].calls_per_minute, "newegg-small": 5}
    assert doors == {name for name, can in able.items() if can.tells} == {"shipbob"}


@pytest.mark.parametrize(("more", "turns_around", "service"), [("", False, "03"), (INTERCEPTS, True, "12")])
async def test_ups_turns_parcels_around_where_the_account_says_so(
    ups_emulator: EmulatorProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: str,
    turns_around: bool,
    service: str,
) -> None:
    """And sells the service that the contract calls so."""
    monkeypatch.setenv("OURS", "secret")
    text = UPS.replace("{url}", ups_emulator.url).replace("{more}", more)
    async with opened(tmp_path, text) as accounts:
        sold = await accounts.carriers["ups"].book(label(new_order()))
    assert (sold.can_intercept, sold.tracking_number[8:10]) == (turns_around, service)


async def test_a_shop_cancels_with_the_words_of_its_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not named are called as everywhere."""
    for name, secret in (("OURS", SECRET), ("CIPHER", f"GCP_{SHOP}"), ("TOKEN", "TTP_settings")):
        monkeypatch.setenv(name, secret)
    async with company("tiktok_shop", tmp_path / "tiktok", SECRET) as (emulator, _):
        text = TIKTOK.replace("{url}", emulator.url).replace("{shop}", SHOP).replace("{key}", APP_KEY)
        first, second = await released(emulator), await released(emulator)
        async with opened(tmp_path, text) as accounts:
            shop = accounts.channels["tiktok_acme"]
            await shop.cancel(first["id"], CancelReason.OUT_OF_STOCK, key="k1")
            await shop.cancel(second["id"], CancelReason.CANNOT_DELIVER, key="k2")
        reasons = [(await records(emulator, each["id"], "cancellations"))[0]["reason"] for each in (first, second)]
    assert reasons == ["seller_cancel_reason_wrong_price", "seller_cancel_paid_reason_address_not_deliver"]
