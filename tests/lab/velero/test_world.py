"""Velero on a cluster whose controllers and kubelets are played: an installation is backed up, lost and restored; and the program on its PATH."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.installation.installation import Installation, install, settle
from lab.kubernetes import lifecycle
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.nomad.clock import RealClock
from lab.velero import cli
from lab.velero.core import dig
from lab.velero.store import MemoryStore
from lab.velero.world import VeleroWorld


def made(version: str) -> tuple[State, VeleroWorld, Installation, MemoryStore]:
    state, store = State(), MemoryStore(keys={"lab-key": "lab-secret"})
    store.bucket("lab-bucket")
    installation = settle(install(state))
    world = VeleroWorld(state, version, store)
    world.install()
    state.clock.sleep(30.0)
    return state, world, installation, store


@pytest.mark.parametrize("version", ["1.6.3", "1.14.0", "1.18.3"])
def test_an_installation_comes_back(version: str) -> None:
    state, world, installation, store = made(version)
    assert world.core.running
    before = installation.remember()
    state.put("backups.velero.io", "velero", "b", {"spec": {"includedNamespaces": [installation.namespace]}})
    state.clock.sleep(60.0)
    assert dig(state.get("backups.velero.io", "velero", "b"), "status", "phase") == "Completed"
    copied = {one["metadata"]["annotations"]["velero.io/pvc-name"]: one["status"]["progress"]["bytesDone"] for one in state.all("podvolumebackups.velero.io")}
    assert copied == {claim: volume.size for (_namespace, claim), volume in before.items()}
    lifecycle.delete(state, "namespaces", "", installation.namespace)
    state.clock.sleep(60.0)
    assert installation.problems()
    state.put("restores.velero.io", "velero", "r", {"spec": {"backupName": "b"}})
    state.clock.sleep(120.0)
    assert dig(state.get("restores.velero.io", "velero", "r"), "status", "phase") == "Completed"
    assert installation.problems() == []
    assert installation.differences(before) == []


def test_a_new_pod_is_a_new_server() -> None:
    state, world, _installation, store = made("1.6.3")
    first, epoch = world.core.pod, world.core.epoch
    state.end_pod("velero", first)
    state.clock.sleep(60.0)
    assert world.core.running and world.core.pod != first and world.core.epoch > epoch


def test_no_pod_no_server() -> None:
    state, world, _installation, _store = made("1.6.3")
    body = dict(state.objects["deployments.apps", "velero", "velero"])
    state.put("deployments.apps", "velero", "velero", {**body, "spec": {**body["spec"], "replicas": 0}})
    state.clock.sleep(60.0)
    assert not world.core.running
    state.put("backups.velero.io", "velero", "b", {"spec": {}})
    state.clock.sleep(600.0)
    assert not dig(state.get("backups.velero.io", "velero", "b"), "status")


@pytest.mark.parametrize(("version", "agent", "gone"), [("1.6.3", "--use-restic", "--use-node-agent"), ("1.14.0", "--use-node-agent", "--use-restic")])
def test_the_program(tmp_path: Path, version: str, agent: str, gone: str) -> None:
    program = cli.write(tmp_path, version)

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([str(program), *words], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False)

    assert f"Version: v{version}\n" in run("version", "--client-only").stdout
    kinds = json.loads(run("install", "--crds-only", "--dry-run", "-o", "json").stdout)["items"]
    assert {one["kind"] for one in kinds} == {"CustomResourceDefinition"} and len(kinds) >= 11
    (tmp_path / "cloud").write_text("[default]\naws_access_key_id=a-key\n")
    words = ["install", "--provider", "aws", "--bucket", "b", "--plugins", "velero/velero-plugin-for-aws:v1", "--secret-file", str(tmp_path / "cloud")]
    dry = run(*words, agent, "--dry-run", "-o", "json")
    assert "DaemonSet" in dry.stdout and "W2RlZmF1bHRd" in dry.stdout, "the keys are in it"
    assert run(*words, "--dry-run").stdout == ""
    wrong = run(*words, gone, "--dry-run")
    assert wrong.returncode == 1 and f"unknown flag: {gone}" in wrong.stderr
    assert run(*words).returncode == 1, "no kubeconfig"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[State, Callable[..., "subprocess.CompletedProcess[str]"]]]:
    """A cluster on the loopback with an application, and the program of a version on it."""
    state = State(clock=RealClock(5.0))
    state.users["admin-token"] = ADMIN
    server = Server(state)
    config = {
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}],
        "clusters": [{"name": "lab", "cluster": {"server": server.url}}],
        "users": [{"name": "admin", "user": {"token": "admin-token"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    (tmp_path / "cloud").write_text("[default]\naws_access_key_id=lab-key\naws_secret_access_key=lab-secret\n")

    def run(version: str, *words: str) -> "subprocess.CompletedProcess[str]":
        program = cli.write(tmp_path, version)
        env = {"PATH": "/usr/bin:/bin", "KUBECONFIG": str(tmp_path / "kubeconfig")}
        return subprocess.run([str(program), *words], env=env, capture_output=True, text=True, timeout=60, check=False)

    yield state, run
    server.stop()


def flags(folder: Path, bucket: str) -> list[str]:
    words = ["install", "--provider", "aws", "--bucket", bucket, "--plugins", "velero/velero-plugin-for-aws:v1.2.0", "--secret-file", str(folder / "cloud")]
    return [*words, "--backup-location-config", "region=us-east-1,s3ForcePathStyle=true,s3Url=http://127.0.0.1:5000"]


def test_the_program_on_a_cluster(tmp_path: Path, served: tuple[State, Callable[..., "subprocess.CompletedProcess[str]"]]) -> None:
    state, run = served
    store = MemoryStore()
    store.bucket("b")
    VeleroWorld(state, "1.6.3", store)
    assert run("1.6.3", "backup", "get").returncode == 1, "nothing is installed"
    first = run("1.6.3", *flags(tmp_path, "b"), "--use-restic")
    assert (first.returncode, "already exists" in first.stdout.replace("Namespace/velero: already exists", "")) == (0, False)
    again = run("1.6.3", *flags(tmp_path, "another"), "--use-restic")
    assert again.returncode == 0
    assert "Secret/cloud-credentials: already exists, proceeding\nSecret/cloud-credentials: created\n" in again.stdout
    assert state.objects["backupstoragelocations.velero.io", "velero", "default"]["spec"]["objectStorage"]["bucket"] == "b", "and nothing is changed"
    state.put("namespaces", "", "app", {})
    made = run("1.6.3", "backup", "create", "b1", "--include-namespaces", "app,not-there", "--wait")
    assert made.returncode == 0 and "Backup completed with status: PartiallyFailed." in made.stdout
    assert "PartiallyFailed   1 " in run("1.6.3", "backup", "get").stdout
    assert "Version: v1.6.3" in run("1.6.3", "version").stdout.partition("Server:")[2]


def test_apply_changes_what_is_there(tmp_path: Path, served: tuple[State, Callable[..., "subprocess.CompletedProcess[str]"]]) -> None:
    state, run = served
    assert run("1.18.3", *flags(tmp_path, "b"), "--apply").returncode == 0
    assert run("1.18.3", *flags(tmp_path, "another"), "--apply").returncode == 0
    assert state.objects["backupstoragelocations.velero.io", "velero", "default"]["spec"]["objectStorage"]["bucket"] == "another"


@pytest.mark.parametrize(("version", "copy", "backup"), [("1.6.3", "InProgress", "InProgress"), ("1.14.0", "Failed", "PartiallyFailed")])
def test_an_agent_that_dies_over_a_volume(version: str, copy: str, backup: str) -> None:
    state, world, installation, _store = made(version)
    claim = next(iter(installation.volumes))
    world.volumes.stalled.add(claim)
    state.put("backups.velero.io", "velero", "b", {"spec": {"includedNamespaces": [installation.namespace]}})
    state.clock.sleep(60.0)
    stuck = next(one for one in state.all("podvolumebackups.velero.io") if dig(one, "status", "phase") == "InProgress")
    agent = next(one for one in state.all("pods", "velero") if dig(one, "metadata", "labels", "name") and one["spec"]["nodeName"] == stuck["spec"]["node"])
    state.end_pod("velero", agent["metadata"]["name"])
    state.clock.sleep(120.0)
    assert dig(state.get("podvolumebackups.velero.io", "velero", stuck["metadata"]["name"]), "status", "phase") == copy
    assert dig(state.get("backups.velero.io", "velero", "b"), "status", "phase") == backup
