"""What the parts are started with."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from emulators.__main__ import parse
from ordersaga.embedded import StackOptions
from ordersaga.embedded.options import EMULATORS, FURTHER
from ordersaga.embedded.parts import Part
from ordersaga.embedded.plan import BACKGROUND, build_plan, more_api_urls, stack_settings
from ordersaga.settings import Settings
from tests.privacy.keys import ONE


async def nothing_to_prepare(settings: Settings, data: Path) -> str:
    """No database is touched."""
    return ""


def test_an_emulator_understands_a_secret_that_begins_with_a_dash(tmp_path: Path) -> None:
    """Secrets are random; one in sixty-four begins with a dash, which is no option."""
    settings = Settings(easypost_webhook_secret=SecretStr("-Qx7"))
    plan = build_plan(StackOptions(data=tmp_path), settings, {"easypost"}, nothing_to_prepare)
    [part] = [item for item in plan if isinstance(item, Part)]
    assert parse(list(part.command.argv)[3:]).webhook_secret == "-Qx7"


def test_parts_find_one_another_where_a_proxy_listens(tmp_path: Path) -> None:
    """A seen port stands in every address that a part is given; the part itself listens on its own."""
    seen = {"postgres": 101, "temporal": 102, "stripe": 103, "api": 104}
    options = StackOptions(data=tmp_path, seen_ports=seen, stripe_port=203, api_port=204)
    chosen = {"postgres", "temporal", "stripe", "shipbob", "api"}
    settings = stack_settings(options, chosen, Settings(_env_file=None, easypost_api_key=SecretStr("EZTK")))
    assert ":101/" in settings.database_url.get_secret_value()
    assert settings.temporal_address.endswith(":102")
    assert settings.stripe_base_url.endswith(":103")
    assert settings.shipbob_base_url.endswith(f":{options.shipbob_port}")
    assert settings.api_port == 204
    [part] = [item for item in build_plan(options, settings, {"stripe"}, nothing_to_prepare) if isinstance(item, Part)]
    told = parse(list(part.command.argv)[3:])
    assert (told.port, told.webhook_url) == (203, "http://127.0.0.1:104/v1/webhooks/stripe")


@pytest.mark.parametrize("seen", [{"postgress": 5433}, {"postgres": 0}, {"postgres": 65_536}])
def test_a_seen_port_of_nothing_is_refused(tmp_path: Path, seen: dict[str, int]) -> None:
    """A name that is no part's, or a number that is no port."""
    with pytest.raises(ValidationError, match="seen_ports"):
        StackOptions(data=tmp_path, seen_ports=seen)


def test_several_apis_and_workers_are_parts_of_their_own(tmp_path: Path) -> None:
    """Each has a name; each API a port: the one chosen for it, or the next after the first API's."""
    options = StackOptions(data=tmp_path, apis=3, workers=2, api_port=9000, more_ports={"api-3": 9100})
    settings = stack_settings(options, {"stripe", "shipbob", "easypost"}, Settings(_env_file=None))
    plan = build_plan(options, settings, {"worker", "api"}, nothing_to_prepare)
    parts = {item.name: item for item in plan if isinstance(item, Part)}
    assert list(parts) == ["worker", "worker-2", "api", "api-2", "api-3"]
    ports = [parts[name].command.environment["ORDERSAGA_API_PORT"] for name in options.api_names]
    assert ports == ["9000", "9001", "9100"]
    assert more_api_urls(options) == {"api-2": "http://127.0.0.1:9001", "api-3": "http://127.0.0.1:9100"}
    assert options.with_ports({"api": 8000, "api-2": 8500}).port("api-2") == 8500


def test_every_part_has_the_patience_that_was_asked_for(tmp_path: Path) -> None:
    """By default one that outlasts a machine ten times slower than those that take a minute."""
    chosen = {"postgres", "temporal", "stripe", "shipbob", "easypost", "worker", "api"}
    for options in (StackOptions(data=tmp_path), StackOptions(data=tmp_path, ready_timeout=7)):
        settings = stack_settings(options, chosen, Settings(_env_file=None))
        parts = [item for item in build_plan(options, settings, chosen, nothing_to_prepare) if isinstance(item, Part)]
        assert {part.ready_timeout for part in parts} == {options.ready_timeout}
    assert StackOptions(data=tmp_path).ready_timeout >= 600


def test_who_is_none_of_ours_is_given_none_of_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulated companies, and Temporal: no key of a real company beside them, no master key, no password."""
    monkeypatch.setenv("ORDERSAGA_STRIPE_API_KEY", "real-secret")
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEYS", ONE)
    options, chosen = StackOptions(data=tmp_path, all_companies=True), {*EMULATORS, *FURTHER, "temporal", "worker"}
    settings = stack_settings(options, chosen, Settings(_env_file=None))
    plan = build_plan(options, settings, chosen, nothing_to_prepare)
    given = {item.name: item.command.environment for item in plan if isinstance(item, Part)}
    assert [name for name, told in given.items() if {"real-secret", ONE} & {*told.values()}] == ["worker"]
    others = [name for part, told in given.items() if part != "worker" for name in told]
    assert "PATH" in others
    assert [name for name in others if name.startswith("ORDERSAGA_")] == []


@pytest.mark.parametrize("nice", [0, 7])
def test_what_answers_goes_before_what_works_behind_it(tmp_path: Path, nice: int) -> None:
    """Worker, Temporal and emulators yield to API and database when asked, and only then."""
    options = StackOptions(data=tmp_path, nice_background=nice, workers=2)
    chosen = {"postgres", "temporal", "stripe", "shipbob", "easypost", "worker", "api"}
    settings = stack_settings(options, chosen, Settings(_env_file=None))
    plan = build_plan(options, settings, chosen, nothing_to_prepare)
    yielding = {item.name for item in plan if isinstance(item, Part) and item.command.nice}
    assert yielding == ({*BACKGROUND, "worker-2"} & {item.name for item in plan} if nice else set())
