"""Temporal behind TLS: reached with the certificates of a profile, and by nobody without them."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import TLSConfig
from temporalio.testing import WorkflowEnvironment

from ordersaga.settings import SettingsError
from ordersaga.temporal_connection import connect_orders, dialing
from tests.privacy.certificates import Authority, Pair, tls_door
from tests.support.api import settings_for

DATABASE = "postgresql://nobody@127.0.0.1:1/none"


@dataclass(frozen=True)
class Ground:
    """An authority, what it issued to the server, and a second authority that nobody trusts."""

    authority: Authority
    server: Pair
    stranger: Pair


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """Temporal's own configuration file: a profile with certificates, one with a stranger's, one with an API key."""
    for name in ("TEMPORAL_PROFILE", "TEMPORAL_ADDRESS", "TEMPORAL_API_KEY", "TEMPORAL_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    authority = Authority(tmp_path)
    client = authority.issue("worker")
    stranger = Authority(tmp_path, "elsewhere").issue("stranger")
    file = tmp_path / "temporal.toml"
    keyed = f'\n[profile.keyed]\napi_key = "{KEY}"\n[profile.keyed.tls]\nserver_name = "frontend"\n'
    keyed += f'server_ca_cert_path = "{authority.file}"\n'
    profiles = _profile("ours", authority, client) + _profile("stranger", authority, stranger)
    file.write_text(profiles + keyed + _CLOUD)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    return Ground(authority, authority.issue("frontend"), stranger)


KEY = "secto0cat1eats2toasties"
_CLOUD = """
[profile.cloud]
address = "orders.a1b2c.tmprl.cloud:7233"
namespace = "orders.a1b2c"
api_key = "secret-api-key"
"""


def _profile(name: str, authority: Authority, client: Pair) -> str:
    return f"""
[profile.{name}]
address = "temporal.example:7233"
namespace = "orders"
[profile.{name}.tls]
server_name = "frontend"
server_ca_cert_path = "{authority.file}"
client_cert_path = "{client.certificate}"
client_key_path = "{client.key}"
"""


async def test_temporal_behind_mutual_tls_is_reached(ground: Ground, environment: WorkflowEnvironment) -> None:
    """With the profile's certificates; with a stranger's, or with none, nobody gets through."""
    behind = environment.client.service_client.config.target_host
    async with tls_door(behind, ground.server, ground.authority.file) as address:
        for profile, reached in (("ours", True), ("stranger", False), ("", False)):
            settings = settings_for(DATABASE, temporal_address=address, temporal_profile=profile)
            orders = await connect_orders(settings, pydantic_data_converter)
            assert await orders.ready() is reached, profile


async def test_a_server_that_nobody_vouches_for_is_not_trusted(
    ground: Ground, environment: WorkflowEnvironment
) -> None:
    """Its certificate is another authority's: our messages are not for it."""
    behind = environment.client.service_client.config.target_host
    async with tls_door(behind, ground.stranger, None) as address:
        settings = settings_for(DATABASE, temporal_address=address, temporal_profile="ours")
        assert not await (await connect_orders(settings, pydantic_data_converter)).ready()


async def test_an_api_key_is_shown_to_the_server_it_is_for_alone(
    ground: Ground, environment: WorkflowEnvironment
) -> None:
    """It travels in every call, behind TLS; whoever is not vouched for never hears it."""
    behind = environment.client.service_client.config.target_host
    for server, reached in ((ground.server, True), (ground.stranger, False)):
        heard = bytearray()
        async with tls_door(behind, server, None, heard) as address:
            settings = settings_for(DATABASE, temporal_address=address, temporal_profile="keyed")
            orders = await connect_orders(settings, pydantic_data_converter)
            assert await orders.ready() is reached
        assert (packed(KEY) in "".join(f"{byte:08b}" for byte in heard)) is reached


def packed(text: str) -> str:
    """How HTTP/2 writes a text of these ten characters: five bits for each (RFC 7541, appendix B)."""
    return "".join(f"{'012aceiost'.index(char):05b}" for char in text)


def test_a_profile_tells_what_our_settings_do_not(ground: Ground) -> None:
    """Address and namespace of ours go first; an API key turns TLS on, and is printed nowhere."""
    del ground
    ours = settings_for(DATABASE, temporal_address="here:7233", temporal_profile="ours")
    told = dialing(ours)
    assert (told.address, told.namespace) == ("here:7233", "orders")
    assert isinstance(told.tls, TLSConfig)
    assert told.tls.domain == "frontend"
    given = {**ours.model_dump(exclude_unset=True), "temporal_profile": "cloud"}
    del given["temporal_address"]
    cloud = dialing(type(ours)(_env_file=None, **given))
    assert (cloud.address, cloud.namespace) == ("orders.a1b2c.tmprl.cloud:7233", "orders.a1b2c")
    assert (cloud.tls, cloud.api_key) == (True, "secret-api-key")
    assert "secret-api-key" not in repr(cloud)


def test_nothing_of_temporals_own_configuration_is_read_unless_asked_for(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A developer's own profile or environment sends no order elsewhere."""
    del ground
    monkeypatch.setenv("TEMPORAL_ADDRESS", "elsewhere:7233")
    monkeypatch.setenv("TEMPORAL_API_KEY", "mine")
    told = dialing(settings_for(DATABASE, temporal_address="here:7233"))
    assert (told.address, told.namespace, told.tls, told.api_key) == ("here:7233", "default", None, None)


def test_a_profile_that_is_not_there_is_named(ground: Ground) -> None:
    """No process starts with half of its security."""
    del ground
    with pytest.raises(SettingsError, match="ORDERSAGA_TEMPORAL_PROFILE"):
        dialing(settings_for(DATABASE, temporal_profile="nowhere"))
