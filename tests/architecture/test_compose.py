"""docker-compose.yml: hardened, healthy, with secrets as files, and in agreement with the code it runs."""

import importlib.util
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from ordersaga.domain.lanes import channel_lane
from ordersaga.settings import CREDENTIALS, NEEDS, Settings, environment_name, read_settings, require_credentials
from ordersaga.stores.roles import LOGINS, login_of
from tests.architecture.composition import (
    JOBS,
    REPOSITORY,
    Service,
    files_of,
    is_ours,
    logins,
    resolved,
    secrets_read,
    services,
)
from workers.__main__ import ROLES, Duties, parse_duties
from workflows.messages import BOOKS_QUEUE, CARRIER_QUEUE, PAYMENT_QUEUE, carrier_queue, provider_queue

WHOLE = resolved()
SERVICES: dict[str, Service] = dict(WHOLE["services"])
LASTING = sorted(set(SERVICES) - JOBS)
WRITES_ITS_OWN_ROOT = {"temporal-ui"}
WITHOUT_A_SHELL = {"otel-collector"}
LOOPBACK = "127.0.0.1"
PROMETHEUS = yaml.safe_load((REPOSITORY / "deploy/prometheus/prometheus.yml").read_text())
ALERTS = yaml.safe_load((REPOSITORY / "deploy/prometheus/alerts.yaml").read_text())
COLLECTOR = yaml.safe_load((REPOSITORY / "deploy/otel/collector.yaml").read_text())


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_gets_no_more_than_it_needs(name: str) -> None:
    """No privileges, no capabilities, a read-only root, limits, and an image of one version."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert not service.get("privileged")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) is (name not in WRITES_ITS_OWN_ROOT)
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= set(limits)
    assert service["restart"] == ("no" if name in JOBS else "unless-stopped")
    if not is_ours(service):
        assert re.search(r":v?\d+(\.\d+)+$", service["image"]), "an image of one version"


@pytest.mark.parametrize("name", LASTING)
def test_a_service_says_whether_it_is_healthy(name: str) -> None:
    """But the collector, whose image has nothing to ask with: it is scraped."""
    check = SERVICES[name].get("healthcheck", {})
    if name in WITHOUT_A_SHELL:
        assert not check
        assert f"{name}:8888" in str(PROMETHEUS["scrape_configs"])
        return
    assert not check.get("disable")
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert check["retries"] >= 3


def test_nothing_starts_before_what_it_needs() -> None:
    """A job has to have ended well, a service to be healthy; to have been started is not enough."""
    conditions = {
        (name, needed, dependency["condition"])
        for name, service in SERVICES.items()
        for needed, dependency in service.get("depends_on", {}).items()
    }
    wrong = [
        (name, needed, condition)
        for name, needed, condition in conditions
        if condition != ("service_completed_successfully" if needed in JOBS else "service_healthy")
    ]
    assert len(conditions) > 10
    assert wrong == []


def test_secrets_are_files_and_nothing_else() -> None:
    """No variable of any container holds one; each is declared, used, and called as the setting it is."""
    named = re.compile(r"PASSWORD|SECRET|TOKEN|API_KEY|_PWD")
    plain = {
        f"{name}: {variable}"
        for name, service in SERVICES.items()
        for variable in service.get("environment", {})
        if named.search(variable) and not variable.endswith("_FILE") and "PASS_ACCESS_TOKEN" not in variable
    }
    assert plain == set()
    used = {secret["source"] for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(WHOLE["secrets"])
    read = {Path(path).name for service in SERVICES.values() if is_ours(service) for path in files_of(service)}
    settings = {environment_name(name).lower() for name in Settings.model_fields}
    assert {name for name in read if name.startswith("ordersaga_")} <= settings
    assert {name for name in read if not name.startswith("ordersaga_")} <= set(LOGINS)


def test_each_kind_of_process_logs_in_as_itself() -> None:
    """With a password that no other process sees; the owner's is the databases', the migrations' and the owner's."""
    kinds = {**_kinds(), "migrations": "owner"}
    expected = {
        name: ("ordersaga" if kind == "owner" else login_of(kind), f"database_{kind}") for name, kind in kinds.items()
    }
    assert logins() == expected
    assert set(kinds.values()) - {"owner"} == set(LOGINS) - {"reader"}
    for name, service in SERVICES.items():
        passwords = {source for source in files_of(service).values() if source.startswith("database_")}
        if name in kinds and name != "migrations":
            assert passwords == {expected[name][1]}, name
    given = {
        path: source for path, source in files_of(SERVICES["migrations"]).items() if path.startswith("/run/logins")
    }
    assert given == {f"/run/logins/{kind}": f"database_{kind}" for kind in set(LOGINS) - {"reader"}}
    assert SERVICES["migrations"]["command"][-2:] == ["--logins", "/run/logins"]


def test_keys_are_copied_to_another_database() -> None:
    """Every process of ours and the migrations know it; it stands apart from the orders', with a network of its own."""
    name = urlsplit(SERVICES["api"]["environment"]["ORDERSAGA_KEY_COPIES_URL"]).hostname
    assert name == "keys-postgres"
    users = {each for each in SERVICES if "keys" in SERVICES[each].get("networks", {})} - {name}
    assert users == set(logins())
    for each in users:
        urls = [SERVICES[each]["environment"][f"ORDERSAGA_{which}_URL"] for which in ("DATABASE", "KEY_COPIES")]
        assert len({urlsplit(url).hostname for url in urls}) == 2
        assert [(urlsplit(url).username, urlsplit(url).password) for url in urls] == [(None, None)] * 2
    volumes = [SERVICES[each]["volumes"][0]["source"] for each in (name, "postgres")]
    assert len(set(volumes)) == 2
    assert name in SERVICES["migrations"]["depends_on"]


OF_OTHERS = {
    **{name: {"database_owner"} for name in ("postgres", "keys-postgres")},
    **{name: {"database_temporal"} for name in ("temporal-postgres", "temporal-schema", "temporal")},
    **{"prometheus": {"metrics_key"}, "grafana": {"grafana_password"}},
    "temporal-ui": {"temporal_ui_client_secret"},
    **{name: {f"ordersaga_{name}_webhook_secret"} for name in ("stripe", "shipbob", "easypost")},
    "migrations": {"ordersaga_database_password", *(set(LOGINS) - {"reader"})},
}
"""What is mounted to whoever is no process of a kind."""


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_gets_the_secrets_that_its_code_reads_and_no_other(name: str) -> None:
    """By its kind, as `NEEDS` and `BESIDE` of the settings tell it; what is needed and no secret is a variable."""
    service, kind = SERVICES[name], _kinds().get(name)
    own = secrets_read(kind) | {"ordersaga_database_password"} if kind else OF_OTHERS.get(name, set())
    assert {Path(path).name for path in files_of(service)} == own
    if kind:
        needed = {environment_name(setting) for setting in NEEDS.get(kind, CREDENTIALS)}
        assert needed <= {each.upper() for each in own} | set(service["environment"])


def test_files_of_accounts_are_seen_by_those_who_open_them() -> None:
    """The folder of your files holds secrets of further accounts."""
    seeing = {name for name, each in SERVICES.items() if "/etc/ordersaga" in str(each.get("volumes"))}
    assert seeing == _kinds().keys() - {"codec-server"}


def test_the_script_makes_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With emulated companies everything is made up, once; a process finds all it needs in the folder."""
    folder = tmp_path / "secrets"
    made = [_secrets("--emulated", str(folder)) for _ in range(2)]
    assert [each.stdout for each in made] == ["", ""]
    files = _files(folder)
    wanted = {str(Path(secret["file"]).relative_to(REPOSITORY / "secrets")) for secret in WHOLE["secrets"].values()}
    assert wanted == set(files)
    assert {oct(each.stat().st_mode)[-3:] for each in (folder, folder / "databases")} == {"700"}
    login = tmp_path / "login"
    login.mkdir()
    (login / "ordersaga_database_password").write_text(files["databases/api"])
    monkeypatch.setenv("ORDERSAGA_SECRETS_DIR", f"{folder}:{login}")
    settings = require_credentials(read_settings(_env_file=None, shipbob_channel_id=1))
    assert settings.shipbob_webhook_secret.get_secret_value().startswith("whsec_")
    assert f":{files['databases/api'].strip()}@" in settings.database_url.get_secret_value()
    _secrets("--emulated", str(folder))
    assert _files(folder) == files, "what is there is kept"


def test_passwords_of_an_earlier_release_are_kept(tmp_path: Path) -> None:
    """They lay beside what processes share; the databases that exist know no others."""
    for name in ("ordersaga_database_password", "temporal_database_password"):
        (tmp_path / name).write_text(name)
    _secrets("--emulated", str(tmp_path))
    files = _files(tmp_path)
    assert files["databases/owner"] == "ordersaga_database_password"
    assert files["databases/temporal"] == "temporal_database_password"
    assert "ordersaga_database_password" not in files


def _files(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_the_script_says_what_is_left_to_do(tmp_path: Path) -> None:
    """The companies' credentials cannot be made up: each is named."""
    told = _secrets(str(tmp_path / "s")).stdout
    secret = [name for name in CREDENTIALS if "Secret" in str(Settings.model_fields[name].annotation)]
    assert sorted(re.findall(r"fill in \S+/(\w+)", told)) == sorted(f"ordersaga_{name}" for name in secret)


def test_what_is_mounted_is_there() -> None:
    """A missing file would be made a folder by the engine; scripts are valid."""
    sources = [
        Path(volume["source"])
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume["type"] == "bind"
    ]
    assert sources
    assert [source for source in sources if not source.exists()] == []
    for script in (REPOSITORY / "deploy").rglob("*.sh"):
        assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0


def test_databases_and_emulators_are_apart() -> None:
    """Each database has a network of its own that leads nowhere; emulated companies reach the API and nobody else."""
    networks = {name: set(service.get("networks", {})) for name, service in SERVICES.items()}
    assert networks["postgres"] == {"data"}
    assert networks["temporal-postgres"] == {"temporal-data"}
    assert networks["keys-postgres"] == {"keys"}
    emulators = {name for name, service in SERVICES.items() if service.get("profiles") == ["emulators"]}
    assert len(emulators) == 3
    for name in emulators:
        assert networks[name] == {"companies"}
    within = {name for name, network in WHOLE["networks"].items() if network.get("internal")}
    assert within == set(WHOLE["networks"]) - {"outside", "edge"}


def test_only_the_api_is_open_to_other_machines() -> None:
    """Every other port is bound to loopback; who has one is on the network that has a way there."""
    ports = {(name, port.get("host_ip")) for name, service in SERVICES.items() for port in service.get("ports", [])}
    assert {name for name, host in ports if host != LOOPBACK} == {"api"}
    assert {name for name, _ in ports} <= {name for name, each in SERVICES.items() if "edge" in each["networks"]}


def _duties() -> dict[str, Duties]:
    """What each worker does, read by the workers' own parser."""
    return {
        name: parse_duties(service["command"][3:])
        for name, service in SERVICES.items()
        if (service.get("command") or [])[:3] == ["python", "-m", "workers"]
    }


def _kinds() -> dict[str, str]:
    """Our processes, and the kind of each."""
    kinds = {"api": "api", "codec-server": "codec", "owner": "owner"}
    for name, duties in _duties().items():
        [kinds[name]] = duties.roles
    return kinds


def test_every_role_and_every_lane_is_served_once() -> None:
    """A lane that no process serves would wait forever."""
    duties = _duties()
    assert {role for each in duties.values() for role in each.roles} == set(ROLES)
    lanes = [
        *(BOOKS_QUEUE, PAYMENT_QUEUE, CARRIER_QUEUE),
        *(provider_queue("any"), carrier_queue("any"), channel_lane("any")),
    ]
    for lane in lanes:
        serving = [
            name
            for name, each in duties.items()
            if "lanes" in each.roles and any(fnmatchcase(lane, pattern) for pattern in each.lanes)
        ]
        assert len(serving) == 1, lane


def test_what_is_run_exists() -> None:
    """The modules that commands name."""
    modules = {
        service["command"][2]
        for service in SERVICES.values()
        if is_ours(service) and service["command"][:2] == ["python", "-m"]
    }
    assert {"ordersaga", "ordersaga.api", "workers"} <= modules
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


def _port(name: str, setting: str) -> int:
    return int(SERVICES[name]["environment"][environment_name(setting)].rpartition(":")[2])


def test_prometheus_asks_where_processes_answer() -> None:
    """Every worker and every API, on the ports their settings name; its rules are there."""
    jobs: dict[str, Any] = {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}
    workers = sorted(_duties())
    beside = {f"{name}-next" for name, each in _duties().items() if set(each.roles) & {"orders", "lanes"}}
    for job, setting in (("workers", "metrics_address"), ("temporal-sdk", "temporal_metrics_address")):
        *_, found = jobs[job]["dns_sd_configs"]
        assert jobs[job]["relabel_configs"] == [{"source_labels": ["__meta_dns_name"], "target_label": "service"}]
        assert sorted(set(found["names"]) - beside) == workers
        assert beside <= set(found["names"]), "docker-compose.next.yml"
        assert {_port(name, setting) for name in workers} == {found["port"]}
    [api] = jobs["api"]["dns_sd_configs"]
    assert (api["names"], api["port"]) == (["api"], Settings.model_fields["api_port"].default)
    sdk, _ = jobs["temporal-sdk"]["dns_sd_configs"]
    assert (sdk["names"], sdk["port"]) == (["api"], _port("api", "temporal_metrics_address"))
    assert jobs["api"]["authorization"]["credentials_file"] == "/run/secrets/metrics_key"
    targets = [target for job in jobs.values() for each in job.get("static_configs", []) for target in each["targets"]]
    assert {target.partition(":")[0] for target in targets} <= set(SERVICES)
    assert f"temporal:{SERVICES['temporal']['environment']['PROMETHEUS_ENDPOINT'].rpartition(':')[2]}" in targets
    for file in PROMETHEUS["rule_files"]:
        assert (REPOSITORY / "deploy/prometheus" / Path(file).name).exists()


def test_each_worker_is_missed_by_its_name() -> None:
    """One that does not run has no address, and is not asked: nothing else would tell that it is gone."""
    rules = {rule["alert"]: rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]}
    missed = re.findall(r'absent\(up{job="workers", service="([\w-]+)"}\)', rules["OrdersagaWorkerGone"])
    assert sorted(missed) == sorted(_duties())


def test_the_collector_takes_what_processes_send() -> None:
    """On the port their setting names; its pipelines are made of what it has."""
    endpoint = COLLECTOR["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    sent = {service["environment"].get("ORDERSAGA_OTLP_ENDPOINT") for service in (SERVICES["api"], SERVICES["relay"])}
    assert sent == {f"http://otel-collector:{endpoint.rpartition(':')[2]}"}
    known = {kind: set(COLLECTOR[kind]) for kind in ("receivers", "processors", "exporters")}
    connectors = set(COLLECTOR["connectors"])
    for pipeline in COLLECTOR["service"]["pipelines"].values():
        for kind, parts in pipeline.items():
            assert set(parts) <= known[kind] | connectors
    assert set(COLLECTOR["service"]["extensions"]) == set(COLLECTOR["extensions"])
    assert "TRACES_TO" in SERVICES["otel-collector"]["environment"]


def test_dashboards_and_their_source_are_where_grafana_looks() -> None:
    """Provisioned from the mounted folders."""
    mounts = {volume["target"]: volume["source"] for volume in SERVICES["grafana"]["volumes"]}
    provisioning = Path(mounts["/etc/grafana/provisioning"])
    [provider] = yaml.safe_load((provisioning / "dashboards/ordersaga.yaml").read_text())["providers"]
    assert list(Path(mounts[provider["options"]["path"]]).glob("*.json"))
    files = (provisioning / "datasources").glob("*.yaml")
    sources = [source for file in files for source in yaml.safe_load(file.read_text())["datasources"]]
    assert len({source["uid"] for source in sources}) == len(sources) == 2
    assert {re.sub(r"https?://([\w-]+).*", r"\1", source["url"]) for source in sources} <= set(SERVICES)


@pytest.mark.parametrize("secret", ["of-the-file\n", ""])
def test_temporals_ui_reads_its_secret_from_a_file(tmp_path: Path, secret: str) -> None:
    """The script hands it on to the image's own entry point; where nobody signs in there is none."""
    (tmp_path / "secret").write_text(secret)
    entry = tmp_path / "entry.sh"
    entry.write_text('#!/bin/sh\necho "$TEMPORAL_AUTH_CLIENT_SECRET"\n')
    entry.chmod(0o755)
    environment = {"TEMPORAL_AUTH_CLIENT_SECRET_FILE": str(tmp_path / "secret"), "TEMPORAL_UI_ENTRYPOINT": str(entry)}
    script = REPOSITORY / "deploy/temporal/ui.sh"
    said = subprocess.run(["/bin/sh", str(script)], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == secret.strip()
    assert SERVICES["temporal-ui"]["entrypoint"] == ["/bin/sh", "/deploy/ui.sh"]


def test_the_server_reads_its_password_from_a_file(tmp_path: Path) -> None:
    """The script hands it on to the image's own entry point."""
    (tmp_path / "password").write_text("of-the-file\n")
    entry = tmp_path / "entry.sh"
    entry.write_text('#!/bin/sh\necho "$POSTGRES_PWD"\n')
    entry.chmod(0o755)
    environment = {"POSTGRES_PWD_FILE": str(tmp_path / "password"), "TEMPORAL_ENTRYPOINT": str(entry)}
    script = REPOSITORY / "deploy/temporal/server.sh"
    said = subprocess.run(["/bin/sh", str(script)], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "of-the-file\n"


def test_as_many_as_asked_for() -> None:
    """Each API has a port of its own on the machine; by default there is one of each."""
    given = {"ORDERSAGA_APIS": "3", "ORDERSAGA_API_PORTS": "8080-8082", "ORDERSAGA_WORKERS": "4"}
    for wanted, (apis, ports, workers) in (({}, (1, "8080", 1)), (given, (3, "8080-8082", 4))):
        found = services(wanted)
        assert [found[name]["deploy"]["replicas"] for name in ("api", "worker-orders")] == [apis, workers]
        assert found["api"]["ports"][0]["published"] == ports


def _secrets(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = REPOSITORY / "deploy/secrets.sh"
    return subprocess.run(["sh", str(script), *arguments], capture_output=True, text=True, check=True)
