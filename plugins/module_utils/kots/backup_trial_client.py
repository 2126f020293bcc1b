# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial restore in the cluster: what is there of it, and its acts. Touches nothing that does not carry the labels of this very trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import (
    MARK,
    OF,
    Copy,
    Seen,
    Trial,
    TrialStep,
    judged,
    mark_of,
    mark_text,
    name_of,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial_plan import (
    POLICY,
    Part,
    is_ours,
    meta,
    plan,
    policy_manifest,
    restore_manifest,
    with_bytes,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.volumes import held_by, workload_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP, NAMESPACE, POD, PVC, SECRET, SERVICE_ACCOUNT, Kind
from ansible_collections.serverops.circleci.plugins.module_utils.velero.kinds import BACKUP, POD_VOLUME_RESTORE, RESTORE
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import restore_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup, Restore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of

NETWORK_POLICY = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
PERSISTENT_VOLUME = Kind("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
COMPARED = {"Secret": SECRET, "ConfigMap": CONFIG_MAP, "ServiceAccount": SERVICE_ACCOUNT, "Pod": POD, "PersistentVolumeClaim": PVC}


class TrialClient:
    """The trials of one run."""

    def __init__(self, client: InstallationClient, run: str) -> None:
        self._client, self._run = client, run
        self._kubernetes, self._velero = client.kubernetes, client.place.velero_namespace

    def read(self, found: InstanceBackup, volumes: Sequence[PodVolumeBackup]) -> Trial:
        """How far the trial of a backup is. Raises Unreachable; any other failure is told as blindness."""
        try:
            return self._read(found, volumes)
        except Unreachable:
            raise
        except CollectionError as error:
            return Trial(blind=str(error))

    def _read(self, found: InstanceBackup, volumes: Sequence[PodVolumeBackup]) -> Trial:
        name = name_of(found.name, found.uid)
        space, restores = self._kubernetes.find(NAMESPACE, "", name), self._restores(found)
        trial = Trial(mark=mark_of(self._notes(found), self._run))
        if space and not is_ours(space, found.uid):
            return replace(trial, cannot=f"namespace {name} is there, and not ours; remove it if nobody needs it")
        there = [*([space] if space else []), *restores]
        going = bool(there) and all(one["metadata"].get("deletionTimestamp") for one in there)
        trial = replace(trial, left=bool(there), going=going, stray=bool(restores) and not space and not going)
        if trial.mark or going or trial.stray:
            return trial
        ready = bool(space) and self._kubernetes.find(NETWORK_POLICY, name, POLICY) is not None
        return self._course_of(replace(trial, space=ready), found, with_bytes(volumes), [restore_from_api(one) for one in restores])

    def _course_of(self, trial: Trial, found: InstanceBackup, volumes: Sequence[PodVolumeBackup], restores: list[Restore]) -> Trial:
        parts, cannot = self._plan(found, volumes)
        if cannot:
            return replace(trial, cannot=cannot)
        wanted = {f"{name_of(found.name, found.uid)}-{part.name}" for part in parts}
        begun = wanted <= {one.meta.name for one in restores}
        ended = begun and all(one.is_terminal for one in restores)
        done, total = sum(one.items or 0 for one in restores), sum(one.total_items or 0 for one in restores)
        verdict = judged(self._seen(found, volumes, restores)) if ended else None
        return replace(trial, begun=begun, ended=ended, words=f"{done} of {total} objects" if total else "", verdict=verdict)

    def _plan(self, found: InstanceBackup, volumes: Sequence[PodVolumeBackup]) -> tuple[tuple[Part, ...], str]:
        pods = [workload_from_api(one) for one in self._kubernetes.list(POD, found.namespace).items]
        return plan(with_bytes(volumes), pods, found.namespace)

    def _notes(self, found: InstanceBackup) -> dict[str, str]:
        """The annotations as they are now: a watch may be late, and a trial must not begin again for that."""
        meta = self._kubernetes.get(BACKUP, self._velero, found.name)["metadata"]
        if meta.get("uid") != found.uid:
            raise NotFound(f"backup {found.name} is another object now")
        return dict(meta.get("annotations") or {})

    def _restores(self, found: InstanceBackup) -> list[Json]:
        listed = self._kubernetes.list(RESTORE, self._velero, labels=f"{OF}={found.uid}").items
        return [one for one in listed if is_ours(one, found.uid)]

    # -- the comparison ----------------------------------------------------------------------------------

    def _seen(self, found: InstanceBackup, volumes: Sequence[PodVolumeBackup], restores: list[Restore]) -> Seen:
        scratch = name_of(found.name, found.uid)
        there = {kind: self._kubernetes.list(one, scratch).items for kind, one in COMPARED.items()}
        copies = [copy for one in restores for copy in self._copies(one.meta.name)]
        unbound = [one["metadata"]["name"] for one in there["PersistentVolumeClaim"] if (one.get("status") or {}).get("phase") in ("Pending", "Lost")]
        names = {kind: frozenset(str(one["metadata"]["name"]) for one in items) for kind, items in there.items()}
        return Seen(tuple(restores), tuple(volumes), tuple(copies), held_by(self._client.contents(found), volumes, found.namespace), names, tuple(unbound))

    def _copies(self, restore: str) -> list[Copy]:
        listed = self._kubernetes.list(POD_VOLUME_RESTORE, self._velero, labels=f"velero.io/restore-name={restore}").items
        return [copy_from_api(one) for one in listed]

    # -- the acts ----------------------------------------------------------------------------------------

    def apply(self, step: TrialStep, found: InstanceBackup, volumes: Sequence[PodVolumeBackup]) -> None:
        """One act, on what is read again first."""
        name = name_of(found.name, found.uid)
        if step.what == "scratch":
            self._make_space(name, found)
        elif step.what == "restore":
            self._restore(name, found, volumes)
        elif step.what == "note":
            self._note(found, volumes)
        else:
            self._clear(name, found)

    def _make_space(self, name: str, found: InstanceBackup) -> None:
        self._must_be_ours(name, found, self._kubernetes.find(NAMESPACE, "", name) or self._kubernetes.create(NAMESPACE, {"metadata": self._meta(name, found)}))
        if self._kubernetes.find(NETWORK_POLICY, name, POLICY) is None:
            self._kubernetes.create(NETWORK_POLICY, policy_manifest(found.uid, self._run), name)

    def _restore(self, name: str, found: InstanceBackup, volumes: Sequence[PodVolumeBackup]) -> None:
        self._must_be_ours(name, found, self._kubernetes.get(NAMESPACE, "", name))
        there = {one["metadata"]["name"] for one in self._restores(found)}
        for part in self._plan(found, volumes)[0]:
            if f"{name}-{part.name}" not in there:
                self._kubernetes.create(RESTORE, restore_manifest(part, name, found, self._run), self._velero)

    def _note(self, found: InstanceBackup, volumes: Sequence[PodVolumeBackup]) -> None:
        verdict = self._read(found, volumes).verdict
        if verdict is None:
            raise Refused(f"the trial of backup {found.name} is not over any more")
        text = mark_text(verdict, text_of(self._kubernetes.server_time()) or "", self._run)
        self._kubernetes.patch(BACKUP, self._velero, found.name, {"metadata": {"uid": found.uid, "annotations": {MARK: text}}})

    def _clear(self, name: str, found: InstanceBackup) -> None:
        """Last, by uid, and only what a second look shows as ours. A volume that would outlive its claim is told not to."""
        space = self._kubernetes.find(NAMESPACE, "", name)
        mine = space is not None and is_ours(space, found.uid)
        for volume in self._volumes_of(name) if mine else ():
            self._kubernetes.patch(PERSISTENT_VOLUME, "", volume, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}})
        for one in self._restores(found):
            if not one["metadata"].get("deletionTimestamp"):
                self._kubernetes.delete(RESTORE, self._velero, one["metadata"]["name"], one["metadata"]["uid"])
        if space is not None and mine and not space["metadata"].get("deletionTimestamp"):
            self._kubernetes.delete(NAMESPACE, "", name, space["metadata"]["uid"])

    def _volumes_of(self, name: str) -> list[str]:
        listed = self._kubernetes.list(PERSISTENT_VOLUME).items
        mine = [one for one in listed if (one["spec"].get("claimRef") or {}).get("namespace") == name]
        return [str(one["metadata"]["name"]) for one in mine if one["spec"].get("persistentVolumeReclaimPolicy") == "Retain"]

    def _must_be_ours(self, name: str, found: InstanceBackup, space: Json) -> None:
        if not is_ours(space, found.uid):
            raise Refused(f"namespace {name} is there, and not ours; remove it if nobody needs it")

    def _meta(self, name: str, found: InstanceBackup) -> Json:
        return meta(name, found.uid, self._run)


def copy_from_api(data: Any) -> Copy:
    """A PodVolumeRestore."""
    spec, status = data.get("spec") or {}, data.get("status") or {}
    progress = status.get("progress") or {}
    return Copy(
        str((spec.get("pod") or {}).get("name") or ""),
        str(spec.get("volume") or ""),
        str(status.get("phase") or ""),
        int(progress.get("bytesDone") or 0),
        int(progress.get("totalBytes") or 0),
        str(status.get("message") or ""),
        str(spec.get("snapshotID") or ""),
    )
