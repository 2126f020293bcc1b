"""Restores: what comes out of a backup goes back into the cluster, object by object, and volume by volume through the node agents."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import gzip
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from lab.copies import copied
from lab.velero import files, items
from lab.velero.backups import Backups, grouped
from lab.velero.core import Core, Json, Plain, Work, dig, label_of
from lab.velero.locations import bucket_of, prefix_of
from lab.velero.profile import FINALIZER
from lab.velero.store import Refused
from lab.velero.volumes import ENDED, LEFT, Held, Volumes

OLD_EXCLUDED = "nodes events events.events.k8s.io backups.velero.io restores.velero.io resticrepositories.velero.io".split()
NEW_EXCLUDED = [*OLD_EXCLUDED, "csinodes.storage.k8s.io", "volumeattachments.storage.k8s.io", "backuprepositories.velero.io"]
FIRST = (
    "customresourcedefinitions.apiextensions.k8s.io namespaces storageclasses.storage.k8s.io persistentvolumes persistentvolumeclaims secrets configmaps "
    "serviceaccounts limitranges pods replicasets.apps"
).split()
BOTH = "Either a backup or schedule must be specified as a source for the restore, but not both"
UNAVAILABLE = "The BSL {} is unavailable, cannot retrieve the backup. please create a new restore after the BSL becomes available"
EXISTS = 'could not restore, {} "{}" already exists. Warning: the in-cluster version is different than the backed-up version'
TERMINATING = 600.0  # s that a namespace in deletion is waited for
Steps = Generator[float, None, None]


@dataclass
class Running:
    body: Json
    backup: Json
    location: Json
    errors: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    total: int = 0

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.body["metadata"]["uid"])

    @property
    def spec(self) -> Json:
        return dict(self.body["spec"])


class Restores:
    def __init__(self, core: Core, backups: Backups, volumes: Volumes) -> None:
        self.core, self.backups, self.volumes = core, backups, volumes
        self.current = ""
        self.refused: dict[tuple[str, str], str] = {}  # resource, name -> why an admission policy refuses it

    def begin(self) -> None:
        self.current = ""
        for body in self.core.all("restores"):
            if dig(body, "status", "phase") == "InProgress" and self.core.profile.marks_left:
                stamp, why = self.core.state.stamp(), LEFT.format("restore")
                self.core.report("restores", body["metadata"]["name"], phase="Failed", completionTimestamp=stamp, failureReason=why)
        self.pump()

    def changed(self, body: Json | None) -> None:
        if body is not None and body["metadata"].get("deletionTimestamp"):
            self.core.spawn(self._let_go(body))
        self.pump()

    def _let_go(self, body: Json) -> Work:
        """Its files first, then its finalizer."""
        yield 0.05
        backup = self.core.find("backups", dig(body, "spec", "backupName") or "")
        location = self.core.location(dig(backup, "spec", "storageLocation") or "") if backup else None
        if location:
            try:
                seen, start = self.core.open(location), prefix_of(location)
                for key in seen.objects(bucket_of(location), f"{start}restores/{body['metadata']['name']}/"):
                    seen.delete(bucket_of(location), key)
            except (Refused, Plain):
                return
        held = self.core.find("restores", body["metadata"]["name"], body["metadata"]["uid"])
        if held and FINALIZER in (held["metadata"].get("finalizers") or []):
            held["metadata"]["finalizers"].remove(FINALIZER)
            self.core.write("restores", held)

    def pump(self) -> None:
        if self.current or not self.core.running:
            return
        waiting = [body for body in self.core.all("restores") if not dig(body, "status", "phase") and not body["metadata"].get("deletionTimestamp")]
        if waiting:
            waiting.sort(key=lambda body: (body["metadata"]["creationTimestamp"], int(body["metadata"]["resourceVersion"])))
            self.current = waiting[0]["metadata"]["uid"]
            self.core.spawn(self._one(waiting[0]["metadata"]["name"], self.current))

    def _one(self, name: str, uid: str) -> Work:
        body = self.core.find("restores", name, uid)
        if body is not None:
            if self.core.profile.restore_finalizer and FINALIZER not in (body["metadata"].get("finalizers") or []):
                body["metadata"].setdefault("finalizers", []).append(FINALIZER)
                self.core.write("restores", body)
            yield from self._work(body)
        self.current = ""
        self.pump()

    # --- before it ---
    def _prepare(self, body: Json) -> list[str]:
        core, spec = self.core, body["spec"]
        wanted = OLD_EXCLUDED if core.profile.agent == "restic" else NEW_EXCLUDED
        spec["excludedResources"] = [*(spec.get("excludedResources") or []), *(name for name in wanted if name not in (spec.get("excludedResources") or []))]
        if core.profile.says_why and spec.get("itemOperationTimeout") in (None, "0s"):
            spec["itemOperationTimeout"] = "4h0m0s"
        if bool(spec.get("backupName")) == bool(spec.get("scheduleName")):
            return [BOTH]
        if spec.get("scheduleName"):
            return self._of_schedule(spec)
        return self._of_backup(spec)

    def _of_schedule(self, spec: Json) -> list[str]:
        mine = [one for one in self.core.all("backups") if dig(one, "metadata", "labels", "velero.io/schedule-name") == spec["scheduleName"]]
        done = [one for one in mine if dig(one, "status", "phase") == "Completed"]
        if not done:
            return ["No completed backups found for schedule" if mine else "No backups found for schedule"]
        spec["backupName"] = max(done, key=lambda one: one["status"]["startTimestamp"])["metadata"]["name"]
        return self._of_backup(spec)

    def _of_backup(self, spec: Json) -> list[str]:
        core, name = self.core, spec["backupName"]
        backup = core.find("backups", name)
        if backup is None:
            old = f'backup.velero.io "{name}" not found'
            new = f'can\'t find backup {core.namespace}/{name}: Backup.velero.io "{name}" not found'
            return [f"Error retrieving backup: {new if core.profile.says_why else old}"]
        location = core.location(dig(backup, "spec", "storageLocation") or "")
        if core.profile.checks_location and dig(location, "status", "phase") == "Unavailable":
            return [UNAVAILABLE.format(dig(backup, "spec", "storageLocation"))]
        return []

    # --- it ---
    def _work(self, body: Json) -> Steps:
        core = self.core
        wrong = self._prepare(body)
        body["status"] = {"phase": "FailedValidation", "validationErrors": wrong} if wrong else {"phase": "InProgress", "startTimestamp": core.state.stamp()}
        core.write("restores", body)
        if wrong:
            return
        backup = core.find("backups", body["spec"]["backupName"]) or {}
        run = Running(body, backup, core.location(dig(backup, "spec", "storageLocation") or "") or {})
        yield 0.1
        try:
            found = items.unpacked(self._contents(run))
        except (Refused, Plain) as why:
            yield 3.0 if isinstance(why, Refused) and not why.code and core.profile.sdk == 2 else 0.1
            self._fail(run, f"error downloading backup: error copying Backup to temp file: {self._told(why, run)}")
            return
        yield from self._put_back(run, found)
        yield from self._finish(run)

    def _contents(self, run: Running) -> bytes:
        key = prefix_of(run.location) + files.WHERE["BackupContents"].format(run.backup["metadata"]["name"])
        return self.core.open(run.location).get(bucket_of(run.location), key)

    def _told(self, why: Refused | Plain, run: Running) -> str:
        text = self.core.words(why, run.location)
        start = "rpc error: code = Unknown desc = "
        key = prefix_of(run.location) + files.WHERE["BackupContents"].format(run.backup["metadata"]["name"])
        return f"{start}error getting object {key}: {text.removeprefix(start)}" if isinstance(why, Refused) else text

    def _fail(self, run: Running, why: str) -> None:
        stamp = self.core.state.stamp()
        self.core.report("restores", run.name, run.uid, phase="Failed", completionTimestamp=stamp, failureReason=why)

    def _chosen(self, run: Running, found: list[items.Item]) -> list[items.Item]:
        spec = run.spec
        wanted, without = spec.get("includedNamespaces") or ["*"], spec.get("excludedNamespaces") or []
        kinds, left_out = spec.get("includedResources") or ["*"], spec.get("excludedResources") or []
        right = []
        for item in found:
            if item.namespace and (("*" not in wanted and item.namespace not in wanted) or item.namespace in without):
                continue
            if not items.named(item.resource, kinds) or items.named(item.resource, left_out) or not items.selects(spec, item.body):
                continue
            if item.resource == "pods" and dig(item.body, "status", "phase") in ("Succeeded", "Failed"):
                continue
            right.append(item)
        return sorted(right, key=lambda item: (FIRST.index(item.resource) if item.resource in FIRST else len(FIRST), item.resource, item.namespace, item.name))

    def _put_back(self, run: Running, found: list[items.Item]) -> Steps:
        core, mapping = self.core, run.spec.get("namespaceMapping") or {}
        copies: list[str] = []
        chosen = [item for item in self._chosen(run, found) if item.resource != "namespaces"]
        for item in chosen:
            namespace = mapping.get(item.namespace, item.namespace)
            if namespace:
                yield from self._namespace(run, namespace)
            run.total += 1
            if item.resource == "pods":
                for claim in self._claims(run, item, found, chosen):
                    run.total += 1
                    self._object(run, claim, namespace)
            made = self._object(run, item, namespace)
            if made is not None and item.resource == "pods":
                copies += self._volumes(run, item, made)
        yield 0.05
        core.report("restores", run.name, run.uid, progress={"totalItems": run.total, "itemsRestored": run.total})
        yield from self._wait(run, copies)

    def _claims(self, run: Running, pod: items.Item, found: list[items.Item], chosen: list[items.Item]) -> list[items.Item]:
        """The claims of a pod come along although no selector chose them: an action of Velero's own asks for them (from 1.1 on; its source, not recorded)."""
        kinds, without = run.spec.get("includedResources") or ["*"], run.spec.get("excludedResources") or []
        names = {dig(one, "persistentVolumeClaim", "claimName") for one in dig(pod.body, "spec", "volumes") or []}
        if not items.named("persistentvolumeclaims", kinds) or items.named("persistentvolumeclaims", without):
            return []
        mine = [one for one in found if one.resource == "persistentvolumeclaims" and one.namespace == pod.namespace and one.name in names]
        return [one for one in mine if one not in chosen]

    def _namespace(self, run: Running, name: str) -> Steps:
        state, since = self.core.state, self.core.state.clock.now()
        while dig(state.objects.get(("namespaces", "", name)), "metadata", "deletionTimestamp"):
            if state.clock.now() - since > TERMINATING:
                run.errors.append((name, f"timed out waiting for terminating namespace {name} to disappear before restoring"))
                return
            yield 1.0
        if ("namespaces", "", name) not in state.objects:
            state.put("namespaces", "", name, {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
            run.total += 1
            yield 0.05

    def _object(self, run: Running, item: items.Item, namespace: str) -> Json | None:
        state = self.core.state
        if (item.resource, item.name) in self.refused:
            run.errors.append((namespace, f"error restoring {item.resource}/{namespace}/{item.name}: {self.refused[item.resource, item.name]}"))
            return None
        body = self._mapped(run, item, bare(item, run.name, run.backup["metadata"]["name"]))
        there = state.objects.get((item.resource, namespace, item.name))
        if there is None:
            return state.put(item.resource, namespace, item.name, body)
        if run.spec.get("existingResourcePolicy") == "update":
            merged = {**copied(there), **{key: value for key, value in body.items() if key != "metadata"}}
            state.put(item.resource, namespace, item.name, merged)
        elif item.resource == "pods" or not equal(there, item.body):
            kind = items.kind_of(state, item.resource)[1]
            run.warnings.append((namespace, EXISTS.format(kind, item.name)))
        return None

    def _mapped(self, run: Running, item: items.Item, body: Json) -> Json:
        """Claims and volumes get another storage class where one ConfigMap says so; two are an error. Not recorded: from Velero's documentation."""
        if item.resource not in ("persistentvolumeclaims", "persistentvolumes"):
            return body
        found = [one for key, one in self.core.state.objects.items() if key[:2] == ("configmaps", self.core.namespace) and _maps_storage(one)]
        if len(found) > 1:
            run.errors.append((item.namespace, "found more than one ConfigMap matching label selector"))
        new = (found[0].get("data") or {}).get(dig(body, "spec", "storageClassName") or "") if found else None
        return {**body, "spec": {**body["spec"], "storageClassName": new}} if new else body

    # --- volumes ---
    def _volumes(self, run: Running, item: items.Item, pod: Json) -> list[str]:
        made = []
        for one in self.volumes.of(run.backup):
            mine = one["spec"]["pod"]["namespace"] == item.namespace and one["spec"]["pod"]["name"] == item.name
            if not mine or not dig(one, "status", "snapshotID"):
                continue
            labels = {"velero.io/restore-name": label_of(run.name), "velero.io/restore-uid": run.uid, "velero.io/pod-uid": pod["metadata"]["uid"]}
            meta = pod["metadata"]
            spec = {key: one["spec"][key] for key in ("backupStorageLocation", "repoIdentifier", "volume", "uploaderType") if key in one["spec"]}
            spec["pod"] = {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
            spec |= {"snapshotID": one["status"]["snapshotID"], "sourceNamespace": item.namespace}
            name = self.core.named(f"{run.name}-")
            owner = {"apiVersion": "velero.io/v1", "kind": "Restore", "name": run.name, "uid": run.uid, "controller": True}
            self.core.write("podvolumerestores", {"metadata": {"name": name, "labels": labels, "ownerReferences": [owner]}, "spec": spec, "status": {}})
            made.append(name)
            self.core.state.clock.after(0.1, lambda name=name, node=one["spec"]["node"]: self._hand_out(name, node))  # type: ignore[misc]
        return made

    def _hand_out(self, name: str, node: str) -> None:
        """To the agent of the node that the pod came to; asked for again until there is one."""
        body = self.core.find("podvolumerestores", name)
        if body is None or dig(body, "status", "phase") in (*ENDED, "InProgress"):
            return
        pod = self.core.state.objects.get(("pods", body["spec"]["pod"]["namespace"], body["spec"]["pod"]["name"])) or {}
        at = dig(pod, "spec", "nodeName") or ("" if self._played() else node)
        if at and self.volumes.agent(at):
            self.volumes.drive("podvolumerestores", body, at, self._filling(body))
        else:
            self.core.state.clock.after(1.0, lambda: self._hand_out(name, node))

    def _played(self) -> bool:
        """Somebody puts pods onto nodes here."""
        return any(key[0] == "replicasets.apps" for key in self.core.state.objects)

    def _filling(self, body: Json) -> Work:
        core, name, uid, spec = self.core, body["metadata"]["name"], body["metadata"]["uid"], body["spec"]
        core.report("podvolumerestores", name, uid, phase="InProgress", startTimestamp=core.state.stamp())
        yield 0.5
        location = core.location(spec["backupStorageLocation"]) or {}
        try:
            kept = self.volumes.repository(spec["sourceNamespace"], location, spec.get("uploaderType", ""))
            kept.open()
            records, sums = kept.load(spec["snapshotID"])
        except (Refused, Plain, files.Locked, KeyError) as why:
            words = core.words(why, location) if isinstance(why, (Refused, Plain)) else str(why.args[0])
            core.report(
                "podvolumerestores", name, uid, phase="Failed", completionTimestamp=core.state.stamp(), message=f"error running restic restore, stderr={words}"
            )
            return
        total = sum(map(len, records.values()))
        yield max(self.volumes.least, total / self.volumes.rate)
        self._fill(spec, records, sums)
        stamp = core.state.stamp()
        core.report("podvolumerestores", name, uid, phase="Completed", completionTimestamp=stamp, progress={"totalBytes": total, "bytesDone": total})

    def _fill(self, spec: Json, records: dict[str, bytes], sums: dict[str, str]) -> None:
        namespace, state = spec["pod"]["namespace"], self.core.state
        pod = state.objects.get(("pods", namespace, spec["pod"]["name"])) or {"metadata": {"name": spec["pod"]["name"]}}
        claim, held = self.volumes.held(namespace, pod, spec["volume"])
        if isinstance(held, Held):
            held = volume()
        held.records, held.sums = records, sums
        volumes: dict[tuple[str, str], Any] = getattr(state, "volumes", None) or {}
        volumes[namespace, claim or f"{pod['metadata']['name']}/{spec['volume']}"] = held
        state.volumes = volumes  # type: ignore[attr-defined]

    def _wait(self, run: Running, copies: list[str]) -> Steps:
        since = self.core.state.clock.now()
        while copies:
            found = [self.core.find("podvolumerestores", name) for name in copies]
            if all(one is None or dig(one, "status", "phase") in ENDED for one in found):
                failed = [one for one in found if one is not None and dig(one, "status", "phase") != "Completed"]
                run.errors += [("velero", f"pod volume restore failed: {dig(one, 'status', 'message')}") for one in failed]
                return
            if self.core.state.clock.now() - since > self.volumes.timeout():
                run.errors.append(("velero", "timed out waiting for all PodVolumeRestores to complete"))
                return
            yield 0.5

    # --- after it ---
    def _finish(self, run: Running) -> Steps:
        core = self.core
        counts = {key: value for key, value in (("errors", len(run.errors)), ("warnings", len(run.warnings))) if value}
        results = {"errors": grouped(run.errors), "warnings": grouped(run.warnings)}
        lines = "".join(f'level=error msg="{words}" restore={core.namespace}/{run.name}\n' for _where, words in run.errors)
        try:
            seen, start = core.open(run.location), prefix_of(run.location)
            log = gzip.compress(f'level=info msg="starting restore" restore={core.namespace}/{run.name}\n{lines}'.encode(), mtime=0)
            seen.put(bucket_of(run.location), start + files.WHERE["RestoreLog"].format(run.name), log)
            seen.put(bucket_of(run.location), start + files.WHERE["RestoreResults"].format(run.name), items.zipped(results))
        except (Refused, Plain) as why:
            core.log("error", "Error uploading log file to backup storage", restore=run.name, error=core.words(why, run.location))
        phase = "PartiallyFailed" if run.errors else "Completed"
        if core.profile.finalizing:
            core.report("restores", run.name, run.uid, phase="FinalizingPartiallyFailed" if run.errors else "Finalizing", **counts)
            yield 0.02
            core.report("restores", run.name, run.uid, hookStatus={})
            yield 0.02
        core.report("restores", run.name, run.uid, phase=phase, completionTimestamp=core.state.stamp(), **counts)


def _maps_storage(body: Json) -> bool:
    labels = body["metadata"].get("labels") or {}
    return "velero.io/plugin-config" in labels and labels.get("velero.io/change-storage-class") == "RestoreItemAction"


def volume() -> Any:
    """An empty volume of the installation."""
    from lab.installation.volumes import Volume

    return Volume()


def bare(item: items.Item, restore: str, backup: str) -> Json:
    """As it is created anew."""
    meta = item.body["metadata"]
    labels = {**(meta.get("labels") or {}), "velero.io/backup-name": label_of(backup), "velero.io/restore-name": label_of(restore)}
    kept: Json = {"name": meta["name"], "labels": labels}
    if meta.get("annotations"):
        kept["annotations"] = dict(meta["annotations"])
    body = {key: copied(value) for key, value in item.body.items() if key not in ("status", "metadata", "kind", "apiVersion")}
    if item.resource == "pods":
        (body.get("spec") or {}).pop("nodeName", None)
    if item.resource == "persistentvolumeclaims":
        (body.get("spec") or {}).pop("volumeName", None)
    return {"metadata": kept, **body}


def equal(there: Json, backed_up: Json) -> bool:
    """But for what the server writes by itself, and the labels of an earlier restore."""

    def wanted(body: Json) -> Json:
        labels = {key: value for key, value in (body["metadata"].get("labels") or {}).items() if key not in ("velero.io/backup-name", "velero.io/restore-name")}
        rest = {key: value for key, value in body.items() if key not in ("metadata", "status", "kind", "apiVersion")}
        return {**rest, "labels": labels, "annotations": body["metadata"].get("annotations") or {}}

    return wanted(there) == wanted(backed_up)
