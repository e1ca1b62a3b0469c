"""The part of Kustomize that deploy/kubernetes uses, so that it is checked where there is no kubectl.

Resources, components, ConfigMaps from files, images, namespaces, names' suffixes, labels, strategic-merge patches.
Where kubectl is at hand, a test compares the two.
"""

import json
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import yaml

Object = dict[str, Any]
MERGED: Final = {
    **{"containers": "name", "env": "name", "ports": "containerPort"},
    **{"volumes": "name", "volumeMounts": "mountPath"},
}
"""Lists that a patch adds to, by what tells their entries apart; others are replaced."""
_OF_THE_CLUSTER: Final = frozenset({"Namespace"})


def render(folder: Path) -> list[Object]:
    """Every object of a kustomization."""
    file = _read(folder / "kustomization.yaml")
    objects = [each for name in file.get("resources", []) for each in _resource(folder / name)]
    for name in file.get("components", []):
        objects = _component((folder / name).resolve(), objects)
    return _changed(folder, file, [*objects, *_generated(folder, file)])


def _component(folder: Path, objects: list[Object]) -> list[Object]:
    file = _read(folder / "kustomization.yaml")
    added = [each for name in file.get("resources", []) for each in _resource(folder / name)]
    return _changed(folder, file, [*objects, *added])


def _resource(place: Path) -> list[Object]:
    if place.is_dir():
        return render(place.resolve())
    return [each for each in yaml.safe_load_all(place.read_text(encoding="utf-8")) if each]


def _generated(folder: Path, file: Mapping[str, Any]) -> Iterable[Object]:
    for wanted in file.get("configMapGenerator", []):
        data = {name: (folder / name).read_text(encoding="utf-8") for name in wanted["files"]}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": wanted["name"]}, "data": data}


def _changed(folder: Path, file: Mapping[str, Any], objects: list[Object]) -> list[Object]:
    for patch in file.get("patches", []):
        objects = _patched(objects, _read(folder / patch["path"]), patch.get("target"))
    for each in objects:
        _name(each, file)
    for image in file.get("images", []):
        for container in (container for each in objects for container in containers(each)):
            if container["image"] == image["name"]:
                container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
    return objects


def _name(each: Object, file: Mapping[str, Any]) -> None:
    """Namespace, the name's suffix, labels."""
    if "namespace" in file and each["kind"] not in _OF_THE_CLUSTER:
        each["metadata"]["namespace"] = file["namespace"]
    each["metadata"]["name"] += file.get("nameSuffix", "")
    for labels in file.get("labels", []):
        assert labels["includeSelectors"], "the only kind that is used"
        _label(each, labels["pairs"])


def _label(each: Object, pairs: Mapping[str, str]) -> None:
    """On the object; on its pods, and on what selects them."""
    each["metadata"].setdefault("labels", {}).update(pairs)
    if pods := template(each):
        pods["metadata"]["labels"].update(pairs)
        each["spec"]["selector"]["matchLabels"].update(pairs)


def _patched(objects: list[Object], patch: Object, target: Mapping[str, str] | None) -> list[Object]:
    meant = [each for each in objects if _is_meant(each, patch, target)]
    assert meant or target, f"a patch of nothing: {patch['kind']} {patch['metadata']['name']}"
    if patch.get("$patch") == "delete":
        return [each for each in objects if not any(each is one for one in meant)]
    body = {name: value for name, value in patch.items() if name not in ("apiVersion", "kind", "metadata")}
    return [merged(each, body) if any(each is one for one in meant) else each for each in objects]


def _is_meant(each: Object, patch: Object, target: Mapping[str, str] | None) -> bool:
    if target is None:
        return (each["kind"], each["metadata"]["name"]) == (patch["kind"], patch["metadata"]["name"])
    label, _, value = target.get("labelSelector", "").partition("=")
    labels = each["metadata"].get("labels", {})
    called = re.fullmatch(target.get("name", ".*"), each["metadata"]["name"])
    return bool(each["kind"] == target["kind"] and called and (not label or labels.get(label) == value))


def merged(old: Any, new: Any, key: str | None = None) -> Any:
    """A strategic merge: mappings together, lists of things with names by their names; null takes away."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = dict(old)
        for name, value in new.items():
            found[name] = merged(old[name], value, MERGED.get(name)) if name in old else deepcopy(value)
            if value is None:
                del found[name]
        return found
    if key and isinstance(old, list) and isinstance(new, list):
        names = [each[key] for each in old]
        patches = {each[key]: each for each in new}
        kept = [merged(each, patches[each[key]]) if each[key] in patches else each for each in old]
        return [*kept, *(each for each in new if each[key] not in names)]
    return deepcopy(new)


def template(each: Object) -> Object:
    """What the pods of an object are made from; empty for what has none."""
    found: Object = each.get("spec", {}).get("template", {})
    return found


def containers(each: Object) -> list[Object]:
    """Those of its pods."""
    found: list[Object] = template(each).get("spec", {}).get("containers", [])
    return found


def canonical(objects: Iterable[Object]) -> list[str]:
    """The same text for the same objects, whatever the order of what has names."""
    return sorted(json.dumps(_ordered(each), sort_keys=True) for each in objects)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(each) for name, each in value.items()}
    if isinstance(value, list):
        found = [_ordered(each) for each in value]
        return sorted(found, key=lambda each: json.dumps(each, sort_keys=True)) if _named(value) else found
    return value


def _named(value: list[Any]) -> bool:
    return all(isinstance(each, dict) for each in value)


def _read(file: Path) -> Object:
    found: Object = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found
