"""PodVolumeBackups: repositories, the work of the node agents volume by volume, and what becomes of it when an agent is not there."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from lab.velero import files
from lab.velero.core import REACTION, Core, Json, Plain, Work, decoded, dig, label_of, seconds_of
from lab.velero.locations import bucket_of, prefix_of
from lab.velero.store import Refused

PASSWORD = "static-passw0rd"  # the fixed default of Velero, which everybody knows
ENDED = ("Completed", "Failed", "Canceled")
EMPTY = "volume was empty so no snapshot was taken"
LEFT = 'found a {} with status "InProgress" during the server starting, mark it as "Failed"'
Errors = Generator[float, None, list[str]]


@dataclass
class Held:
    """What a volume holds, if nobody else says it better."""

    records: dict[str, bytes] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)


@dataclass
class Volumes:
    core: Core
    rate: float = 50 * 2.0**20  # bytes/s of one agent
    least: float = 1.0  # s that a volume takes at least
    without: set[str] = field(default_factory=set)  # nodes whose agent is not there, when nobody plays its pods
    broken: dict[tuple[str, str], str] = field(default_factory=dict)  # namespace, claim -> why the copy fails
    stalled: set[tuple[str, str]] = field(default_factory=set)  # namespace, claim: begun, and never a byte more
    no_program: bool = False  # restic itself is missing beside the server
    busy: dict[str, str] = field(default_factory=dict)  # uid of a volume's object -> uid of the agent that works on it

    @property
    def secret(self) -> str:
        return "velero-restic-credentials" if self.core.profile.uploader == "restic" and self.core.profile.agent == "restic" else "velero-repo-credentials"

    @property
    def uploader(self) -> str:
        """That of the server's flags."""
        args = self._args()
        named = [arg.split("=", 1)[1] for arg in args if arg.startswith("--uploader-type=")]
        return named[0] if named else self.core.profile.uploader

    def _args(self) -> list[str]:
        deployment = self.core.state.objects.get(("deployments.apps", self.core.namespace, "velero")) or {}
        containers = dig(deployment, "spec", "template", "spec", "containers") or [{}]
        return [str(arg) for arg in containers[0].get("args") or []]

    def timeout(self) -> float:
        names = ("--restic-timeout=", "--fs-backup-timeout=")
        given = [arg.split("=", 1)[1] for arg in self._args() if arg.startswith(names)]
        return seconds_of(given[0]) if given else 4 * 3600.0

    def begin(self) -> None:
        if ("secrets", self.core.namespace, self.secret) not in self.core.state.objects:
            data = {"repository-password": base64.b64encode(PASSWORD.encode()).decode()}
            self.core.state.put("secrets", self.core.namespace, self.secret, {"type": "Opaque", "data": data})
        self.core.every(300.0, self.look_again, 300.0)

    # --- repositories ---
    def repository(self, namespace: str, location: Json, uploader: str = "") -> files.Repository:
        secret = self.core.state.objects.get(("secrets", self.core.namespace, self.secret)) or {}
        start = f"{prefix_of(location)}{uploader or self.uploader}/{namespace}/"
        return files.Repository(self.core.open(location), bucket_of(location), start, decoded(secret, "repository-password"))

    def ensure(self, namespace: str, location: Json) -> str:
        """Its object, Ready or not. Returns why it is not ready."""
        core, name = self.core, location["metadata"]["name"]
        mine = [
            one for one in core.all(core.profile.repositories) if one["spec"]["volumeNamespace"] == namespace and one["spec"]["backupStorageLocation"] == name
        ]
        made = mine[0] if mine else self._new(namespace, location)
        return self._try(made, location)

    def _new(self, namespace: str, location: Json) -> Json:
        core, name = self.core, location["metadata"]["name"]
        labels = {"velero.io/storage-location": name, "velero.io/volume-namespace": namespace}
        spec = {
            "backupStorageLocation": name,
            "maintenanceFrequency": "168h0m0s",
            "volumeNamespace": namespace,
            "resticIdentifier": self.identifier(namespace, location),
        }
        start = f"{namespace}-{name}-"
        if core.profile.repositories == "backuprepositories":
            labels["velero.io/repository-type"] = spec["repositoryType"] = self.uploader
            spec["maintenanceFrequency"] = "1h0m0s" if self.uploader == "kopia" else "168h0m0s"
            start += f"{self.uploader}-"
        return core.write(core.profile.repositories, {"metadata": {"name": core.named(start), "generateName": start, "labels": labels}, "spec": spec})

    def identifier(self, namespace: str, location: Json) -> str:
        config = location["spec"].get("config") or {}
        where = config.get("s3Url") or f"s3-{config.get('region', 'us-east-1')}.amazonaws.com"
        return f"s3:{where}/{bucket_of(location)}/{prefix_of(location)}restic/{namespace}"

    def _try(self, made: Json, location: Json) -> str:
        core, name = self.core, made["metadata"]["name"]
        start = f"error running command=restic snapshots --repo={made['spec']['resticIdentifier']} --password-file=/tmp/credentials/velero/{self.secret}"
        try:
            if self.no_program:
                missing = 'stdout=, stderr=: exec: "restic": executable file not found in $PATH'
                raise Plain(f"{start}-repository-password --cache-dir=/scratch/.cache/restic --last, {missing}")
            self.repository(made["spec"]["volumeNamespace"], location).open()
        except files.Locked as why:
            text = f"{start}-repository-password --last, stdout=, stderr={why}: exit status 1"
        except (Refused, Plain) as why:
            text = core.words(why, location)
        else:
            core.report(core.profile.repositories, name, phase="Ready", message=None, lastMaintenanceTime=core.state.stamp())
            return ""
        core.report(core.profile.repositories, name, phase="NotReady", message=text)
        return text

    def look_again(self) -> None:
        for one in self.core.all(self.core.profile.repositories):
            location = self.core.location(one["spec"]["backupStorageLocation"])
            if dig(one, "status", "phase") == "NotReady" and location:
                self._try(one, location)

    # --- agents ---
    def agent(self, node: str) -> str:
        """The uid of the pod that works on that node, "" if none does."""
        core = self.core
        pods = [body for key, body in core.state.objects.items() if key[:2] == ("pods", core.namespace)]
        mine = [pod for pod in pods if dig(pod, "metadata", "labels", "name") == core.profile.agent]
        if not mine and ("daemonsets.apps", core.namespace, core.profile.agent) in core.state.objects:
            return f"agent-of-{node}" if node not in self.without else ""
        there = [pod["metadata"]["uid"] for pod in mine if dig(pod, "spec", "nodeName") == node and ready(pod)]
        return there[0] if there else ""

    def drive(self, plural: str, body: Json, node: str, work: Work) -> None:
        uid, agent = body["metadata"]["uid"], self.agent(node)
        if not agent or self.busy.get(uid) == agent:
            return
        self.busy[uid] = agent

        def go() -> None:
            if self.agent(node) != agent or self.core.find(plural, body["metadata"]["name"], uid) is None:
                work.close()
                return
            try:
                wait = next(work)
            except StopIteration:
                return
            self.core.state.clock.after(wait, go)

        self.core.state.clock.after(REACTION, go)

    def seen(self) -> None:
        """An agent is there: it takes what waits, and later versions fail what another one left."""
        for body in self.core.all("podvolumebackups"):
            phase, node, uid = dig(body, "status", "phase") or "", body["spec"]["node"], body["metadata"]["uid"]
            agent = self.agent(node)
            if not agent or phase in ENDED or self.busy.get(uid) == agent:
                continue
            if phase in ("", "New"):
                self.drive("podvolumebackups", body, node, self.copying(body))
            elif self.core.profile.marks_left:
                self._end(body, "Failed", message=LEFT.format("podvolumebackup"))

    def _end(self, body: Json, phase: str, **changes: Any) -> None:
        stamp = self.core.state.stamp()
        self.core.report("podvolumebackups", body["metadata"]["name"], body["metadata"]["uid"], phase=phase, completionTimestamp=stamp, **changes)

    def held(self, namespace: str, pod: Json, volume: str) -> tuple[str, Any]:
        """Claim and contents of a pod's volume."""
        there = [one for one in dig(pod, "spec", "volumes") or [] if one["name"] == volume]
        claim = dig(there[0], "persistentVolumeClaim", "claimName") if there else ""
        volumes = getattr(self.core.state, "volumes", None) or {}
        return claim or "", volumes.get((namespace, claim or f"{pod['metadata']['name']}/{volume}"), Held())

    def copying(self, body: Json) -> Work:
        """An agent's work on one volume."""
        core, name, uid = self.core, body["metadata"]["name"], body["metadata"]["uid"]
        spec = body["spec"]
        namespace = spec["pod"]["namespace"]
        pod = core.state.objects.get(("pods", namespace, spec["pod"]["name"])) or {"metadata": {"name": spec["pod"]["name"]}}
        claim, volume = self.held(namespace, pod, spec["volume"])
        core.report("podvolumebackups", name, uid, phase="InProgress", startTimestamp=core.state.stamp())
        total = sum(map(len, volume.records.values()))
        yield 0.2
        if (namespace, claim) in self.broken:
            return self._end(body, "Failed", message=self.broken[namespace, claim])
        done, left = 0, max(self.least, total / self.rate)
        while total and ((namespace, claim) in self.stalled or left > 10.0):
            yield 10.0
            if (namespace, claim) not in self.stalled:
                left, done = left - 10.0, done + int(10.0 * self.rate)
                core.report("podvolumebackups", name, uid, progress={"totalBytes": total, "bytesDone": min(done, total)})
            elif not done:
                done = 1
                core.report("podvolumebackups", name, uid, progress={"totalBytes": total})
        yield left
        return self._saved(body, volume, total)

    def _saved(self, body: Json, volume: Any, total: int) -> None:
        core, spec = self.core, body["spec"]
        path = f"/host_pods/{spec['pod'].get('uid', '')}/volumes/kubernetes.io~csi/{spec['volume']}/mount"
        if not total:
            return self._end(body, "Completed", path=path, message=EMPTY)
        location = core.location(spec["backupStorageLocation"])
        try:
            if location is None:
                raise Plain(f'BackupStorageLocation.velero.io "{spec["backupStorageLocation"]}" not found')
            kept = self.repository(spec["pod"]["namespace"], location, spec.get("uploaderType", ""))
            kept.open()
            snapshot = kept.save(dict(volume.records), dict(volume.sums), spec.get("tags") or {})
        except (Refused, Plain, files.Locked) as why:
            text = str(why) if location is None or isinstance(why, files.Locked) else core.words(why, location)
            return self._end(body, "Failed", message=f"error running restic backup, stderr={text}: exit status 1")
        return self._end(body, "Completed", path=path, snapshotID=snapshot, progress={"totalBytes": total, "bytesDone": total})

    # --- the server's side ---
    def copy(self, backup: Json, pod: Json, names: list[str], location: Json) -> Errors:
        """Begins the copies of a pod's volumes; the objects are told by `begun`. Returns what went wrong at once."""
        namespace, node = pod["metadata"]["namespace"], dig(pod, "spec", "nodeName") or ""
        if self.core.profile.asks_for_agent and not self.agent(node):
            return [f"daemonset pod not found in running state in node {node}"]
        why = self.ensure(namespace, location)
        yield 0.1
        if why:
            return [f"{'restic' if self.core.profile.agent == 'restic' else 'backup'} repository is not ready: {why}"]
        there = [one["name"] for one in dig(pod, "spec", "volumes") or []]
        for name in [one for one in names if one in there]:
            self._begin(backup, pod, name, location)
        return []

    def _begin(self, backup: Json, pod: Json, volume: str, location: Json) -> None:
        core, meta, name = self.core, pod["metadata"], backup["metadata"]["name"]
        claim, _held = self.held(meta["namespace"], pod, volume)
        about = {
            "backup": name,
            "backup-uid": backup["metadata"]["uid"],
            "ns": meta["namespace"],
            "pod": meta["name"],
            "pod-uid": meta["uid"],
            "volume": volume,
        }
        labels = {"velero.io/backup-name": label_of(name), "velero.io/backup-uid": backup["metadata"]["uid"]}
        notes = {}
        if claim:
            found = core.state.objects.get(("persistentvolumeclaims", meta["namespace"], claim)) or {}
            labels["velero.io/pvc-uid"] = about["pvc-uid"] = dig(found, "metadata", "uid") or ""
            notes = {"velero.io/pvc-name": claim}
        spec = {
            "backupStorageLocation": location["metadata"]["name"],
            "node": dig(pod, "spec", "nodeName") or "",
            "pod": {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "repoIdentifier": self.identifier(meta["namespace"], location) if self.uploader == "restic" else "",
            "tags": about,
            "volume": volume,
        }
        if core.profile.repositories == "backuprepositories":
            spec["uploaderType"] = self.uploader
        start = f"{name}-"
        core.write(
            "podvolumebackups",
            {"metadata": {"name": core.named(start), "generateName": start, "labels": labels, "annotations": notes}, "spec": spec, "status": {}},
        )

    def of(self, backup: Json) -> list[Json]:
        uid = backup["metadata"]["uid"]
        return [one for one in self.core.all("podvolumebackups") if dig(one, "metadata", "labels", "velero.io/backup-uid") == uid]

    def wait(self, backup: Json, since: float) -> Errors:
        """Until every copy has ended, or the time is over."""
        while [one for one in self.of(backup) if dig(one, "status", "phase") not in ENDED]:
            if self.core.state.clock.now() - since >= self.timeout():
                return ["timed out waiting for all PodVolumeBackups to complete"]
            yield 0.5
        failed = [one for one in self.of(backup) if dig(one, "status", "phase") != "Completed"]
        return [f"pod volume backup failed: {dig(one, 'status', 'message')}" for one in failed]


def ready(pod: Json) -> bool:
    states = {one["type"]: one["status"] for one in dig(pod, "status", "conditions") or []}
    return dig(pod, "status", "phase") == "Running" and states.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")
