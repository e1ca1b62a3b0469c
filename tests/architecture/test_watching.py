"""On Kubernetes all that tells something is asked, under the names of alerts and dashboards; traces get through."""

import re
from typing import Any

import pytest
import yaml

from tests.architecture.composition import REPOSITORY
from tests.architecture.kustomize import Object, template
from tests.architecture.test_compose import PROMETHEUS
from tests.architecture.test_kubernetes import OVERLAYS, main, named, pods

ASKED = yaml.safe_load((REPOSITORY / "deploy/prometheus/kubernetes.yml").read_text())["scrape_configs"]
WORKERS = {"worker-orders", "worker-payments", "worker-providers", "worker-carriers", "worker-channels", "relay"}


def told(each: Object, port: Object) -> dict[str, str]:
    """What Prometheus' discovery says of a port of a pod."""
    labels = template(each)["metadata"]["labels"].items()
    found = {f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9]', '_', name)}": value for name, value in labels}
    return {**found, "__meta_kubernetes_pod_container_port_name": port["name"]}


def relabeled(job: dict[str, Any], labels: dict[str, str]) -> dict[str, str] | None:
    """The labels of a target, or None where it is dropped."""
    kept = dict(labels)
    for rule in job["relabel_configs"]:
        value = ";".join(kept.get(name, "") for name in rule["source_labels"])
        if rule.get("action") == "keep":
            if not re.fullmatch(rule["regex"], value):
                return None
        else:
            kept[rule["target_label"]] = value
    return kept


def asked(overlay: str) -> dict[str, set[tuple[str, int, str]]]:
    """Per job: pod, port, and the label `service` of each target."""
    found: dict[str, set[tuple[str, int, str]]] = {}
    for job in ASKED:
        for name, each in pods(overlay).items():
            for port in main(each).get("ports", []):
                if (labels := relabeled(job, told(each, port))) is not None:
                    target = (name, port["containerPort"], labels.get("service", ""))
                    found.setdefault(job["job_name"], set()).add(target)
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_process_is_asked_under_the_names_of_the_alerts(overlay: str) -> None:
    """The same jobs as where it is composed, each worker by its name, on ports that Prometheus may reach."""
    found = asked(overlay)
    assert found["api"] == {("api", 8080, "")}
    assert found["workers"] == {(name, 9464, name) for name in WORKERS}
    assert found["temporal-sdk"] == {(name, 9465, name) for name in {*WORKERS, "api"}}
    assert found["otel-collector"] == {("otel-collector", port, "") for port in (8888, 8889)}
    composed = {job["job_name"] for job in PROMETHEUS["scrape_configs"]} - {"temporal"}
    assert {job["job_name"] for job in ASKED} == composed
    [rule] = named(overlay, "NetworkPolicy")["watched"]["spec"]["ingress"]
    assert {port for targets in found.values() for _, port, _ in targets} <= {each["port"] for each in rule["ports"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_makes_traces_reaches_the_collector(overlay: str) -> None:
    """Spans of a process that no policy lets through would be tried, told as lost, and lost."""
    everybody = named(overlay, "ConfigMap")["ordersaga-settings"]["data"]["ORDERSAGA_OTLP_ENDPOINT"]
    [rule] = named(overlay, "NetworkPolicy")["otel-collector"]["spec"]["ingress"]
    let_in = rule["from"][0]["podSelector"]["matchLabels"].items()
    for name in {*WORKERS, "api", "codec-server"}:
        each = pods(overlay)[name]
        env = {variable["name"]: variable.get("value") for variable in main(each)["env"]}
        makes_traces = bool(env.get("ORDERSAGA_OTLP_ENDPOINT", everybody))
        assert makes_traces is (let_in <= template(each)["metadata"]["labels"].items()), name


def test_production_says_where_its_traces_go() -> None:
    """The Jaeger beside us is that of containers."""
    env = main(pods("production")["otel-collector"])["env"]
    [target] = [variable["value"] for variable in env if variable["name"] == "TRACES_TO"]
    assert target.startswith("https://")
