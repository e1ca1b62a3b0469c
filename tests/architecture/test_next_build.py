"""Workers of a second build beside the first, as docs/upgrade.md wants it: in containers and on Kubernetes."""

from typing import Any

import kubernetes_validate
import pytest

from ordersaga.settings import Settings
from tests.architecture.composition import COMPOSE, NEXT, compose, services
from tests.architecture.kustomize import Object, containers, render, template
from tests.architecture.test_kubernetes import FOLDER, KEDA, OVERLAYS, VERSION, named
from workers.__main__ import parse_duties

GIVEN = {"ORDERSAGA_NEXT_VERSION": "0.2.0", "ORDERSAGA_NEXT_BUILD": "v2"}
BESIDE = render(FOLDER / "next")
BUILDS = {"orders", "lanes"}
"""Roles whose work is of one build."""


def of_a_build() -> dict[str, Object]:
    """The Deployments of production whose work is of one build, by name."""
    found = named("production", "Deployment")
    return {name: each for name, each in found.items() if _roles(containers(each)[0]["args"]) & BUILDS}


def _roles(command: list[str]) -> set[str]:
    return set(parse_duties(command[3:]).roles) if command[:3] == ["python", "-m", "workers"] else set()


def _selector(each: Object) -> dict[str, str]:
    found: dict[str, str] = each["spec"]["selector"]["matchLabels"]
    return found


def test_on_kubernetes_the_same_processes_stand_beside_each_other() -> None:
    """Of another image and build, with labels of their own, so that neither Deployment selects the other's pods."""
    beside = {each["metadata"]["name"]: each for each in BESIDE if each["kind"] == "Deployment"}
    assert sorted(beside) == sorted(f"{name}-next" for name in of_a_build())
    for name, old in of_a_build().items():
        new = beside[f"{name}-next"]
        [ours], [theirs] = containers(new), containers(old)
        assert ours["image"] != theirs["image"]
        assert ours["image"].rpartition(":")[0] == theirs["image"].rpartition(":")[0]
        different = {"image", "env"}
        assert ours.keys() == theirs.keys()
        assert [key for key in ours.keys() - different if ours[key] != theirs[key]] == []
        for one, other in ((new, old), (old, new)):
            labels = template(one)["metadata"]["labels"]
            assert _selector(one).items() <= labels.items()
            assert not _selector(other).items() <= labels.items()


def test_on_kubernetes_each_build_is_scaled_by_what_waits_for_it() -> None:
    """The same triggers, but for the build that the Deployment's own variable names; another than that at work."""
    scaled = {each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in BESIDE if each["apiVersion"] == KEDA}
    at_work = named("production", "ScaledObject")
    deployments = [each for each in BESIDE if each["kind"] == "Deployment"]
    unsaid = {each["metadata"]["name"] for each in deployments if "replicas" not in each["spec"]}
    assert unsaid == scaled.keys()
    assert sorted(scaled) == sorted(f"{name}-next" for name in at_work)
    [build] = {_variables(each)["ORDERSAGA_WORKER_BUILD"] for each in BESIDE if each["kind"] == "Deployment"}
    settings = named("production", "ConfigMap")["ordersaga-settings"]["data"]
    assert build != settings["ORDERSAGA_WORKER_BUILD"]
    for name, each in at_work.items():
        told = {**each["spec"], "scaleTargetRef": {"name": f"{name}-next"}}
        told["triggers"] = [
            {**one, "metadata": {**one["metadata"], "workerDeploymentBuildId": build}} for one in told["triggers"]
        ]
        assert scaled[f"{name}-next"] == told


def _variables(each: Object) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in containers(each)[0]["env"]}


def test_the_objects_are_valid_and_hardened() -> None:
    """By the schemas of Kubernetes, in the same namespace; as little may be done there as by the build at work."""
    for each in BESIDE:
        assert each["metadata"]["namespace"] == "ordersaga"
        if each["apiVersion"] == KEDA:
            continue
        kubernetes_validate.validate(each, VERSION, strict=True)
        spec, security = template(each)["spec"], containers(each)[0]["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert security["readOnlyRootFilesystem"]
        assert security["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_of_the_next_build_replaces_what_is_at_work(overlay: str) -> None:
    """No object of it has the name of one that is there."""
    names = {(each["kind"], each["metadata"]["name"]) for each in OVERLAYS[overlay]}
    assert not names & {(each["kind"], each["metadata"]["name"]) for each in BESIDE}


def test_in_containers_the_same_processes_stand_beside_each_other() -> None:
    """The services of docker-compose.yml stay as they are; those of the next build differ by image and name."""
    both, alone = services(GIVEN, NEXT), services()
    assert {name: both[name] for name in alone} == alone
    of_builds = {name: each for name, each in alone.items() if _roles(each.get("command") or []) & BUILDS}
    assert sorted(both.keys() - alone.keys()) == sorted(f"{name}-next" for name in of_builds)
    build = {"ORDERSAGA_WORKER_BUILD": "v2"}
    for name, old in of_builds.items():
        wanted: dict[str, Any] = {**old, "image": "ordersaga:0.2.0", "environment": {**old["environment"], **build}}
        del wanted["build"]
        assert both[f"{name}-next"] == wanted


@pytest.mark.parametrize("name", GIVEN)
def test_the_next_build_is_named_by_whoever_starts_it(name: str) -> None:
    """Without its image or its name nothing starts."""
    assert compose(NEXT, given=GIVEN).returncode == 0
    answer = compose(NEXT, given={key: value for key, value in GIVEN.items() if key != name})
    assert answer.returncode != 0
    assert f"required variable {name} is missing" in answer.stderr
    assert compose(COMPOSE).returncode == 0


def test_all_builds_share_the_deployments_name() -> None:
    """By which Temporal knows that they are builds of one thing."""
    scaled = [each["spec"] for each in BESIDE if each["apiVersion"] == KEDA]
    names = {trigger["metadata"]["workerDeploymentName"] for spec in scaled for trigger in spec["triggers"]}
    assert names == {Settings.model_fields["worker_deployment"].default}
