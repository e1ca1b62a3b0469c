"""Each kind of process works with the secrets that are told to be its own, reads them all, and misses no other."""

import pytest
from pydantic import SecretStr

from ordersaga.bootstrap import open_services
from ordersaga.openings import open_codec_services
from ordersaga.settings import CREDENTIALS, NEEDS, Settings, SettingsError, environment_name
from tests.privacy.keys import ONE
from tests.support.api import StubOrders, settings_for

pytestmark = pytest.mark.timeout(120)
SECRETS = [name for name in CREDENTIALS if Settings.model_fields[name].annotation is SecretStr]
OPENED = sorted(set(NEEDS) - {"codec"})


class Noted(SecretStr):
    """A secret that remembers who it was read as."""

    def __init__(self, name: str, value: str, read: set[str]) -> None:
        super().__init__(value)
        self._name, self._read = name, read

    def get_secret_value(self) -> str:
        """The secret; noted when there is one."""
        found = super().get_secret_value()
        if found:
            self._read.add(self._name)
        return found


def noting(database_url: str, kind: str, read: set[str]) -> Settings:
    """The settings of a process that is given its own credentials alone; what is read of them is noted."""
    others = {name: "" for name in SECRETS if name not in NEEDS[kind]}
    settings = settings_for(database_url, encryption_keys=ONE, smtp_password="of-the-relay", **others)
    secret = [*SECRETS, "smtp_password", "encryption_keys"]
    return settings.model_copy(
        update={name: Noted(name, getattr(settings, name).get_secret_value(), read) for name in secret}
    )


@pytest.mark.parametrize("kind", OPENED)
async def test_a_process_opens_with_its_own_credentials_and_reads_each(kind: str, database_url: str) -> None:
    """The clients of companies whose credentials it has not are there all the same: their names are known."""
    read = set[str]()
    settings = noting(database_url, kind, read)
    async with open_services(settings, orders=StubOrders(), needs=NEEDS[kind]) as services:
        assert {"shipbob", "easypost"} <= {*services.providers, *services.carriers}
        assert services.webhooks.keys() == ({"stripe", "shipbob", "easypost"} if kind == "api" else set())
    assert read == NEEDS[kind] & {*SECRETS} | {"encryption_keys"}


async def test_the_codec_server_opens_with_the_master_keys_alone(database_url: str) -> None:
    """Nothing else of what is secret is read."""
    read = set[str]()
    async with open_codec_services(noting(database_url, "codec", read)) as services:
        assert services.key_ring is not None
    assert read == {"encryption_keys"}


@pytest.mark.parametrize("kind", OPENED)
async def test_a_process_does_not_open_without_one_it_reads(kind: str, database_url: str) -> None:
    """It names the one that is missing."""
    for name in NEEDS[kind] & {*SECRETS}:
        with pytest.raises(SettingsError, match=f"^1 setting is missing: {environment_name(name)}; "):
            async with open_services(settings_for(database_url, **{name: ""}), needs=NEEDS[kind]):
                pass
