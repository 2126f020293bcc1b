# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged and locked repositories (F57, F58) with a real restic, against a store of S3's kind on the loopback."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import store_of
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kots import connection
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import BackupSpec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import check_proof
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check import CHECK, RepositoryCheck
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check_client import CheckClient
from unit.laws.kots_world import BUCKET, NAMESPACE, Installation
from unit.plugins.module_utils.kots.values import instance, volume
from unit.plugins.modules.kots_doors import asked, change

from lab.store.store import Store

RESTIC = shutil.which("restic")
pytestmark = pytest.mark.skipif(RESTIC is None, reason="restic is not on PATH; apt-get install restic")
PASSWORD, KEY = "canary-c4a1f0de-password", "canary-c4a1f0de-secret-key"
CLOUD = {"access_key": "AKIALAB", "secret_key": KEY}
REPOSITORY = f"restic/{NAMESPACE}"
PATIENCE = 120.0  # s; a check of so little takes one
EVERY = ["phase", "volumes", "files", CHECK]


@pytest.fixture(scope="module")
def running() -> Iterator[Store]:
    with Store.start() as store:
        store.bucket(BUCKET)
        yield store


class Lab:
    """A repository with one snapshot in it, and the checks of one run."""

    def __init__(self, running: Store, folder: Path) -> None:
        self.running, self.folder, self.now = running, folder / "kept", time.time()
        for key in running.objects(BUCKET):
            running.remove(BUCKET, key)
        self.store = store_of(running.location(BUCKET), cloud=CLOUD)
        self.home = folder / "home"
        self.home.mkdir()
        self.told = self.home / "told"
        self.program = self.home / "restic-that-tells"
        self.program.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} >>{self.told}\nexec {RESTIC} "$@"\n')
        self.program.chmod(0o755)
        (self.home / "data").write_bytes(os.urandom(200_000))
        self.restic("init")
        self.restic("backup", str(self.home / "data"))

    def environment(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "AKIALAB", "AWS_SECRET_ACCESS_KEY": KEY, "RESTIC_PASSWORD": PASSWORD, "HOME": str(self.home)}
        return {**keys, "PATH": os.environ["PATH"], "RESTIC_REPOSITORY": f"s3:{self.running.url}/{BUCKET}/{REPOSITORY}"}

    def restic(self, *words: str) -> str:
        done = subprocess.run([str(RESTIC), "--no-cache", *words], env=self.environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def client(self, run: str = "run-1", **changes: Any) -> CheckClient:
        secret = {"data": {"repository-password": base64.b64encode(PASSWORD.encode()).decode()}}
        kubernetes = SimpleNamespace(server_time=lambda: self.now, find=lambda _kind, _space, name: secret if name == "velero-restic-credentials" else None)
        place = SimpleNamespace(velero_namespace="velero")
        made: Any = SimpleNamespace(kubernetes=kubernetes, place=place, store_of=lambda _found: (self.store, ""))
        spec = BackupSpec(restic_program=str(self.program), log_directory=str(self.folder))
        return CheckClient(made, replace(spec, **changes), run)

    def made(self, client: CheckClient) -> RepositoryCheck:
        """One check from begin to end."""
        client.begin(instance(), NAMESPACE)
        self.ended()
        return self.seen(client)

    def seen(self, client: CheckClient) -> RepositoryCheck:
        return client.read(instance(), (volume(),))[0]

    def ended(self) -> None:
        ended(self.folder)

    def packs(self) -> list[str]:
        """The data of the snapshot first, its trees last."""
        sizes = self.store.list(f"{REPOSITORY}/data/")
        return sorted(sizes, key=lambda key: -sizes[key])

    def locked(self) -> subprocess.Popen[bytes]:
        """A backup that goes on until it is ended."""
        words = [str(RESTIC), "--no-cache", "backup", "--stdin"]
        going = subprocess.Popen(words, env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: bool(self.store.list(f"{REPOSITORY}/locks/")))
        return going


def until(is_so: Any) -> None:
    ends = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < ends, "it did not become so"
        time.sleep(0.05)


def ended(folder: Path) -> None:
    """As long as it lives, it holds its lock."""

    def is_free(path: Path) -> bool:
        with path.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            return True

    until(lambda: all(is_free(path) for path in folder.glob("check-*.lock")))


@pytest.fixture
def lab(running: Store, tmp_path: Path) -> Lab:
    return Lab(running, tmp_path)


def test_a_good_repository_passes_and_nothing_is_written_into_it(lab: Lab) -> None:
    before, client = lab.store.list(""), lab.client()
    assert lab.seen(client) == RepositoryCheck(NAMESPACE)
    found = lab.made(client)
    assert (found.state, check_proof((found,)).state) == ("passed", "passed") and lab.store.list("") == before
    assert lab.seen(lab.client("run-2")).state == "passed", "another run takes what the log tells"


def flipped(data: bytes) -> bytes:
    return data[:50] + bytes([data[50] ^ 0xFF]) + data[51:]


DAMAGES: dict[str, Any] = {
    "a byte of a tree": (-1, flipped, "", "ciphertext verification failed"),
    "a byte of the data": (0, flipped, "100%", "Pack ID does not match"),
    "cut off": (0, lambda data: data[:-10], "", "unexpected file size"),
    "missing": (0, lambda _data: None, "", "does not exist"),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_f58_damage_is_named(lab: Lab, how: str) -> None:
    number, act, share, words = DAMAGES[how]
    key = lab.packs()[number]
    whole = lab.store.get(key)
    damaged = act(whole)
    lab.store.delete(key) if damaged is None else lab.store.put(key, damaged)
    found = lab.made(lab.client(read_data_subset=share))
    proof = check_proof((found,))
    assert (found.state, proof.state) == ("failed", "failed") and words in proof.reason and NAMESPACE in proof.reason
    lab.store.put(key, whole)
    lab.restic("backup", str(lab.home / "data"))
    assert lab.seen(lab.client("run-2", read_data_subset=share)).state == "", "it stands otherwise now, and is checked again"
    assert lab.made(lab.client("run-2", read_data_subset=share)).state == "passed"


def test_f58_a_snapshot_that_is_gone_is_no_pass_though_restic_misses_nothing(lab: Lab) -> None:
    (kept,) = lab.store.list(f"{REPOSITORY}/snapshots/")
    mine, client = (volume(snapshotID=kept.rpartition("/")[2][:8]),), lab.client()
    lab.made(client)
    found = client.read(instance(), mine)
    assert found[0].state == "passed" and found[0].at[:2] == "20" and found[0].at in check_proof(found).reason
    lab.restic("forget", kept.rpartition("/")[2][:8])
    assert lab.made(lab.client("run-2")).state == "passed", "restic goes through what is there"
    proof = check_proof(lab.client("run-2").read(instance(), mine))
    assert proof.state == "failed" and f"snapshot {mine[0].snapshot} of volume postgresql-0/data is not in it" in proof.reason


def test_f58_a_byte_within_the_data_is_not_seen_by_the_structure_alone(lab: Lab) -> None:
    key = lab.packs()[0]
    lab.store.put(key, flipped(lab.store.get(key)))
    assert lab.made(lab.client()).state == "passed"
    assert lab.made(lab.client(read_data_subset="100%")).state == "failed"


def test_f57_a_live_lock_is_respected_and_a_stale_one_named_and_left(lab: Lab) -> None:
    going = lab.locked()
    try:
        client = lab.client()
        found = lab.seen(client)
        assert f"PID {going.pid} on " in found.locked and found.stale == ()
        with pytest.raises(Refused, match="is in use"):
            client.begin(instance(), NAMESPACE)
        assert not list(lab.folder.glob("*.log"))
    finally:
        going.send_signal(signal.SIGKILL)
        going.wait(30)
    left = lab.store.list(f"{REPOSITORY}/locks/")
    assert left and lab.seen(lab.client()).locked, "a dead owner elsewhere is not known to be dead before the lock's time is over"
    lab.now += 1900
    found = lab.seen(lab.client())
    assert found.locked == "" and f"PID {going.pid} on " in found.stale[0] and "31 minutes old" in found.stale[0]
    over = lab.made(lab.client())
    assert over.state == "passed" and over.stale == found.stale
    assert lab.store.list(f"{REPOSITORY}/locks/") == left, "no lock is touched, and none made"


def test_a_backup_that_begins_beside_the_check_is_not_broken(lab: Lab) -> None:
    client = lab.client()
    lab.running.fault("slow", seconds=0.5, times=4)
    client.begin(instance(), NAMESPACE)
    lab.restic("backup", str(lab.home))
    lab.ended()
    lab.running.faults()
    assert lab.seen(client).state in ("passed", ""), "what is half beside a backup is never called damage"


def test_a_killed_one_is_begun_again_by_the_next_run_and_one_that_lives_is_taken_up(lab: Lab) -> None:
    first = lab.client()
    lab.program.write_text("#!/bin/sh\nexec sleep 600\n")
    first.begin(instance(), NAMESPACE)
    assert lab.seen(lab.client("run-2")).going, "another run finds it by its lock"
    with pytest.raises(Refused, match="runs already"):
        lab.client("run-2").begin(instance(), NAMESPACE)
    os.killpg(int(next(lab.folder.glob("check-*.lock")).read_text()), signal.SIGKILL)
    lab.ended()
    assert lab.seen(first).state == "untried" and lab.seen(lab.client("run-2")) == RepositoryCheck(NAMESPACE, left=True)
    lab.program.write_text(f'#!/bin/sh\nexec {RESTIC} "$@"\n')
    assert lab.made(lab.client("run-2")).state == "passed"


def test_a_wrong_password_is_no_damage(lab: Lab) -> None:
    client = lab.client()
    with mock.patch.object(client, "_password", lambda: Secret("another")):
        found = lab.made(client)
    assert found.state == "untried" and "wrong password" in found.reason and check_proof((found,)).state == "unknown"


def test_no_secret_is_in_an_argument_or_left_in_a_file(lab: Lab) -> None:
    client = lab.client()
    lab.locked().kill()
    lab.seen(client)
    lab.now += 1900
    assert lab.made(client).state == "passed"
    told = lab.told.read_text()
    assert " check" in told and " cat lock " in told and PASSWORD not in told
    assert not [line for line in told.splitlines() if KEY in line and not line.startswith("AWS_SECRET_ACCESS_KEY=")]
    kept = sorted(lab.folder.iterdir())
    assert [path.suffix for path in kept] == [".lock", ".log"], "the password went with the program"
    assert not [path for path in kept if PASSWORD in path.read_text() or KEY in path.read_text() or path.stat().st_mode & 0o077]


def test_the_password_that_a_killed_check_left_is_removed_and_that_of_one_that_lives_is_not(lab: Lab) -> None:
    lab.program.write_text("#!/bin/sh\nexec sleep 600\n")
    first = lab.client()
    first.begin(instance(), NAMESPACE)
    assert not lab.seen(lab.client("run-2")).left
    first.tidy()
    (kept,) = lab.folder.glob("check-*.password")
    os.killpg(int(next(lab.folder.glob("check-*.lock")).read_text()), signal.SIGKILL)
    lab.ended()
    other = lab.client("run-2", read_data_subset="5%")  # as of another backup: nobody asks for the killed one any more
    assert kept.exists() and lab.seen(other).left and kept.exists(), "looking removes nothing"
    other.tidy()
    assert not kept.exists() and not lab.seen(other).left and kept.with_suffix(".log").exists()


@pytest.mark.parametrize(("change_of", "words"), [({"restic_program": "no-such-restic"}, "no-such-restic is not on PATH"), ({}, "Kopia")])
def test_what_cannot_be_checked_is_told(lab: Lab, change_of: dict[str, str], words: str) -> None:
    volumes = (volume(),) if change_of else (replace(volume(), uploader="kopia"),)
    found = lab.client(**change_of).read(instance(), volumes)
    assert words in found[0].cannot and check_proof(found).state == "unknown"


# -- the module ----------------------------------------------------------------------------------------


@pytest.fixture
def world(lab: Lab) -> Installation:
    """An installation with one backup that all but the check proves; its repository, the snapshot in it and the password are those of the lab."""
    made = Installation("1.6.3").settle_in()
    assert change(made, "kots_backup")[1] == ""
    secret = made.state.objects["secrets", "velero", "velero-restic-credentials"]
    made.state.put("secrets", "velero", "velero-restic-credentials", {**secret, "data": {"repository-password": base64.b64encode(PASSWORD.encode()).decode()}})
    (kept,) = lab.store.list(f"{REPOSITORY}/snapshots/")
    for (plural, space, name), body in list(made.state.objects.items()):
        if plural == "podvolumebackups.velero.io":
            made.state.put(plural, space, name, {**body, "status": {**body["status"], "snapshotID": kept.rpartition("/")[2][:8]}})
    for key in made.store.objects(BUCKET):
        if not key.startswith("restic/"):
            lab.store.put(key, made.store.get(BUCKET, key))
    return made.settle_in()


def run(world: Installation, lab: Lab, check: bool = False, **params: Any) -> tuple[Any, str]:
    """kots_backup, with its files and its repository in the store on the loopback."""
    given = {"required_proofs": EVERY, "restic_program": str(lab.program), "log_directory": str(lab.folder), "max_age": 36000.0, "wait": False}
    inside = world.open

    def beside() -> Any:
        stack = ExitStack()
        stack.enter_context(inside())
        stack.enter_context(mock.patch.object(connection, "store_of", lambda *_args: lab.store))
        return stack

    with mock.patch.object(world, "open", beside):
        return change(world, "kots_backup", check, **{**given, **params})


def test_the_task_begins_it_and_the_next_one_takes_it_up(world: Installation, lab: Lab) -> None:
    foreseen, failure = run(world, lab, check=True)
    assert failure == "" and [step["step"] for step in foreseen["steps"]] == ["check"] and not lab.folder.exists()
    begun, failure = run(world, lab)
    assert failure == "" and (begun["changed"], begun["verdict"]) == (True, "unproven")
    assert [step["step"] for step in begun["steps"]] == ["check"] and begun["backup"]["proofs"][CHECK] == "unknown"
    lab.ended()
    left = lab.folder / "check-0123456789abcdef.password"
    left.write_text(PASSWORD)
    foreseen, failure = run(world, lab, check=True)
    assert failure == "" and [step["step"] for step in foreseen["steps"]] == ["tidy"] and left.exists()
    tidied, failure = run(world, lab)
    assert failure == "" and (tidied["verdict"], [step["step"] for step in tidied["steps"]]) == ("verified", ["tidy"]) and not left.exists()
    again, failure = run(world, lab)
    assert failure == "" and (again["verdict"], again["changed"], again["backup"]["proofs"][CHECK]) == ("verified", False, "passed")
    assert asked(world) == 0 and PASSWORD not in json.dumps([begun, again]) and KEY not in json.dumps([begun, again])


def test_a_task_that_waits_ends_with_the_check(world: Installation, lab: Lab) -> None:
    found, failure = run(world, lab, wait=True, wait_timeout=30_000.0)
    assert failure == "" and (found["verdict"], found["changed"], found["backup"]["proofs"][CHECK]) == ("verified", True, "passed")


def test_f58_a_damaged_repository_makes_the_backup_not_verified_and_nothing_is_deleted(world: Installation, lab: Lab) -> None:
    lab.store.delete(lab.packs()[0])
    run(world, lab)
    lab.ended()
    before = lab.store.list("")
    found, _failure = run(world, lab, check=True)
    assert "is damaged" in found["passed_over"][0] and "does not exist" in found["passed_over"][0]
    assert [step["step"] for step in found["steps"]][0] == "backup" and len(world.backups()) == 1 and lab.store.list("") == before
    assert not [one for one in world.writes() if one[0] == "DELETE"]


def test_without_restic_no_backup_is_begun(world: Installation, lab: Lab) -> None:
    found, failure = run(world, lab, max_age=None, restic_program="no-such-restic")
    assert "no-such-restic is not on PATH" in failure and asked(world) == 0 and found.get("steps", []) == []
