"""Secrets from files, as containers are given them."""

from pathlib import Path

import pytest

from ordersaga.embedded.environment import as_environment
from ordersaga.secret_files import VARIABLE
from ordersaga.settings import Settings, SettingsError, read_settings

URL = "postgresql://ordersaga@postgres:5432/ordersaga"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of secrets."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def test_a_file_called_as_its_setting_is_its_value(folder: Path) -> None:
    """Whatever the case of its name; the line's end belongs to the file, not to the secret."""
    (folder / "ordersaga_stripe_api_key").write_text("sk_of_a_file\n")
    (folder / "ORDERSAGA_SHIPBOB_CHANNEL_ID").write_text("42\n")
    (folder / "stripe_webhook_secret").write_text("of something else")
    settings = read_settings(_env_file=None)
    assert settings.stripe_api_key.get_secret_value() == "sk_of_a_file"
    assert settings.shipbob_channel_id == 42
    assert not settings.stripe_webhook_secret.get_secret_value()


def test_the_environment_goes_before_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets a variable for one process means it."""
    (folder / "ordersaga_stripe_api_key").write_text("of the file")
    monkeypatch.setenv("ORDERSAGA_STRIPE_API_KEY", "of the environment")
    assert read_settings(_env_file=None).stripe_api_key.get_secret_value() == "of the environment"


def test_a_folder_that_is_named_must_be_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error would otherwise be a process without secrets."""
    monkeypatch.setenv(VARIABLE, str(folder / "elsewhere"))
    with pytest.raises(SettingsError, match=f"{VARIABLE}: .*elsewhere is not a folder"):
        read_settings(_env_file=None)


def test_a_refused_file_is_not_repeated(folder: Path) -> None:
    """It holds a secret."""
    (folder / "ordersaga_shipbob_channel_id").write_text("pat-of-the-wrong-file")
    with pytest.raises(SettingsError, match="ORDERSAGA_SHIPBOB_CHANNEL_ID: ") as refused:
        read_settings(_env_file=None)
    assert "wrong" not in str(refused.value)


def test_the_databases_password_may_be_a_file_of_its_own(folder: Path) -> None:
    """The same file its server reads, whatever is in it; a URL that has a password keeps that."""
    (folder / "ordersaga_database_password").write_text("a/b@c:d%\n")
    settings = read_settings(_env_file=None, database_url=URL)
    assert settings.database_url.get_secret_value() == (
        "postgresql://ordersaga:a%2Fb%40c%3Ad%25@postgres:5432/ordersaga"
    )
    other = "postgresql://ordersaga:its-own@postgres/ordersaga"
    assert read_settings(_env_file=None, database_url=other).database_url.get_secret_value() == other


def test_a_password_belongs_to_a_user(folder: Path) -> None:
    """Nobody is guessed."""
    (folder / "ordersaga_database_password").write_text("secret-of-nobody")
    with pytest.raises(SettingsError, match="names no user whose password it is") as refused:
        read_settings(_env_file=None, database_url="postgresql://postgres/ordersaga")
    assert "secret-of-nobody" not in str(refused.value)


def test_settings_handed_on_are_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process started with the environment of its parent reads the parent's settings."""
    (folder / "ordersaga_database_password").write_text("a/b")
    ours = read_settings(_env_file=None, database_url=URL)
    for name, value in as_environment(ours).items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == ours


def test_several_folders_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What all processes share, and what is one's own; each that is named must be there."""
    own = tmp_path / "own"
    own.mkdir()
    (folder / "ordersaga_stripe_api_key").write_text("shared")
    (own / "ordersaga_database_password").write_text("mine")
    monkeypatch.setenv(VARIABLE, f"{folder}:{own}")
    settings = read_settings(_env_file=None, database_url=URL)
    assert settings.stripe_api_key.get_secret_value() == "shared"
    assert ":mine@" in settings.database_url.get_secret_value()
    monkeypatch.setenv(VARIABLE, f"{folder}:{own / 'nothing'}")
    with pytest.raises(SettingsError, match="nothing is not a folder"):
        read_settings(_env_file=None)


def test_an_address_may_be_shared_by_logins_of_their_own() -> None:
    """Of both databases; an address that says who logs in keeps that."""
    copies = "postgresql://keys-postgres:5432/ordersaga_keys"
    known = {"_env_file": None, "database_user": "ordersaga_api_login", "database_password": "p@"}
    settings = read_settings(**known, database_url="postgresql://postgres:5432/ordersaga", key_copies_url=copies)
    assert settings.database_url.get_secret_value() == "postgresql://ordersaga_api_login:p%40@postgres:5432/ordersaga"
    assert settings.key_copies_url.get_secret_value() == (
        "postgresql://ordersaga_api_login:p%40@keys-postgres:5432/ordersaga_keys"
    )
    named = read_settings(**known, database_url=URL, key_copies_url="postgresql://keeper@keys/k")
    assert named.database_url.get_secret_value().startswith("postgresql://ordersaga:p%40@")
    assert named.key_copies_url.get_secret_value() == "postgresql://keeper@keys/k"
