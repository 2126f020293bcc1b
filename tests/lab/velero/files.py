"""Where a backup and a restore lie in the bucket, and a repository of volumes with its snapshots."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from lab.velero.core import Json
from lab.velero.store import Seen

WHERE = {
    "BackupLog": "backups/{0}/{0}-logs.gz",
    "BackupContents": "backups/{0}/{0}.tar.gz",
    "BackupVolumeSnapshots": "backups/{0}/{0}-volumesnapshots.json.gz",
    "BackupItemOperations": "backups/{0}/{0}-itemoperations.json.gz",
    "BackupResourceList": "backups/{0}/{0}-resource-list.json.gz",
    "BackupResults": "backups/{0}/{0}-results.gz",
    "CSIBackupVolumeSnapshots": "backups/{0}/{0}-csi-volumesnapshots.json.gz",
    "CSIBackupVolumeSnapshotContents": "backups/{0}/{0}-csi-volumesnapshotcontents.json.gz",
    "BackupVolumeInfos": "backups/{0}/{0}-volumeinfo.json.gz",
    "RestoreLog": "restores/{0}/restore-{0}-logs.gz",
    "RestoreResults": "restores/{0}/restore-{0}-results.gz",
    "RestoreResourceList": "restores/{0}/restore-{0}-resource-list.json.gz",
    "RestoreItemOperations": "restores/{0}/restore-{0}-itemoperations.json.gz",
    "RestoreVolumeInfo": "restores/{0}/{0}-volumeinfo.json.gz",
}


def metadata(name: str) -> str:
    return f"backups/{name}/velero-backup.json"


def pod_volumes(name: str) -> str:
    return f"backups/{name}/{name}-podvolumebackups.json.gz"


def digest(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


class Locked(Exception):
    """The repository does not open with this password."""


@dataclass
class Repository:
    """Volumes of one namespace, file by file and each content once, as the uploader lays them down."""

    seen: Seen
    bucket: str
    start: str  # "restic/app/"
    password: str

    @property
    def kopia(self) -> bool:
        return self.start.split("/")[-3] == "kopia"

    def _key(self, kind: str, name: str) -> str:
        if self.kopia:
            return (
                self.start
                + {"config": "kopia.repository", "keys": f"kopia.keys.{name}", "data": f"p{name}", "index": f"xn0_{name}", "snapshots": f"q{name}"}[kind]
            )
        if kind == "config":
            return f"{self.start}config"
        return f"{self.start}data/{name[:2]}/{name}" if kind == "data" else f"{self.start}{kind}/{name}"

    def open(self) -> None:
        """Makes it if it is not there. Raises Locked, or Refused of the store."""
        name = digest(self.password)
        if not self.seen.has(self.bucket, self._key("config", "")):
            self.seen.put(self.bucket, self._key("config", ""), json.dumps({"version": 1, "id": digest(self.start)}).encode())
            self.seen.put(self.bucket, self._key("keys", name), b"{}")
        elif not self.seen.has(self.bucket, self._key("keys", name)):
            raise Locked("Fatal: wrong password or no key found")

    def save(self, records: dict[str, bytes], sums: dict[str, str], tags: Json) -> str:
        """A snapshot; its id is short, as restic shows it."""
        tree = {}
        for path, content in sorted(records.items()):
            tree[path] = digest(content)
            if not self.seen.has(self.bucket, self._key("data", tree[path])):
                self.seen.put(self.bucket, self._key("data", tree[path]), content)
        body = json.dumps({"tree": tree, "sums": sums, "tags": tags}).encode()
        name = digest(body)
        self.seen.put(self.bucket, self._key("index", name), json.dumps(sorted(set(tree.values()))).encode())
        self.seen.put(self.bucket, self._key("snapshots", name), body)
        return name[:8]

    def _full(self, short: str) -> str:
        start = self._key("snapshots", short)
        found = list(self.seen.objects(self.bucket, start))
        if not found:
            raise KeyError(f"no matching ID found for prefix {short}")
        return found[0]

    def load(self, short: str) -> tuple[dict[str, bytes], dict[str, str]]:
        """Raises KeyError when it, or a part of it, is not there, or is not what it was."""
        body = json.loads(self.seen.get(self.bucket, self._full(short)))
        there = self.seen.objects(self.bucket, self.start)
        records = {}
        for path, name in body["tree"].items():
            key = self._key("data", name)
            if key not in there:
                raise KeyError(f"id {name[:8]} not found in repository")
            records[path] = self.seen.get(self.bucket, key)
            if digest(records[path]) != name:
                raise KeyError(f"blob {name[:8]} is damaged")
        return records, dict(body["sums"])

    def forget(self, short: str) -> None:
        """The snapshot goes; its contents stay until somebody prunes."""
        try:
            self.seen.delete(self.bucket, self._full(short))
        except KeyError:
            return


def stored(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()
