"""What a Backup takes: the objects that its spec chooses, the volumes that its pods name, and the hooks that run in them."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.kubernetes.state import State
from lab.velero.core import dig

Json = dict[str, Any]
ANNOTATED = "backup.velero.io/backup-volumes"
LEFT_OUT = "backup.velero.io/backup-volumes-excludes"
NO_FILES = ("hostPath", "secret", "configMap", "projected", "downwardAPI")


@dataclass(frozen=True)
class Item:
    """One object of a backup."""

    resource: str
    namespace: str
    name: str
    body: Json

    @property
    def path(self) -> str:
        where = f"namespaces/{self.namespace}" if self.namespace else "cluster"
        return f"resources/{self.resource}/{where}/{self.name}.json"


@dataclass(frozen=True)
class Hook:
    pod: Json
    command: tuple[str, ...]
    on_error: str
    timeout: str


def labelled(body: Json, selector: Json | None) -> bool:
    labels = body["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (dig(selector, "matchLabels") or {}).items()):
        return False
    return all(_expression(labels, one) for one in dig(selector, "matchExpressions") or [])


def _expression(labels: Json, one: Json) -> bool:
    key, values = one["key"], one.get("values") or []
    tests = {"In": labels.get(key) in values, "NotIn": labels.get(key) not in values, "Exists": key in labels, "DoesNotExist": key not in labels}
    return tests[one["operator"]]


def selects(spec: Json, body: Json) -> bool:
    either = spec.get("orLabelSelectors")
    if either:
        return any(labelled(body, one) for one in either)
    return labelled(body, spec.get("labelSelector"))


def named(resource: str, names: list[str]) -> bool:
    return any(name in ("*", resource, resource.split(".")[0]) for name in names)


def namespaces_of(state: State, spec: Json) -> list[str]:
    wanted, without = spec.get("includedNamespaces") or ["*"], spec.get("excludedNamespaces") or []
    there = [key[2] for key in sorted(state.objects) if key[0] == "namespaces"]
    return [name for name in there if ("*" in wanted or name in wanted) and name not in without]


def chosen(state: State, spec: Json, one_namespace: int) -> list[Item]:
    """The objects, namespaces first. `one_namespace`: namespaces count although nothing in them matches."""
    spaces = namespaces_of(state, spec)
    kinds, without = spec.get("includedResources") or ["*"], spec.get("excludedResources") or []
    found: list[Item] = []
    for (resource, namespace, name), body in sorted(state.objects.items(), key=lambda entry: entry[0]):
        if namespace not in spaces or not named(resource, kinds) or named(resource, without):
            continue
        if not selects(spec, body) or dig(body, "metadata", "labels", "velero.io/exclude-from-backup") == "true":
            continue
        found.append(Item(resource, namespace, name, body))
    filled = {item.namespace for item in found}
    heads = [Item("namespaces", "", name, state.objects["namespaces", "", name]) for name in spaces if name in filled or one_namespace]
    return heads + found + list(_volumes_of_claims(state, found))


def _volumes_of_claims(state: State, items: list[Item]) -> Iterator[Item]:
    for item in items:
        volume = dig(item.body, "spec", "volumeName") if item.resource == "persistentvolumeclaims" else None
        if volume and ("persistentvolumes", "", volume) in state.objects:
            yield Item("persistentvolumes", "", volume, state.objects["persistentvolumes", "", volume])


def volumes_of(pod: Json, by_default: bool) -> list[str]:
    """Names of the pod's volumes whose files are to be copied."""
    notes = pod["metadata"].get("annotations") or {}
    if by_default:
        without = [name.strip() for name in notes.get(LEFT_OUT, "").split(",")]
        there = dig(pod, "spec", "volumes") or []
        return [one["name"] for one in there if one["name"] not in without and not any(kind in one for kind in NO_FILES)]
    return [name.strip() for name in notes.get(ANNOTATED, "").split(",") if name.strip()]


def hooks_of(pod: Json, spec: Json, when: str) -> list[Hook]:
    """Those of the pod's annotations win over those of the Backup."""
    notes, start = pod["metadata"].get("annotations") or {}, f"{when}.hook.backup.velero.io/"
    command = notes.get(f"{start}command")
    if command:
        words = json.loads(command) if command.startswith("[") else [command]
        return [Hook(pod, tuple(words), notes.get(f"{start}on-error", "Fail"), notes.get(f"{start}timeout", "30s"))]
    found = []
    for one in dig(spec, "hooks", "resources") or []:
        if pod["metadata"]["namespace"] not in (one.get("includedNamespaces") or [pod["metadata"]["namespace"]]) or not labelled(pod, one.get("labelSelector")):
            continue
        runs = [act["exec"] for act in one.get(when) or []]
        found += [Hook(pod, tuple(run["command"]), run.get("onError") or "Fail", run.get("timeout") or "30s") for run in runs]
    return found


def kind_of(state: State, resource: str) -> tuple[str, str]:
    """apiVersion and kind."""
    known = getattr(state, "kinds", {}).get(resource)
    group = resource.partition(".")[2]
    version = getattr(known, "version", "v1") or "v1"
    return f"{group}/{version}" if group else version, getattr(known, "kind", "") or resource.split(".")[0]


def packed(state: State, items: list[Item]) -> bytes:
    """The tarball of a backup."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        files = {"metadata/version": b"1.1.0"}
        for item in items:
            version, kind = kind_of(state, item.resource)
            files[item.path] = json.dumps({**item.body, "apiVersion": version, "kind": kind}).encode()
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def unpacked(data: bytes) -> list[Item]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        for entry in tar.getmembers():
            parts = entry.name.split("/")
            handle = tar.extractfile(entry)
            if parts[0] == "resources" and handle is not None:
                body = json.loads(handle.read())
                found.append(Item(parts[1], parts[3] if parts[2] == "namespaces" else "", body["metadata"]["name"], body))
    return found


def listed(state: State, items: list[Item]) -> dict[str, list[str]]:
    """Names by kind, as resource-list.json has them."""
    found: dict[str, list[str]] = {}
    for item in items:
        name = f"{item.namespace}/{item.name}" if item.namespace else item.name
        found.setdefault("/".join(kind_of(state, item.resource)), []).append(name)
    return {kind: sorted(names) for kind, names in sorted(found.items())}


def zipped(value: Any) -> bytes:
    return gzip.compress(json.dumps(value).encode() + b"\n", mtime=0)


def unzipped(data: bytes) -> Any:
    return json.loads(gzip.decompress(data))
