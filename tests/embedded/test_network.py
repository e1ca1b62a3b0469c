"""Our accounts at the further companies a stack emulates."""

import stat
from pathlib import Path

from emulators.tiktok_shop import APP_KEY as EMULATED_APP_KEY
from ordersaga.embedded import StackOptions
from ordersaga.embedded.folders import LOCK_FILE
from ordersaga.embedded.network import APP_KEY, write_network
from ordersaga.embedded.options import FURTHER, NETWORK
from ordersaga.embedded.plan import known_parts, stack_settings
from ordersaga.embedded.stack import forget
from ordersaga.network import TikTokShopAccount, read_network
from ordersaga.settings import Settings


def test_every_company_has_an_account_at_its_address(tmp_path: Path) -> None:
    """The file names all of them, and only the owner can read it and its secrets."""
    options = StackOptions(_env_file=None, data=tmp_path, channel_seller="glow")
    file = write_network(options, NETWORK)
    assert file is not None
    accounts = read_network(file).accounts

    assert {code: account.url for code, account in accounts.items()} == {
        name: f"http://127.0.0.1:{options.port(name)}" for name in NETWORK
    }
    shop = accounts["tiktok_shop"]
    assert isinstance(shop, TikTokShopAccount)
    assert (shop.seller, shop.app_key) == ("glow", APP_KEY)
    for written in (file, *(tmp_path / "network-secrets").iterdir()):
        assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_the_secrets_stay_the_same_from_start_to_start(tmp_path: Path) -> None:
    """The companies remember what they were told."""
    options = StackOptions(_env_file=None, data=tmp_path)
    first = read_network(write_network(options, NETWORK) or tmp_path).accounts
    assert read_network(write_network(options, NETWORK) or tmp_path).accounts == first


def test_a_forgotten_stack_leaves_none_of_their_secrets(tmp_path: Path) -> None:
    """The folder goes with all that was written to it; what is somebody else's stays, and the folder with it."""
    for stays in (False, True):
        folder = tmp_path / "stack"
        write_network(StackOptions(_env_file=None, data=folder), NETWORK)
        (folder / LOCK_FILE).touch()
        if stays:
            (folder / "notes.txt").touch()
        forget(folder)
        assert folder.exists() is stays
    assert [left.name for left in folder.iterdir()] == ["notes.txt"]


def test_a_stack_without_them_has_no_network(tmp_path: Path) -> None:
    """They are there when asked for, all together or by name."""
    small = StackOptions(_env_file=None, data=tmp_path)
    assert not set(known_parts(small)) & set(FURTHER)
    assert stack_settings(small, known_parts(small), Settings(_env_file=None)).network is None
    assert set(FURTHER) <= set(known_parts(small.model_copy(update={"all_companies": True})))
    assert "newegg" in known_parts(small.model_copy(update={"only": frozenset({"newegg"})}))


def test_what_emulated_companies_made_is_looked_at_there(tmp_path: Path) -> None:
    """Their own records, by account; what the settings name goes before them, and a real company has no such page."""
    mine = Settings(_env_file=None, company_pages={"ups": "https://ups.example/{id}"})
    options = StackOptions(_env_file=None, data=tmp_path, all_companies=True)
    pages = stack_settings(options, set(known_parts(options)) - {"easypost"}, mine).company_pages
    assert set(pages) == {"stripe", "shipbob", *FURTHER}
    assert pages["shipbob"] == f"http://127.0.0.1:{options.port('shipbob')}/_control/records?match={{id}}"
    assert pages["ups"] == "https://ups.example/{id}"


def test_the_emulated_shop_knows_the_app() -> None:
    """Its one app is called the same on both sides, which share no code."""
    assert APP_KEY == EMULATED_APP_KEY
