# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which volumes belong into a backup: pods that it takes, and in them what is asked for by annotation, or all that can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import Scope
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import epoch_of

ASKED = "backup.velero.io/backup-volumes"
EXCLUDED = "backup.velero.io/backup-volumes-excludes"
# What Velero's file backup never reads: no files of the pod's own, or files of the machine.
NEVER = ("secret", "configMap", "projected", "downwardAPI", "hostPath")
ENDED = ("Succeeded", "Failed")
LISTED = {"v1/Secret": "Secret", "v1/ConfigMap": "ConfigMap", "v1/ServiceAccount": "ServiceAccount"}


@dataclass(frozen=True)
class Volume:
    """A volume that belongs into a backup; `claim` is empty for one that lives with its pod. `since` is the younger of pod and claim, epoch s."""

    namespace: str
    pod: str
    name: str
    claim: str = ""
    node: str = ""
    since: float = 0.0

    @property
    def words(self) -> str:
        return f"{self.namespace}/{self.pod}/{self.name}"

    def is_named(self, names: Iterable[str]) -> bool:
        """Whether one of the operator's names means it: volume, claim, pod/volume or namespace/pod/volume."""
        return bool({self.name, self.claim, f"{self.pod}/{self.name}", self.words} & set(names) - {""})


@dataclass(frozen=True)
class Workload:
    """A pod as a backup sees it. `volumes` are (name, kind, claim)."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    node: str = ""
    phase: str = ""
    created: float = 0.0
    volumes: tuple[tuple[str, str, str], ...] = ()


def workload_from_api(data: Any) -> Workload:
    """A pod."""
    meta, spec = data["metadata"], data.get("spec") or {}
    return Workload(
        namespace=str(meta["namespace"]),
        name=str(meta["name"]),
        labels=dict(meta.get("labels") or {}),
        annotations=dict(meta.get("annotations") or {}),
        node=str(spec.get("nodeName") or ""),
        phase=str((data.get("status") or {}).get("phase") or ""),
        created=epoch_of(meta.get("creationTimestamp")) or 0.0,
        volumes=tuple(map(_volume, spec.get("volumes") or ())),
    )


def claims_from_api(items: Iterable[Any]) -> dict[tuple[str, str], float]:
    """When each claim was made, by namespace and name."""
    return {(str(one["metadata"]["namespace"]), str(one["metadata"]["name"])): epoch_of(one["metadata"].get("creationTimestamp")) or 0.0 for one in items}


def volumes_of(scope: Scope, pods: Iterable[Workload], claims: Mapping[tuple[str, str], float]) -> tuple[Volume, ...]:
    """The volumes that a backup of this scope has to hold, each claim once. A pod that waits counts: Velero leaves it out with a mere warning."""
    found: dict[tuple[str, str, str], Volume] = {}
    for pod in pods:
        if pod.phase in ENDED or not scope.takes(pod.namespace, pod.labels):
            continue
        for name, claim in _wanted(scope, pod):
            since = claims.get((pod.namespace, claim), pod.created) if claim else pod.created
            key = (pod.namespace, claim, "") if claim else (pod.namespace, pod.name, name)
            found.setdefault(key, Volume(pod.namespace, pod.name, name, claim, pod.node, since))
    return tuple(sorted(found.values(), key=lambda one: one.words))


def unasked(scope: Scope, pods: Iterable[Workload]) -> tuple[str, ...]:
    """Claims of pods that the backup takes, whose files nobody asked for: only a snapshot of the volume could hold them."""
    pods = [pod for pod in pods if pod.phase not in ENDED and scope.takes(pod.namespace, pod.labels)]
    asked = {(pod.namespace, claim) for pod in pods for _name, claim in _wanted(scope, pod) if claim}
    there = {(pod.namespace, claim) for pod in pods for _name, _kind, claim in pod.volumes if claim}
    return tuple(sorted(f"{namespace}/{claim}" for namespace, claim in there - asked))


def held_by(listed: Optional[Mapping[str, Any]], volumes: Iterable[PodVolumeBackup], namespace: str) -> dict[str, frozenset[str]]:
    """The names that must come back, by kind: the pods of the volumes with their claims, and, where Velero's list of the backup can be read, the ground."""
    volumes = list(volumes)
    found = {"Pod": frozenset(one.pod for one in volumes), "PersistentVolumeClaim": frozenset(one.claim for one in volumes if one.claim)}
    for key, kind in LISTED.items():
        names = [str(entry) for entry in (listed or {}).get(key) or ()]
        found[kind] = frozenset(name.partition("/")[2] for name in names if name.startswith(f"{namespace}/"))
    return found


def _wanted(scope: Scope, pod: Workload) -> list[tuple[str, str]]:
    asked, left_out = _names(pod.annotations.get(ASKED)), _names(pod.annotations.get(EXCLUDED))
    readable = [(name, claim) for name, kind, claim in pod.volumes if kind not in NEVER]
    if scope.every_volume:
        return [one for one in readable if one[0] not in left_out]
    return [one for one in readable if one[0] in asked]


def _names(text: Optional[str]) -> frozenset[str]:
    return frozenset(part.strip() for part in (text or "").split(",") if part.strip())


def _volume(data: Any) -> tuple[str, str, str]:
    kind = next((key for key in data if key != "name"), "emptyDir")
    claim = (data.get("persistentVolumeClaim") or {}).get("claimName") or ""
    return (str(data["name"]), str(kind), str(claim))
