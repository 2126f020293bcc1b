"""Backups: validated, made one after the other, written into the store, and what is left of them when something dies."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import gzip
from collections.abc import Generator
from dataclasses import dataclass, field

from lab.velero import files
from lab.velero import items as of
from lab.velero.core import Core, Json, Plain, Work, dig, label_of, quoted, seconds_of, unreadable
from lab.velero.locations import bucket_of, default_location, prefix_of
from lab.velero.store import Refused
from lab.velero.volumes import LEFT, Volumes

WAITS = ("", "New", "Queued", "ReadyToStart")
RUNS = ("InProgress", "WaitingForPluginOperations", "Finalizing", "FinalizingPartiallyFailed")
BACKOFF = 5.4  # s until an informer that could not decode lists again
NO_LOCATION = (
    "an existing backup storage location wasn't specified at backup creation time and the default '{0}' wasn't found. Please address this issue "
    '(see `velero backup-location -h` for options) and create a new backup. Error: BackupStorageLocation.velero.io "{0}" not found'
)
READ_ONLY = "backup can't be created because backup storage location {} is currently in read-only mode"
UNAVAILABLE = "backup can't be created because BackupStorageLocation {} is in Unavailable status. please create a new backup after the BSL becomes available"
NAMESPACES = "Invalid included/excluded namespace lists: "
Steps = Generator[float, None, None]


@dataclass
class Running:
    """A backup in the works."""

    body: Json
    location: Json
    errors: list[tuple[str, str]] = field(default_factory=list)  # namespace or "velero", words
    warnings: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    attempted: int = 0
    failed: int = 0
    items: list[of.Item] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.body["metadata"]["uid"])


class Backups:
    def __init__(self, core: Core, volumes: Volumes) -> None:
        self.core, self.volumes = core, volumes
        self.current = ""  # uid of the one that is worked on
        self.arrived: dict[str, int] = {}
        self.poisoned = False
        self.exit_codes: dict[str, int] = {"false": 1}  # first word of a hook's command -> how it ends

    # --- who is next ---
    def begin(self) -> None:
        self.current = ""
        self.poisoned = any(unreadable(body) for body in self.core.all("backups"))
        if self.poisoned:
            self._complain()
            return
        for body in self.core.all("backups"):
            self.arrived.setdefault(body["metadata"]["uid"], len(self.arrived))
            if dig(body, "status", "phase") == "InProgress" and self.core.profile.marks_left:
                stamp, why = self.core.state.stamp(), LEFT.format("backup")
                self.core.report("backups", body["metadata"]["name"], phase="Failed", completionTimestamp=stamp, failureReason=why)
        self.pump()

    def changed(self, name: str, body: Json | None, before: Json | None) -> None:
        if body is not None:
            self.arrived.setdefault(body["metadata"]["uid"], len(self.arrived))
            if unreadable(body) and not self.poisoned:
                self.poisoned = True
                self._complain()
                return
        elif before is not None and unreadable(before) and self.core.profile.heals:
            self.core.spawn(self._heal(), BACKOFF)
        self.pump()

    def _complain(self) -> None:
        bad = next(unreadable(body) for body in self.core.all("backups") if unreadable(body))
        self.core.log("error", f"pkg/mod/k8s.io/client-go/tools/cache/reflector.go: Failed to watch *v1.Backup: failed to list *v1.Backup: {bad}")

    def _heal(self) -> Work:
        self.poisoned = any(unreadable(body) for body in self.core.all("backups"))
        self.pump()
        yield 0.0

    def waiting(self) -> list[Json]:
        found = [body for body in self.core.all("backups") if (dig(body, "status", "phase") or "") in WAITS]
        return sorted(found, key=lambda body: self.arrived.get(body["metadata"]["uid"], 0))

    def pump(self) -> None:
        if self.current or self.poisoned or not self.core.running:
            return
        waiting = self.waiting()
        if not waiting:
            return
        self.current = waiting[0]["metadata"]["uid"]
        self.core.spawn(self._one(waiting[0]["metadata"]["name"], self.current))

    def _one(self, name: str, uid: str) -> Work:
        body = self.core.find("backups", name, uid)
        if body is not None and (dig(body, "status", "phase") or "") in WAITS:
            if self.core.profile.queued:
                self._queue()
                yield 0.05
                self.core.report("backups", name, uid, phase="ReadyToStart", queuePosition=None)
                yield 0.05
                body = self.core.find("backups", name, uid) or body
            yield from self._work(body)
        self.current = ""
        self.pump()

    def _queue(self) -> None:
        for place, body in enumerate(self.waiting(), 1):
            self.core.report("backups", body["metadata"]["name"], phase="Queued", queuePosition=place)

    # --- before it ---
    def prepare(self, body: Json) -> list[str]:
        """Fills in what was not said. Returns the validation errors."""
        core, spec, meta = self.core, body["spec"], body["metadata"]
        old = core.profile.agent == "restic"
        defaults = {"ttl": "720h0m0s"} if old else {"ttl": "720h0m0s", "csiSnapshotTimeout": "10m0s", "itemOperationTimeout": "4h0m0s"}
        for name, value in defaults.items():
            spec[name] = value if not seconds_of(str(spec.get(name) or "0")) else spec[name]
        for name in ("defaultVolumesToRestic",) if old else ("defaultVolumesToFsBackup", "snapshotMoveData"):
            spec.setdefault(name, False)
        spec["storageLocation"] = spec.get("storageLocation") or default_location(core)
        if core.all("volumesnapshotlocations"):
            spec.setdefault("volumeSnapshotLocations", ["default"])
        meta["labels"] = {**(meta.get("labels") or {}), "velero.io/storage-location": label_of(spec["storageLocation"])}
        notes = {f"velero.io/source-cluster-k8s-{key}": value for key, value in (("gitversion", "v1.33.13"), ("major-version", "1"), ("minor-version", "33"))}
        meta["annotations"] = {**(meta.get("annotations") or {}), **notes, **({} if old else {"velero.io/resource-timeout": "10m0s"})}
        ends = core.state.stamp(seconds_of(spec["ttl"]))
        body["status"] = {"version": 1, "formatVersion": "1.1.0", "expiration": ends}
        return self._problems(spec)

    def _problems(self, spec: Json) -> list[str]:
        core, found = self.core, []
        location = core.location(spec["storageLocation"])
        if location is None:
            found.append(NO_LOCATION.format(spec["storageLocation"]))
        elif location["spec"].get("accessMode") == "ReadOnly":
            found.append(READ_ONLY.format(spec["storageLocation"]))
        elif core.profile.checks_location and dig(location, "status", "phase") == "Unavailable":
            found.append(UNAVAILABLE.format(spec["storageLocation"]))
        wanted, without = spec.get("includedNamespaces") or [], spec.get("excludedNamespaces") or []
        both = [name for name in without if name in wanted]
        found += [f"{NAMESPACES}excludes list cannot contain an item in the includes list: {name}" for name in both]
        if core.profile.unknown_namespace_fails:
            found += [f'{NAMESPACES}Namespace "{name}" not found' for name in self.unknown(spec)]
        return found

    def unknown(self, spec: Json) -> list[str]:
        return [name for name in spec.get("includedNamespaces") or [] if name != "*" and ("namespaces", "", name) not in self.core.state.objects]

    # --- it ---
    def _work(self, body: Json) -> Steps:
        core = self.core
        wrong = self.prepare(body)
        body["status"]["phase"] = "FailedValidation" if wrong else "InProgress"
        if wrong:
            body["status"]["validationErrors"] = wrong
            core.write("backups", body)
            return
        body["status"]["startTimestamp"] = core.state.stamp()
        core.write("backups", body)
        run = Running(body, core.location(body["spec"]["storageLocation"]) or {})
        self._say(run, "info", "Setting up backup temp file")
        try:
            yield from self._make(run)
        except Plain as why:
            self._fail(run, str(why))
        except Refused as why:
            yield self._tries(why)
            self._fail(run, core.words(why, run.location))

    def _make(self, run: Running) -> Steps:
        core, profile = self.core, self.core.profile
        yield 0.1
        yield from self._not_there(run)
        yield profile.listing - 0.1
        run.items = of.chosen(core.state, run.body["spec"], profile.one_namespace)
        gone = self.unknown(run.body["spec"])
        run.errors += [("velero", f'error getting namespace {name}: namespaces "{name}" not found') for name in gone]
        core.report("backups", run.name, run.uid, progress={"totalItems": len(run.items)} if run.items else {"totalItems": 0, "itemsBackedUp": 0})
        yield from self._pods(run)
        yield profile.writing
        hooks = {"hooksAttempted": run.attempted, "hooksFailed": run.failed}
        status = {"hookStatus": {key: value for key, value in hooks.items() if value}} if profile.hook_status else {}
        total = len(run.items)
        core.report("backups", run.name, run.uid, progress={"totalItems": total, "itemsBackedUp": total}, **status)
        yield profile.uploading
        yield from self._finish(run)

    def _not_there(self, run: Running) -> Steps:
        seen = self.core.open(run.location)
        try:
            there = seen.has(bucket_of(run.location), prefix_of(run.location) + files.metadata(run.name))
        except Refused as why:
            yield self._tries(why)
            raise Plain(f"error checking if backup already exists in object storage: {self.core.words(why, run.location)}") from why
        if there:
            raise Plain("backup already exists in object storage")

    def _tries(self, why: Refused) -> float:
        """How long the SDK tried again."""
        return 3.0 if not why.code and self.core.profile.sdk == 2 else 0.2 if not why.code else 0.05

    def _pods(self, run: Running) -> Steps:
        core, spec, since = self.core, run.body["spec"], self.core.state.clock.now()
        default = bool(spec.get("defaultVolumesToRestic") or spec.get("defaultVolumesToFsBackup"))
        pods, told = [one for one in run.items if one.resource == "pods"], since
        for number, item in enumerate(pods, 1):
            fine = yield from self._hooks(run, item.body, "pre")
            names = of.volumes_of(item.body, default) if fine and dig(item.body, "status", "phase") == "Running" else []
            if names:
                wrong = yield from self.volumes.copy(run.body, item.body, names, run.location)
                run.errors += [("velero", f"name: /{item.name} message: /Error backing up item error: /{text}") for text in wrong]
            if names and not core.profile.asks_for_agent:  # the old way: pod by pod
                yield from self._volumes(run, since)
            yield from self._hooks(run, item.body, "post")
            if number < len(pods) and core.state.clock.now() - told >= 1.0:  # once a second, where something was done
                told = core.state.clock.now()
                core.report("backups", run.name, run.uid, progress={"totalItems": len(run.items), "itemsBackedUp": number})
        if core.profile.asks_for_agent:
            yield from self._volumes(run, since)

    def _volumes(self, run: Running, since: float) -> Steps:
        wrong = yield from self.volumes.wait(run.body, since)
        run.errors += [("velero", text) for text in wrong if ("velero", text) not in run.errors]

    def _hooks(self, run: Running, pod: Json, when: str) -> Generator[float, None, bool]:
        for hook in of.hooks_of(pod, run.body["spec"], when):
            run.attempted += 1
            code, limit = self.exit_codes.get(hook.command[0], 0), seconds_of(hook.timeout)
            if hook.command[0] == "sleep":
                wanted = float(hook.command[1])
                yield min(wanted, limit)
                code = 1 if wanted > limit else code
            if not code:
                continue
            run.failed += 1
            why = f"error executing command in container: cmd wait: {' '.join(hook.command)} : exit status {code}"
            pod_name = pod["metadata"]["name"]
            run.errors.append(
                (pod["metadata"]["namespace"], f"resource: /pods name: /{pod_name} message: /Error executing hook error: /Internal error occurred: {why}")
            )
            if hook.on_error != "Continue":
                run.errors.append(("velero", f"name: /{pod_name} message: /Error backing up item error: /Internal error occurred: {why}"))
                return False
        return True

    # --- after it ---
    def _finish(self, run: Running) -> Steps:
        core = self.core
        counts = {key: value for key, value in (("errors", len(run.errors)), ("warnings", len(run.warnings))) if value}
        phase = "PartiallyFailed" if run.errors else "Completed"
        status = {**(core.find("backups", run.name, run.uid) or run.body)["status"], **counts, "phase": phase, "completionTimestamp": core.state.stamp()}
        self._upload(run, status)
        if core.profile.finalizing:
            between = "FinalizingPartiallyFailed" if run.errors else "Finalizing"
            core.report("backups", run.name, run.uid, phase=between, **counts)
            yield 0.05
            status["completionTimestamp"] = core.state.stamp()
            self._metadata(run, status)
        core.report("backups", run.name, run.uid, phase=phase, completionTimestamp=core.state.stamp(), **counts)

    def _fail(self, run: Running, why: str) -> None:
        core = self.core
        core.log("error", "backup failed", controller="backup", key=f"{core.namespace}/{run.name}", error=why)
        reason = {"failureReason": why} if core.profile.says_why else {}
        core.report("backups", run.name, run.uid, phase="Failed", completionTimestamp=core.state.stamp(), **reason)

    def _say(self, run: Running, level: str, text: str) -> None:
        run.lines.append(f'time="{self.core.state.stamp()}" level={level} msg={quoted(text, always=True)} backup={self.core.namespace}/{run.name}')

    def _metadata(self, run: Running, status: Json) -> None:
        body = self.core.find("backups", run.name, run.uid) or run.body
        head = {"apiVersion": "velero.io/v1", "kind": "Backup"}
        kept = {**head, "metadata": body["metadata"], "spec": body["spec"], "status": status}
        self.core.open(run.location).put(bucket_of(run.location), prefix_of(run.location) + files.metadata(run.name), files.stored(kept))

    def _upload(self, run: Running, status: Json) -> None:
        core = self.core
        seen, bucket, start = core.open(run.location), bucket_of(run.location), prefix_of(run.location)
        for where, words in run.errors:
            self._say(run, "error", f"{where}: {words}")
        results = {"errors": grouped(run.errors), "warnings": grouped(run.warnings)}
        contents = {
            "BackupLog": gzip.compress(("\n".join(run.lines) + "\n").encode(), mtime=0),
            "BackupContents": of.packed(core.state, run.items),
            "BackupVolumeSnapshots": of.zipped(None),
            "BackupResourceList": of.zipped(of.listed(core.state, run.items)),
            "BackupResults": of.zipped(results),
            "BackupItemOperations": of.zipped([]),
            "BackupVolumeInfos": of.zipped([]),
        }
        for kind, data in contents.items():
            if kind in core.profile.download_kinds:
                seen.put(bucket, start + files.WHERE[kind].format(run.name), data)
        seen.put(bucket, start + files.pod_volumes(run.name), of.zipped(self.volumes.of(run.body)))
        self._metadata(run, status)


def grouped(found: list[tuple[str, str]]) -> Json:
    made: Json = {}
    for where, words in found:
        if where == "velero":
            made.setdefault("velero", []).append(words)
        else:
            made.setdefault("namespaces", {}).setdefault(where, []).append(words)
    return made
