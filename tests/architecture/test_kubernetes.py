"""deploy/kubernetes: valid, hardened, and the same processes as docker-compose.yml runs."""

import functools
import json
import shutil
import subprocess
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from ordersaga.network import read_network
from ordersaga.settings import CREDENTIALS, Settings, environment_name, read_settings, require_credentials
from ordersaga.stores.roles import LOGINS
from tests.architecture.composition import REPOSITORY, files_of, is_ours, logins, resolved
from tests.architecture.kustomize import Object, canonical, containers, render, template
from workers.__main__ import parse_duties
from workflows.messages import BOOKS_QUEUE, CARRIER_QUEUE, ORDER_QUEUE, PAYMENT_QUEUE, provider_queue

FOLDER = REPOSITORY / "deploy/kubernetes/overlays"
OVERLAYS = {name: render(FOLDER / name) for name in ("production", "trial")}
DIFFERENT = [*OVERLAYS["trial"], *(each for each in OVERLAYS["production"] if each not in OVERLAYS["trial"])]
WHOLE = resolved()
COMPOSED: Mapping[str, Any] = WHOLE["services"]
VERSION = "1.32"
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
"""It would read a megabyte of definitions for every object."""
KEDA = "keda.sh/v1alpha1"
WRITES_ITS_OWN_ROOT = {"temporal-ui"}
ACCOUNTS = """
[accounts.blitz]
kind = "private_delivery"
url = "https://api.blitz.example"
token = "file:{folder}/courier_token"
webhook_secret = "file:{folder}/courier_token"
"""
PODS = ("Deployment", "StatefulSet", "Job")


def named(overlay: str, kind: str) -> dict[str, Object]:
    """The objects of a kind by name."""
    return {each["metadata"]["name"]: each for each in OVERLAYS[overlay] if each["kind"] == kind}


def pods(overlay: str) -> dict[str, Object]:
    """Whatever has pods, by name."""
    return {name: each for kind in PODS for name, each in named(overlay, kind).items()}


def main(each: Object) -> Object:
    """The one container of its pods."""
    [found] = containers(each)
    return found


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl says it better, where there is one")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_itself_makes_the_same(overlay: str) -> None:
    """What is checked here is what would be applied."""
    said = subprocess.run(["kubectl", "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, check=True)
    assert canonical(yaml.safe_load_all(said.stdout)) == canonical(OVERLAYS[overlay])


@pytest.mark.parametrize("kind", sorted({each["kind"] for each in DIFFERENT if each["apiVersion"] != KEDA}))
def test_every_object_is_valid(kind: str) -> None:
    """By the schemas of Kubernetes; unknown fields are refused."""
    for each in (each for each in DIFFERENT if each["kind"] == kind):
        kubernetes_validate.validate(each, VERSION, strict=True)
        assert kind == "Namespace" or each["metadata"]["namespace"] == "ordersaga"


def test_the_validation_would_notice() -> None:
    """A misspelled field is refused."""
    broken = dict(named("production", "Deployment")["api"])
    broken["spec"] = {**broken["spec"], "replica": 2}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_gets_no_more_than_it_needs(overlay: str) -> None:
    """No root, no privileges, a read-only root file system, limits, no token, images of one version."""
    for name, each in pods(overlay).items():
        spec, container = template(each)["spec"], main(each)
        security = container["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["automountServiceAccountToken"] is False
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is (name not in WRITES_ITS_OWN_ROOT)
        assert {"requests", "limits"} <= set(container["resources"])
        assert container["image"].rpartition(":")[2][0].isdigit()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_says_whether_it_lives_and_is_ready(overlay: str) -> None:
    """Ours on /healthz and /readyz, on a port that is theirs."""
    ours = 0
    for name, each in pods(overlay).items():
        container = main(each)
        if each["kind"] == "Job":
            continue
        assert {"livenessProbe", "readinessProbe"} <= set(container), name
        if template(each)["metadata"]["labels"].get("app.kubernetes.io/name") == "ordersaga":
            ours += 1
            ports = {port["containerPort"] for port in container["ports"]}
            paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("liveness", "readiness", "startup")}
            assert {get["port"] for get in paths.values()} <= ports
            ready = "/healthz" if name == "codec-server" else "/readyz"
            assert [paths[each]["path"] for each in paths] == ["/healthz", ready, "/healthz"]
    assert ours == 8


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_same_processes_as_composed(overlay: str) -> None:
    """Commands, resources, and time to end; what only one of the two has is known."""
    found = pods(overlay)
    ours = {name for name, each in COMPOSED.items() if is_ours(each) and "profiles" not in each}
    assert ours <= set(found)
    for name in set(COMPOSED) & set(found):
        container, service = main(found[name]), COMPOSED[name]
        if is_ours(service):
            assert container["args"] == service["command"], name
        limits = service["deploy"]["resources"]["limits"]
        assert _bytes(container["resources"]["limits"]["memory"]) == int(limits["memory"]), name
        assert _cores(container["resources"]["limits"]["cpu"]) == float(limits["cpus"]), name
        if wanted := service["deploy"]["resources"].get("reservations"):
            assert _bytes(container["resources"]["requests"]["memory"]) == int(wanted["memory"]), name
            assert _cores(container["resources"]["requests"]["cpu"]) == float(wanted["cpus"]), name
        if overlay == "trial" and not is_ours(service):
            assert container["image"] == service["image"]


def test_the_trial_is_all_that_is_composed_but_what_watches() -> None:
    """Prometheus, Grafana and Jaeger are the cluster's own; the owner has a pod for as long as a command takes."""
    assert set(COMPOSED) - set(pods("trial")) == {"prometheus", "grafana", "jaeger", "owner"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_exist_and_secrets_are_files(overlay: str) -> None:
    """No variable is unknown or holds a secret; every credential is a key of the mounted Secret, as composed."""
    settings = named(overlay, "ConfigMap")["ordersaga-settings"]["data"]
    known = {environment_name(name) for name in Settings.model_fields} | {"ORDERSAGA_SECRETS_DIR"}
    secret = {environment_name(name) for name, field in Settings.model_fields.items() if "Secret" in str(field)}
    variables = set(settings)
    for each in pods(overlay).values():
        names = {variable["name"] for variable in main(each).get("env", [])}
        variables |= {name for name in names if name.startswith("ORDERSAGA_")}
    assert variables <= known
    addresses = {"ORDERSAGA_DATABASE_URL", "ORDERSAGA_KEY_COPIES_URL"}
    assert variables & secret == addresses
    assert {(urlsplit(settings[name]).username, urlsplit(settings[name]).password) for name in addresses} == {
        (None, None)
    }
    assert len({urlsplit(settings[name]).hostname for name in addresses}) == 2
    named_keys = {key for each in pods(overlay).values() for _, key, _ in files(each)}
    assert named_keys <= set(WHOLE["secrets"])


def files(each: Object) -> set[tuple[str, str, str]]:
    """Secrets that a pod names one by one: volume, the secret as it is called where it is composed, and the file."""
    found = set()
    for volume in template(each)["spec"].get("volumes", []):
        source = volume.get("secret", {})
        prefix = "database_" if source.get("secretName") == "ordersaga-databases" else ""
        found |= {(volume["name"], prefix + item["key"], item["path"]) for item in source.get("items", [])}
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_process_logs_in_as_where_it_is_composed(overlay: str) -> None:
    """By the same login, with its own password and no other's; what all share holds no password of a database."""
    for name, (user, password) in logins().items():
        if name == "owner":
            continue
        each = pods(overlay)[name]
        env = {variable["name"]: variable.get("value") for variable in main(each)["env"]}
        assert env["ORDERSAGA_DATABASE_USER"] == user, name
        own = {(key, path) for volume, key, path in files(each) if volume == "login"}
        assert own == {(password, "ordersaga_database_password")}, name
        mounts = {mount["name"]: mount["mountPath"] for mount in main(each)["volumeMounts"]}
        told = named(overlay, "ConfigMap")["ordersaga-settings"]["data"]["ORDERSAGA_SECRETS_DIR"]
        assert mounts["login"] in env.get("ORDERSAGA_SECRETS_DIR", told).split(":")
        if name == "migrations":
            given = {(key, path) for volume, key, path in files(each) if volume == "logins"}
            assert given == {(f"database_{kind}", kind) for kind in set(LOGINS) - {"reader"}}
            assert main(each)["args"][-1] == mounts["logins"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_process_sees_the_secrets_that_its_code_reads_and_no_other(overlay: str) -> None:
    """Those that its service has where it is composed, and of files with secrets as many."""
    for name in logins().keys() - {"owner", "migrations"}:
        each, mounted = pods(overlay)[name], files_of(COMPOSED[name])
        wanted = {Path(path).name for path in mounted} - {"ordersaga_database_password"}
        shown = {(key, path) for volume, key, path in files(each) if volume == "secrets"}
        assert shown == {(secret, secret) for secret in wanted}, name
        whole = {
            volume["secret"]["secretName"]
            for volume in template(each)["spec"]["volumes"]
            if "secret" in volume and "items" not in volume["secret"]
        }
        assert whole == (set() if name == "codec-server" else {"ordersaga-files"})


@pytest.mark.parametrize("archive", [True, False])
def test_the_owners_pod_is_valid_and_as_hardened_as_all(tmp_path: Path, archive: bool) -> None:
    """What the script asks the cluster for, the archive where there is one; words stay as they are."""
    claim = f"*persistentvolumeclaim*) exit {0 if archive else 1};;"
    (tmp_path / "kubectl").write_text(
        f'#!/bin/sh\ncase "$*" in *jsonpath*) echo ordersaga:1;; *overrides*) printf %s "$*";; {claim} esac\n'
    )
    (tmp_path / "kubectl").chmod(0o755)
    script = REPOSITORY / "deploy/kubernetes/owner.sh"
    words = ["keys", "off", "--by", "olga", "--reason", 'a "trial" \\ over']
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    said = subprocess.run(["sh", str(script), *words], env=environment, capture_output=True, text=True, check=True)
    pod = json.loads(said.stdout.partition("--overrides=")[2])
    kubernetes_validate.validate(pod, VERSION, strict=True)
    [container] = pod["spec"]["containers"]
    assert container["args"] == ["python", "-m", "ordersaga", *words]
    api = template(named("production", "Deployment")["api"])["spec"]
    assert container["securityContext"] == api["containers"][0]["securityContext"]
    group = named("production", "Deployment")["relay"]["spec"]["template"]["spec"]["securityContext"]
    assert pod["spec"]["securityContext"] == {**api["securityContext"], **group}
    [folder] = [volume for volume in pod["spec"]["volumes"] if volume["name"] == "archive"]
    assert ("persistentVolumeClaim" in folder, "emptyDir" in folder) == (archive, not archive)
    [login] = [volume for volume in pod["spec"]["volumes"] if volume["name"] == "login"]
    assert login["secret"]["items"] == [{"key": "owner", "path": "ordersaga_database_password"}]


def test_a_mounted_secret_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Secret's files are links to a folder of the day beside them; a file of accounts may be one of them."""
    (tmp_path / "..2026_11_23").mkdir()
    (tmp_path / "..data").symlink_to("..2026_11_23")
    for name in (*CREDENTIALS, "database_password"):
        (tmp_path / "..data" / f"ordersaga_{name}").write_text("1")
        (tmp_path / f"ordersaga_{name}").symlink_to(f"..data/ordersaga_{name}")
    (tmp_path / "courier_token").write_text("of-a-file")
    network = tmp_path / "network.toml"
    network.write_text(ACCOUNTS.format(folder=tmp_path))
    monkeypatch.setenv("ORDERSAGA_SECRETS_DIR", str(tmp_path))
    settings = require_credentials(read_settings(_env_file=None, database_url="postgresql://u@h/d", network=network))
    assert settings.database_url.get_secret_value() == "postgresql://u:1@h/d"
    assert list(read_network(network).accounts) == ["blitz"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_referred_to_is_there(overlay: str) -> None:
    """Services and budgets select pods that exist, on ports they have; ConfigMaps are defined."""
    labels = {name: template(each)["metadata"]["labels"] for name, each in pods(overlay).items()}
    for name, service in named(overlay, "Service").items():
        selected = [pod for pod, has in labels.items() if service["spec"]["selector"].items() <= has.items()]
        assert len(selected) == 1, name
        ports = {port["containerPort"] for port in main(pods(overlay)[selected[0]])["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    budgets = named(overlay, "PodDisruptionBudget")
    lasting = {name for name, each in named(overlay, "Deployment").items() if "ordersaga" in labels[name].values()}
    assert set(budgets) == lasting
    for name, budget in budgets.items():
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels[name].items()
    maps = set(named(overlay, "ConfigMap"))
    for each in pods(overlay).values():
        used = {source["configMapRef"]["name"] for source in main(each).get("envFrom", [])}
        used |= {volume["configMap"]["name"] for volume in template(each)["spec"]["volumes"] if "configMap" in volume}
        assert used <= maps


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_policies_select_somebody(overlay: str) -> None:
    """Nothing is open by default, and no rule speaks of pods that are not there."""
    policies = named(overlay, "NetworkPolicy")
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    labels = [template(each)["metadata"]["labels"] for each in pods(overlay).values()]
    for name, policy in policies.items():
        for selector in _selectors(policy["spec"]):
            wanted = selector.get("matchLabels", {})
            assert any(wanted.items() <= has.items() for has in labels), (name, wanted)
    databases = [
        policy for name, policy in policies.items() if name in ("postgres", "keys-postgres", "temporal-postgres")
    ]
    assert all(len(policy["spec"]["ingress"]) == 1 and "from" in policy["spec"]["ingress"][0] for policy in databases)


def _selectors(value: Any) -> list[Mapping[str, Any]]:
    """Every podSelector."""
    if isinstance(value, dict):
        own = [value["podSelector"]] if "podSelector" in value else []
        return own + [found for each in value.values() for found in _selectors(each)]
    return [found for each in value for found in _selectors(each)] if isinstance(value, list) else []


def test_scaling_follows_queues_that_are_served() -> None:
    """Each trigger names a queue, of the kind of tasks its Deployment polls there, and the build that polls it.

    The API follows its CPU.
    """
    found = named("production", "ScaledObject")
    deployments = named("production", "Deployment")
    known = {BOOKS_QUEUE, PAYMENT_QUEUE, CARRIER_QUEUE, provider_queue("shipbob")}
    settings = named("production", "ConfigMap")["ordersaga-settings"]["data"]
    build = (Settings.model_fields["worker_deployment"].default, settings["ORDERSAGA_WORKER_BUILD"])
    assert {"worker-orders", "worker-payments", "worker-providers", "worker-carriers"} == set(found)
    for name, scaled in found.items():
        spec = scaled["spec"]
        assert spec["scaleTargetRef"]["name"] == name
        assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
        duties = parse_duties(main(deployments[name])["args"][3:])
        for trigger in spec["triggers"]:
            assert trigger["type"] == "temporal"
            told = trigger["metadata"]
            assert told["endpoint"] == settings["ORDERSAGA_TEMPORAL_ADDRESS"]
            assert (told["workerDeploymentName"], told["workerDeploymentBuildId"]) == build
            if told["queueTypes"] == "workflow":
                assert (told["taskQueue"], duties.roles) == (ORDER_QUEUE, ("orders",))
            else:
                assert told["taskQueue"] in known
                assert any(fnmatchcase(told["taskQueue"], pattern) for pattern in duties.lanes)
    unsaid = {name for name, each in deployments.items() if "replicas" not in each["spec"]}
    assert unsaid == {*found, "api"}, "a number would be set again by every release"
    assert named("production", "HorizontalPodAutoscaler")["api"]["spec"]["scaleTargetRef"]["name"] in deployments


def _bytes(text: str) -> int:
    units = {"Mi": 1024**2, "Gi": 1024**3}
    return int(text[:-2]) * units[text[-2:]]


def _cores(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
