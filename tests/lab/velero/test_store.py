"""The simulated Velero on a real S3 over HTTP, in real time: what is refused there is what its location says."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import gzip
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.kubernetes.state import State
from lab.nomad.clock import RealClock
from lab.store.store import Store
from lab.velero.core import dig
from lab.velero.volumes import Held
from lab.velero.world import VeleroWorld

SPEED = 20.0
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
READS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}]}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.start() as made:
        made.bucket("velero-bucket")
        yield made


class Live:
    """A cluster whose clock runs by itself, twenty times as fast."""

    def __init__(self, store: Store, bucket: str, keys: dict[str, str], region: str = "us-east-1") -> None:
        self.state = State(clock=RealClock(SPEED))
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.world = VeleroWorld(self.state, "1.14.0", store, validation=5.0, sync=5.0)
        text = f"[default]\naws_access_key_id={keys['access_key']}\naws_secret_access_key={keys['secret_key']}\n"
        self.world.install(bucket=bucket, credentials=text, config={"region": region, "s3Url": store.url, "s3ForcePathStyle": "true"})

    def _run(self) -> None:
        while not self.over.wait(0.01):
            self.state.clock.run_due()  # type: ignore[attr-defined]

    def status(self, plural: str, name: str) -> dict[str, Any]:
        return dict(dig(self.state.get(f"{plural}.velero.io", "velero", name), "status") or {})

    def until(self, what: Callable[[], bool]) -> None:
        for _turn in range(1000):
            if what():
                return
            self.over.wait(0.02)
        raise AssertionError(f"{self.status('backupstoragelocations', 'default')} {self.state.all('backups.velero.io')}")

    def end(self) -> None:
        self.over.set()
        self.thread.join(10)


@pytest.fixture
def live(request: pytest.FixtureRequest) -> Iterator[Callable[..., Live]]:
    made: list[Live] = []

    def start(*words: Any, **more: Any) -> Live:
        made.append(Live(*words, **more))
        return made[-1]

    yield start
    for one in made:
        one.end()


def test_a_backup_lies_in_the_bucket(store: Store, live: Callable[..., Live]) -> None:
    store.enforce(False)
    lab = live(store, "velero-bucket", {"access_key": "any", "secret_key": "any"})
    lab.state.volumes = {("app", "claim"): Held({"a": b"x" * 5000}, {})}  # type: ignore[attr-defined]
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "claim"}}
    meta = {"annotations": {"backup.velero.io/backup-volumes": "data"}}
    lab.state.put("pods", "app", "p", {"metadata": meta, "spec": {"nodeName": "node-1", "volumes": [volume]}, "status": {"phase": "Running"}})
    lab.until(lambda: lab.status("backupstoragelocations", "default").get("phase") == "Available")
    lab.state.put("backups.velero.io", "velero", "b", {"spec": {"includedNamespaces": ["app"]}})
    lab.until(lambda: lab.status("backups", "b").get("phase") == "Completed")
    found = store.objects("velero-bucket")
    assert "backups/b/velero-backup.json" in found
    assert 5000 in found.values(), "the volume's bytes"
    lab.state.put("downloadrequests.velero.io", "velero", "d", {"spec": {"target": {"kind": "BackupLog", "name": "b"}}})
    lab.until(lambda: bool(lab.status("downloadrequests", "d").get("downloadURL")))
    with urllib.request.urlopen(lab.status("downloadrequests", "d")["downloadURL"], timeout=10) as answer:
        assert b"level=info" in gzip.decompress(answer.read())


def refused(lab: Live, word: str) -> None:
    lab.until(lambda: lab.status("backupstoragelocations", "default").get("phase") == "Unavailable")
    assert word in lab.status("backupstoragelocations", "default")["message"]


def test_no_such_bucket(store: Store, live: Callable[..., Live]) -> None:
    store.enforce(False)
    refused(live(store, "not-there", {"access_key": "any", "secret_key": "any"}), "NoSuchBucket")


def test_a_key_that_nobody_knows(store: Store, live: Callable[..., Live]) -> None:
    store.user("velero", ALL)
    store.enforce()
    refused(live(store, "velero-bucket", {"access_key": "AKIAUNKNOWN", "secret_key": "x"}), "InvalidAccessKeyId")


def test_a_wrong_secret(store: Store, live: Callable[..., Live]) -> None:
    keys = store.user("signs", ALL)
    store.enforce()
    refused(live(store, "velero-bucket", {**keys, "secret_key": "wrong"}), "SignatureDoesNotMatch")


def test_another_region(store: Store, live: Callable[..., Live]) -> None:
    store.enforce(False)
    store.bucket("far-away", "eu-west-1")
    refused(live(store, "far-away", {"access_key": "any", "secret_key": "any"}), "AuthorizationHeaderMalformed")


def test_a_clock_that_is_off(store: Store, live: Callable[..., Live]) -> None:
    store.enforce(False)
    store.clock(3600.0)
    try:
        refused(live(store, "velero-bucket", {"access_key": "any", "secret_key": "any"}), "RequestTimeTooSkewed")
    finally:
        store.clock(0.0)


def test_who_may_only_read_fails_the_backup(store: Store, live: Callable[..., Live]) -> None:
    keys = store.user("reads", READS)
    store.enforce()
    lab = live(store, "velero-bucket", keys)
    lab.until(lambda: lab.status("backupstoragelocations", "default").get("phase") == "Available")
    lab.state.put("namespaces", "", "app", {})
    lab.state.put("backups.velero.io", "velero", "reads-only", {"spec": {"includedNamespaces": ["app"]}})
    lab.until(lambda: lab.status("backups", "reads-only").get("phase") == "Failed")
    assert "AccessDenied" in lab.status("backups", "reads-only")["failureReason"]
