"""The store against the cluster: Backups come back from their files, go when their files are gone, expire, and are deleted on request."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json

from lab.velero import files, items
from lab.velero.backups import Backups
from lab.velero.core import Core, Json, Plain, Work, dig, label_of
from lab.velero.locations import bucket_of, prefix_of
from lab.velero.store import Refused, Seen
from lab.velero.volumes import Volumes

IN_STORE = ("Completed", "PartiallyFailed")
READ_ONLY = "cannot delete backup because backup storage location {} is currently in read-only mode"


class Sync:
    """Once a round for each location. 1.6.3 goes round every 30 s at most, later ones once a minute whatever their period is."""

    def __init__(self, core: Core, volumes: Volumes) -> None:
        self.core, self.volumes = core, volumes

    def begin(self) -> None:
        first = self.core.profile.first_check + (0.006 if self.core.profile.says_why else -0.008)
        self.core.every(60.0 if self.core.profile.says_why else max(30.0, self.core.sync), self.go_round, first)
        self.core.every(3600.0, self.expire, 5.0)

    def go_round(self) -> None:
        for location in self.core.all("backupstoragelocations"):
            try:
                self._sync(location)
            except (Refused, Plain) as why:
                text = self.core.words(why, location)
                self.core.log(
                    "error", "Error listing backups in backup store", backup_location=location["metadata"]["name"], controller="backup-sync", error=text
                )

    def _sync(self, location: Json) -> None:
        core, name = self.core, location["metadata"]["name"]
        seen, bucket, start = core.open(location), bucket_of(location), prefix_of(location)
        there = {key[len(start) :].split("/")[1] for key in seen.objects(bucket, f"{start}backups/") if key.endswith("/velero-backup.json")}
        for backup in sorted(there):
            if core.find("backups", backup) is None:
                self._bring(location, seen, backup)
        for body in core.all("backups"):
            mine = dig(body, "metadata", "labels", "velero.io/storage-location") == name
            if mine and dig(body, "status", "phase") in IN_STORE and body["metadata"]["name"] not in there:
                self._take(body)
        core.report("backupstoragelocations", name, location["metadata"]["uid"], lastSyncedTime=core.state.stamp())

    def _bring(self, location: Json, seen: Seen, backup: str) -> None:
        """As it was when it was made: what was written onto the object later is lost."""
        core, start = self.core, prefix_of(location)
        body = json.loads(seen.get(bucket_of(location), start + files.metadata(backup)))
        meta = body["metadata"]
        labels = {**(meta.get("labels") or {}), "velero.io/storage-location": location["metadata"]["name"]}
        kept = {"name": backup, "labels": labels, "annotations": meta.get("annotations") or {}}
        spec = {**body["spec"], "storageLocation": location["metadata"]["name"]}
        made = core.write("backups", {"metadata": kept, "spec": spec, "status": body["status"]})
        for one in self._copies(location, seen, backup):
            old = one["metadata"]
            labels = {**old["labels"], "velero.io/backup-uid": made["metadata"]["uid"]}
            fresh = {"name": old["name"], "generateName": f"{backup}-", "labels": labels, "annotations": old.get("annotations") or {}}
            if core.find("podvolumebackups", old["name"]) is None:
                core.write("podvolumebackups", {"metadata": fresh, "spec": one["spec"], "status": one.get("status") or {}})

    def _copies(self, location: Json, seen: Seen, backup: str) -> list[Json]:
        key = prefix_of(location) + files.pod_volumes(backup)
        found: list[Json] = items.unzipped(seen.get(bucket_of(location), key)) if seen.has(bucket_of(location), key) else []
        return found

    def _take(self, body: Json) -> None:
        for one in self.volumes.of(body):
            self.core.remove("podvolumebackups", one["metadata"]["name"])
        self.core.remove("backups", body["metadata"]["name"])

    def expire(self) -> None:
        """A deletion is asked for when a backup's time is over."""
        core = self.core
        asked = {one["spec"]["backupName"] for one in core.all("deletebackuprequests")}
        for body in core.all("backups"):
            ends, name = dig(body, "status", "expiration"), body["metadata"]["name"]
            if ends and ends < core.state.stamp() and name not in asked:
                labels = {"velero.io/backup-name": label_of(name), "velero.io/backup-uid": body["metadata"]["uid"]}
                core.write("deletebackuprequests", {"metadata": {"name": core.named(f"{name}-"), "labels": labels}, "spec": {"backupName": name}})


class Deletions:
    """DeleteBackupRequests: once each, then they go with their Backup or stay with what went wrong."""

    def __init__(self, core: Core, backups: Backups) -> None:
        self.core, self.backups = core, backups

    def begin(self) -> None:
        for body in self.core.all("deletebackuprequests"):
            self.made(body)

    def made(self, body: Json) -> None:
        again = self.core.profile.retry_deletes and dig(body, "status", "phase") == "InProgress"
        if (dig(body, "status", "phase") or "New") == "New" or again:
            self.core.spawn(self._work(body["metadata"]["name"], body["metadata"]["uid"], body["spec"]["backupName"]))

    def _end(self, name: str, uid: str, errors: list[str]) -> None:
        self.core.report("deletebackuprequests", name, uid, phase="Processed", errors=errors or None)

    def _work(self, name: str, uid: str, of: str) -> Work:
        core = self.core
        backup = core.find("backups", of)
        yield 0.005
        if backup is None or self.backups.poisoned:
            return self._end(name, uid, ["backup not found"])
        if backup["metadata"]["uid"] == self.backups.current:
            return self._end(name, uid, ["backup is still in progress"])
        location = core.location(dig(backup, "spec", "storageLocation") or "")
        if location is None:
            return self._end(name, uid, [f"backup storage location {dig(backup, 'spec', 'storageLocation')} not found"])
        if location["spec"].get("accessMode") == "ReadOnly":
            return self._end(name, uid, [READ_ONLY.format(location["metadata"]["name"])])
        core.report("deletebackuprequests", name, uid, phase="InProgress")
        core.report("backups", of, phase="Deleting")
        yield 0.15
        while True:
            errors = self._delete(backup, location)
            if not errors or not core.profile.retry_deletes:
                break
            yield 20.0
        self._end(name, uid, errors)
        if errors:
            return None
        for one in self.backups.volumes.of(backup):
            core.remove("podvolumebackups", one["metadata"]["name"])
        for one in core.all("restores"):
            if one["spec"].get("backupName") == of:
                core.remove("restores", one["metadata"]["name"])
        core.remove("backups", of)
        return core.remove("deletebackuprequests", name)

    def _delete(self, backup: Json, location: Json) -> list[str]:
        core, name, bucket, start = self.core, backup["metadata"]["name"], bucket_of(location), prefix_of(location)
        errors = []
        try:
            seen = core.open(location)
        except Plain as why:
            return [str(why)]
        try:
            seen.has(bucket, start + files.WHERE["BackupVolumeSnapshots"].format(name))
        except Refused as why:
            errors.append(f"error getting backup's volume snapshots: {core.words(why, location)}")
        try:
            self._forget(backup, location)
            restores = [one["metadata"]["name"] for one in core.all("restores") if one["spec"].get("backupName") == name]
            for folder in [f"backups/{name}/", *(f"restores/{one}/" for one in restores)]:
                for key in seen.objects(bucket, start + folder):
                    seen.delete(bucket, key)
        except Refused as why:
            errors.append(core.words(Refused(why.operation, why.code, why.path, without_delimiter(why.url), why.words), location))
        return errors

    def _forget(self, backup: Json, location: Json) -> None:
        for one in self.backups.volumes.of(backup):
            if dig(one, "status", "snapshotID"):
                kept = self.backups.volumes.repository(one["spec"]["pod"]["namespace"], location, one["spec"].get("uploaderType", ""))
                kept.forget(one["status"]["snapshotID"])


def without_delimiter(url: str) -> str:
    """Files of one folder are listed to their last."""
    return url.replace("?delimiter=%2F&list-type=2", "?list-type=2")
