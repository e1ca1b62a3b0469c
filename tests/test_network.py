"""Accounts at outside companies, as an operator writes them down."""

import base64
from pathlib import Path

import pytest
import structlog

from ordersaga.accounts import open_accounts
from ordersaga.channel_ports import TokenPair, TokenVault
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.gateways.tiktok_shop.tokens import ONLY_HERE
from ordersaga.network import NetworkError, NeweggAccount, UpsAccount, key_bytes, read_network
from ordersaga.settings import Settings
from tests.gateways.test_lane_gate import Board

GOOD = """
[accounts.newegg]
kind = "newegg"
seller_id = "A0BC"
phone = "555-0100"
authorization = "env:NEWEGG_AUTHORIZATION"
secret_key = "file:{folder}/secret"
calls_per_minute = 30

[accounts.ups-east]
kind = "ups"
client_id = "us"
client_secret = "env:NEWEGG_AUTHORIZATION"
account_number = "A1B2C3"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the secrets are."""
    monkeypatch.setenv("NEWEGG_AUTHORIZATION", "s3cret-one")
    (tmp_path / "secret").write_text("s3cret-two\n", encoding="utf-8")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    """A file with this text."""
    file = folder / "network.toml"
    file.write_text(text.replace("{folder}", str(folder)), encoding="utf-8")
    return file


def test_secrets_are_fetched_from_where_they_are(folder: Path) -> None:
    """The file only says where; what is read prints as asterisks."""
    accounts = read_network(written(folder, GOOD)).accounts

    newegg, ups = accounts["newegg"], accounts["ups-east"]
    assert isinstance(newegg, NeweggAccount)
    assert newegg.authorization.get_secret_value() == "s3cret-one"
    assert newegg.secret_key.get_secret_value() == "s3cret-two"
    assert newegg.calls_per_minute == 30
    assert isinstance(ups, UpsAccount)
    assert ups.calls_per_minute is None
    assert "s3cret" not in repr(accounts)


def test_an_empty_file_has_no_accounts(folder: Path) -> None:
    """Those of the settings are enough to begin with."""
    assert read_network(written(folder, "")).accounts == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"env:NEWEGG_AUTHORIZATION"', '"s3cret-one"'), "accounts.newegg.authorization: say where it is: env:NAME"),
        (
            ('"env:NEWEGG_AUTHORIZATION"', '"env:NOT_SET"'),
            "accounts.newegg.authorization: what env: names is empty",
        ),
        (("/secret", "/elsewhere"), "accounts.newegg.secret_key: what file: names is empty or not there"),
        (("{folder}/secret", "s3cret-one"), "accounts.newegg.secret_key: what file: names is empty or not there"),
        (('seller_id = "A0BC"', 'seller_id = "A0BC"\nurl = "https://us:s3cret@here.example"'), "accounts.newegg.url"),
        (('"A0BC"', '""'), "accounts.newegg.seller_id: String should have at least 1 character"),
        (
            ('"ups"', '"dhl"'),
            "accounts.ups-east: dhl is no 'kind' that is known; use one of 'newegg', 'amazon_mcf', 'ups', ",
        ),
        (
            ("calls_per_minute = 30", "calls_per_minute = 0"),
            "accounts.newegg.calls_per_minute: Input should be greater",
        ),
        (('"A1B2C3"', '"?"'), "accounts.ups-east.account_number: is written in another form; use "),
        (("ups-east", '"ups east"'), "accounts.ups east"),
        (("[accounts.newegg]", "[accounts.newegg"), "is not TOML"),
        (("calls_per_minute = 30", "calls_per_minute = " + "9" * 5_000), "is not TOML"),
        (("calls_per_minute = 30", "calls_per_minute = " + "[" * 3_000), "is not TOML"),
        (("accounts.newegg", "accounts.warehouse"), "accounts.warehouse: call it newegg, or newegg- and what you like"),
        (("accounts.ups-east", "accounts.shipbob"), "accounts.shipbob: this one is in the settings already"),
        (
            ("calls_per_minute", "calls_per_hour"),
            "accounts.newegg.calls_per_hour: Extra inputs are not permitted; remove it, or correct its spelling",
        ),
    ],
)
def test_a_mistake_is_named_and_no_value_repeated(folder: Path, change: tuple[str, str], told: str) -> None:
    """The error says which field, and what to do; a secret written into the file is not quoted."""
    with pytest.raises(NetworkError) as caught:
        read_network(written(folder, GOOD.replace(*change)))
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)


COURIER = """
[accounts.{code}]
kind = "private_delivery"
url = "https://api.blitz.example"
token = "env:NEWEGG_AUTHORIZATION"
webhook_secret = "env:NEWEGG_AUTHORIZATION"
"""
SHOP = """
[accounts.{code}]
kind = "tiktok_shop"
seller = "{code}"
shop_id = "7495"
shop_cipher = "env:NEWEGG_AUTHORIZATION"
app_key = "6abc"
app_secret = "env:NEWEGG_AUTHORIZATION"
access_token = "env:NEWEGG_AUTHORIZATION"
"""


def test_no_courier_is_called_like_a_carrier_everybody_knows(folder: Path) -> None:
    """A wish for UPS would find it."""
    assert "blitz" in read_network(written(folder, COURIER.replace("{code}", "blitz"))).accounts
    with pytest.raises(NetworkError, match=r"accounts\.ups: a carrier of the world's is called so"):
        read_network(written(folder, COURIER.replace("{code}", "ups")))


def test_one_shop_is_one_sellers(folder: Path) -> None:
    """Of two accounts at one shop, one seller's orders would be taken in as the other's."""
    one, other = SHOP.replace("{code}", "acme"), SHOP.replace("{code}", "bolt")
    assert "acme" in read_network(written(folder, one)).accounts
    with pytest.raises(NetworkError, match="two have the same shop_id"):
        read_network(written(folder, one + other))


def test_the_key_that_seals_tokens_is_32_bytes(folder: Path) -> None:
    """Another one is refused when the file is read, and not repeated."""
    key = 'token_key = "file:{folder}/key"\n'
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode() + "\n")
    found = read_network(written(folder, key + GOOD)).token_key
    assert found is not None
    assert key_bytes(found) == b"k" * 32
    for bad in ("c2hvcnQ=", "not base64, s3cret", base64.b64encode(b"k" * 33).decode()):
        (folder / "key").write_text(bad)
        with pytest.raises(NetworkError, match=r"token_key: must be 32 random bytes in base64: openssl") as caught:
            read_network(written(folder, key + GOOD))
        assert bad not in str(caught.value)


@pytest.mark.parametrize(("refresh_token", "vaults", "warned"), [(True, False, 1), (False, False, 0), (True, True, 0)])
async def test_without_a_key_a_process_says_that_it_renews_alone(
    folder: Path, refresh_token: bool, vaults: bool, warned: int
) -> None:
    """At its start, where an account has tokens to renew."""
    more = 'refresh_token = "env:NEWEGG_AUTHORIZATION"\n' if refresh_token else ""
    network = read_network(written(folder, SHOP.replace("{code}", "acme") + more))
    board = Board()
    with structlog.testing.capture_logs() as logs:
        gates, kept = LaneGates(board, board.clock), _memory if vaults else None
        async with open_accounts(Settings(_env_file=None, stripe_api_key="sk_test"), network, gates, _no_skus, kept):
            pass
    told = [line for line in logs if line["event"] == "renewed_tokens_only_in_memory"]
    assert len(told) == warned
    assert all((line["account"], line["log_level"]) == ("acme", "warning") for line in told)
    assert "s3cret" not in repr(logs)


def test_every_mistake_is_told_at_once(folder: Path) -> None:
    """Nobody starts a process again and again to hear of the next one."""
    with pytest.raises(NetworkError) as caught:
        read_network(written(folder, GOOD.replace('"A0BC"', '""').replace('"A1B2C3"', '"?"')))
    assert "accounts.newegg.seller_id" in str(caught.value)
    assert "accounts.ups-east.account_number" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Whoever misspells its path reads it in the answer."""
    with pytest.raises(NetworkError, match=r"absent\.toml cannot be read: No such file"):
        read_network(tmp_path / "absent.toml")


async def _no_skus(_: str) -> tuple[str, ...]:
    return ()


def _memory(_: str, __: TokenPair) -> TokenVault:
    return ONLY_HERE
