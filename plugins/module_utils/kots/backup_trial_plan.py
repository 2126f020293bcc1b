# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a trial restore makes: a namespace that nothing gets out of, and restores of the volumes' pods and of what those need. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import OF, OWNER
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import owner_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots.volumes import Workload
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup

# No service (a LoadBalancer is one), no job, no ingress, no right, and no owner of pods that would make more of them.
GROUND = ("secrets", "configmaps", "serviceaccounts")
BODIES = ("pods", "persistentvolumeclaims", "persistentvolumes")
POD_NAME = "statefulset.kubernetes.io/pod-name"
CHANGING = ("pod-template-hash", "controller-revision-hash", "velero.io/backup-name", "velero.io/restore-name")
POLICY = "serverops-trial"


@dataclass(frozen=True)
class Part:
    """One Restore. `selector` chooses pods; their claims come along by themselves (Velero's own action for pods), whatever their labels."""

    name: str
    kinds: tuple[str, ...]
    selector: Optional[Json] = None


def with_bytes(volumes: Iterable[PodVolumeBackup]) -> tuple[PodVolumeBackup, ...]:
    """Those that hold something to be restored."""
    return tuple(one for one in volumes if one.snapshot and one.bytes_total)


def plan(volumes: Sequence[PodVolumeBackup], pods: Sequence[Workload], namespace: str) -> tuple[tuple[Part, ...], str]:
    """The restores, and why there can be none. Pods are chosen by labels, which the backup does not tell: those of the pods of now are taken."""
    strange = sorted({one.pod_namespace for one in volumes} - {namespace})
    if strange:
        return (), f"it holds volumes of other namespaces ({', '.join(strange)})"
    if not volumes:
        return (), "no volume with bytes is in it"
    parts = [Part("ground", GROUND)]
    names = sorted({one.pod for one in volumes})
    numbered = [name for name in names if _is_numbered(name, pods)]
    if numbered:
        parts.append(Part("sets", BODIES, {"matchExpressions": [{"key": POD_NAME, "operator": "In", "values": numbered}]}))
    for number, name in enumerate(name for name in names if name not in numbered):
        labels = _labels(name, pods)
        if not labels:
            return (), f"pod {name} is not there any more, nor another one of its owner, so that nobody knows its labels"
        parts.append(Part(f"pod-{number}", BODIES, {"matchLabels": labels}))
    return tuple(parts), ""


def _is_numbered(name: str, pods: Sequence[Workload]) -> bool:
    found = next((pod for pod in pods if pod.name == name), None)
    return found.labels.get(POD_NAME) == name if found else re.search(r"-\d+$", name) is not None


def _labels(name: str, pods: Sequence[Workload]) -> Json:
    found = [pod for pod in pods if pod.name == name] or [pod for pod in pods if owner_of(pod.name) == owner_of(name)]
    return {key: value for key, value in found[0].labels.items() if key not in CHANGING} if found else {}


# -- manifests -------------------------------------------------------------------------------------------------


def meta(name: str, uid: str, run: str) -> Json:
    """The metadata of all that a trial makes."""
    return {"name": name, "labels": {**OWNER, OF: uid}, "annotations": {"serverops.circleci/run": run}}


def is_ours(found: Json, uid: str) -> bool:
    """Whether it was made for the trial of this very backup."""
    labels = found["metadata"].get("labels") or {}
    return labels.get(OF) == uid and OWNER.items() <= labels.items()


def policy_manifest(uid: str, run: str) -> Json:
    """Nothing gets in or out, where the cluster's network keeps to policies: a database that awakes here must not meet the real one."""
    return {"metadata": meta(POLICY, uid, run), "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}


def restore_manifest(part: Part, scratch: str, found: InstanceBackup, run: str) -> Json:
    """A Restore of one part into the scratch namespace."""
    spec: Json = {
        "backupName": found.name,
        "includedNamespaces": [found.namespace],
        "includedResources": list(part.kinds),
        "namespaceMapping": {found.namespace: scratch},
        "restorePVs": part.selector is not None,
    }
    if part.selector is not None:
        spec["labelSelector"] = part.selector
    return {"metadata": meta(f"{scratch}-{part.name}", found.uid, run), "spec": spec}
