"""docker-compose.yml and the settings: each can be given, variables are known, addresses have somebody behind them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulators.__main__ import REGISTRY, parse
from emulators.common import EmulatorConfig
from ordersaga.doctor.names import unknown_names
from ordersaga.settings import Settings, environment_name, read_settings
from tests.architecture.composition import COMPOSE, NEXT, REPOSITORY, Service, files_of, is_ours, resolved
from tests.architecture.kustomize import containers, template
from tests.architecture.test_compose import COLLECTOR, LASTING, PROMETHEUS, SERVICES
from tests.architecture.test_kubernetes import pods
from workers.orders import GRACE

EXAMPLE = REPOSITORY / "deploy/env.example"
LEFT_OUT = {
    "api_port": "the containers' own; ORDERSAGA_API_PORTS says which of the machine lead there",
    "codec_port": "the container's own",
    "temporal_profile": "Temporal stands beside us, on a network that leads nowhere",
    "notify_loopback": "for tests and demos",
    "demo_sign_in": "for the embedded stack",
    "encryption_keys_file": "the keys are a file already",
    "oidc_client_secret_file": "the secret is a file already",
}
"""Settings that cannot be given to a container, and why."""
OF_IMAGES = {"postgres": {5432}, "keys-postgres": {5432}, "temporal-postgres": {5432}, "jaeger": {4318, 13133}}
"""Ports on which an image listens by itself."""
ADDRESS = re.compile(r"^(?:\w+://)?(?:[^@/\s]+@)?([a-z][a-z0-9.-]*):(\d+)(?:/\S*)?$")


def read_by_compose() -> set[str]:
    """Every variable that the files fill in, or hand on as it is."""
    text = "\n".join(re.sub(r"(^|\s)#.*", "", file.read_text()) for file in (COMPOSE, NEXT))
    return set(re.findall(r"\$\{([A-Z_]+)", text)) | set(re.findall(r"^ +([A-Z_]+):$", text, re.MULTILINE))


def test_every_setting_can_be_given_to_a_container() -> None:
    """As a variable or as a file; those that cannot are named, with the reason."""
    given = {name for service in SERVICES.values() if is_ours(service) for name in service.get("environment", {})}
    given |= {Path(file).name.upper() for service in SERVICES.values() for file in files_of(service)}
    missing = {name for name in Settings.model_fields if environment_name(name) not in given}
    assert missing - LEFT_OUT.keys() == set()
    assert LEFT_OUT.keys() <= Settings.model_fields.keys()


@pytest.mark.parametrize("name", ["ORDERSAGA_HOLD_TTL", "ORDERSAGA_NETWORK", "ORDERSAGA_CALLS_PER_SECOND"])
def test_a_setting_with_a_default_is_handed_on_when_it_is_said(name: str) -> None:
    """And is no variable at all otherwise: an empty one would be a value that cannot be used."""
    for service in ("api", "worker-orders", "relay"):
        assert SERVICES[service]["environment"][name] is None
        assert resolved({name: "7"})["services"][service]["environment"][name] == "7"


def test_what_is_handed_on_unsaid_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults written in docker-compose.yml are values that our settings take."""
    for name, value in SERVICES["worker-orders"]["environment"].items():
        if value is not None:
            monkeypatch.setenv(name, value)
    settings = read_settings(_env_file=None)
    assert settings.temporal_namespace == Settings.model_fields["temporal_namespace"].default


def test_the_example_names_only_what_is_read() -> None:
    """A variable that nothing reads would be believed to do something."""
    named = set(re.findall(r"^#? ?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert len(named) > 20
    assert named - read_by_compose() == set()


def test_the_doctor_knows_every_variable_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is told to be misspelled."""
    for name in read_by_compose():
        monkeypatch.setenv(name, "1")
    told = "".join(map(str, unknown_names(REPOSITORY / "no-such-file")))
    assert {name for name in read_by_compose() if f"{name} is none of ours" in told} == set()


def listening(name: str) -> set[int]:
    """The ports on which a service answers."""
    service = SERVICES[name]
    ports = {int(port["target"]) for port in service.get("ports", [])} | OF_IMAGES.get(name, set())
    if "emulator.sh" in str(service.get("command")):
        ports.add(int(service["command"][-1]))
    variables = service.get("environment") or {}
    ports |= {int(str(variables[each]).rpartition(":")[2]) for each in LISTENS if variables.get(each)}
    if name == "otel-collector":
        ports |= {8888, *map(int, re.findall(r"0\.0\.0\.0:(\d+)", str(COLLECTOR)))}
    return ports


LISTENS = (
    *("ORDERSAGA_HEALTH_ADDRESS", "ORDERSAGA_METRICS_ADDRESS", "ORDERSAGA_TEMPORAL_METRICS_ADDRESS"),
    "PROMETHEUS_ENDPOINT",
)
"""Variables that say where a process answers, not whom it asks."""


def asked() -> Iterator[tuple[str, str, int]]:
    """Who asks whom, on which port: as variables, files of Prometheus and Grafana, and scripts say."""
    for name, service in SERVICES.items():
        for variable, value in (service.get("environment") or {}).items():
            found = ADDRESS.match(value or "")
            if found and variable not in LISTENS:
                yield name, found[1], int(found[2])
        if "emulator.sh" in str(service.get("command")):
            [(host, port)] = re.findall(r"http://([a-z-]+):(\d+)/v1", _text("deploy/emulators/emulator.sh"))
            yield name, host, int(port)
    for job in PROMETHEUS["scrape_configs"]:
        for target in (target for each in job.get("static_configs", []) for target in each["targets"]):
            yield "prometheus", target.partition(":")[0], int(target.rpartition(":")[2])
        for each in job.get("dns_sd_configs", []):
            yield from (("prometheus", host, each["port"]) for host in each["names"] if host in SERVICES)
    for source in yaml.safe_load(_text("deploy/grafana/provisioning/datasources/ordersaga.yaml"))["datasources"]:
        found = ADDRESS.match(source["url"])
        assert found
        yield "grafana", found[1], int(found[2])


def _text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_every_address_has_somebody_behind_it() -> None:
    """A service that listens there, on a network that both are on; what a browser asks is published on loopback."""
    networks = {name: set(service.get("networks", {})) for name, service in SERVICES.items()}
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    published = {int(port["published"]) for port in ports}
    found = set(asked())
    assert len(found) > 40
    for asker, host, port in found:
        if host == "localhost":
            assert port in published, (asker, host, port)
            continue
        assert port in listening(host), (asker, host, port)
        assert networks[asker] & networks[host], (asker, host, port)


def test_people_sign_in_to_temporals_ui_where_they_sign_in_to_the_console() -> None:
    """At the same issuer, as the same client unless another is named; its page is the one the codec server answers."""
    issuer = {"ORDERSAGA_OIDC_ISSUER": "https://id.example.com", "ORDERSAGA_OIDC_CLIENT_ID": "ordersaga"}
    page = {"ORDERSAGA_TEMPORAL_UI_URL": "https://temporal.example.com", "TEMPORAL_AUTH_ENABLED": "true"}
    found = resolved({**issuer, **page})["services"]
    ui, codec = found["temporal-ui"]["environment"], found["codec-server"]["environment"]
    assert ui["TEMPORAL_AUTH_ENABLED"] == ui["TEMPORAL_AUTH_PKCE_ENABLED"] == "true"
    assert ui["TEMPORAL_AUTH_CLIENT_SECRET_FILE"] in files_of(found["temporal-ui"])
    assert ui["TEMPORAL_AUTH_PROVIDER_URL"] == codec["ORDERSAGA_OIDC_ISSUER"] == issuer["ORDERSAGA_OIDC_ISSUER"]
    assert ui["TEMPORAL_AUTH_CLIENT_ID"] == codec["ORDERSAGA_OIDC_CLIENT_ID"] == "ordersaga"
    assert codec["ORDERSAGA_TEMPORAL_UI_URL"] == page["ORDERSAGA_TEMPORAL_UI_URL"]
    assert SERVICES["temporal-ui"]["environment"]["TEMPORAL_AUTH_ENABLED"] == "false"


def test_processes_listen_where_their_ports_lead() -> None:
    """The API's and the codec server's ports are those of their settings, which containers do not change."""
    for name, setting in (("api", "api_port"), ("codec-server", "codec_port")):
        default = Settings.model_fields[setting].default
        assert [int(port["target"]) for port in SERVICES[name]["ports"]] == [default]


@pytest.mark.parametrize("name", LASTING)
def test_a_health_check_asks_its_own_process(name: str) -> None:
    """On a port where that answers."""
    test = SERVICES[name].get("healthcheck", {}).get("test", [])
    for port in re.findall(r"127\.0\.0\.1(?::| )(\d+)|--healthy (\d+)", " ".join(test)):
        assert int("".join(port)) in listening(name)


def test_emulated_companies_exist() -> None:
    """By the names that their program knows; the secret of each is mounted."""
    emulated: dict[str, Service] = {
        name: each for name, each in SERVICES.items() if "emulators" in each.get("profiles", [])
    }
    for name, service in emulated.items():
        _, script, company, port = service["command"]
        assert (company, script) == (name, "/deploy/emulator.sh")
        assert company in REGISTRY
        assert [secret["source"] for secret in service["secrets"]] == [f"ordersaga_{name}_webhook_secret"]
        assert f":{port}" in SERVICES["api"]["environment"][f"ORDERSAGA_{name.upper()}_BASE_URL"]


def test_an_emulated_companys_secret_is_on_no_command_line(tmp_path: Path) -> None:
    """Whoever lists processes would read it there: the script names the file, and the program reads that."""
    (tmp_path / "secret").write_text("whsec_x\n")
    common = ["stripe", "--port=1", "--data=d"]
    assert parse([*common, f"--webhook-secret-file={tmp_path / 'secret'}"]).webhook_secret == "whsec_x"
    assert parse(common).webhook_secret == EmulatorConfig.webhook_secret
    [given] = re.findall(r"--webhook-secret\S*", _text("deploy/emulators/emulator.sh"))
    assert given == '--webhook-secret-file="/run/secrets/ordersaga_$1_webhook_secret"'


def test_everybody_has_the_time_to_end() -> None:
    """Workers longer than their activities may take; on Kubernetes as long, after the balancer's seconds."""
    for overlay in ("production", "trial"):
        for name, each in pods(overlay).items():
            if wanted := SERVICES.get(name, {}).get("stop_grace_period"):
                hook: dict[str, Any] = containers(each)[0].get("lifecycle", {}).get("preStop", {}).get("sleep", {})
                given = template(each)["spec"]["terminationGracePeriodSeconds"] - hook.get("seconds", 0)
                assert given == _seconds(wanted), name
    workers = [service for name, service in SERVICES.items() if name.startswith("worker") or name == "relay"]
    assert min(_seconds(service["stop_grace_period"]) for service in workers) > 2 * GRACE.total_seconds()


def _seconds(text: str) -> float:
    minutes, seconds = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text).groups()  # type: ignore[union-attr]
    return 60 * int(minutes or 0) + int(seconds or 0)
