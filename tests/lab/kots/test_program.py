"""The program as a process: argv, exit codes, both outputs, through a real kubeconfig and a real port-forward."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab.kots.cli.launcher import install
from lab.kots.model import Answer
from lab.kots.world import KotsWorld
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN
from lab.velero import crds
from lab.velero.profile import profile_of

SPACE = "circleci-server"
LOCATION = ("backupstoragelocations.velero.io", "velero", "default")


class Desk:
    """A cluster with a console, and a folder with the program."""

    def __init__(self, folder: Path) -> None:
        self.server = Server()
        self.state = self.server.state
        self.state.users["token"] = ADMIN
        for body in crds.definitions(profile_of("1.14.0")):
            self.state.put("customresourcedefinitions.apiextensions.k8s.io", "", body["metadata"]["name"], body)
        self.state.put("namespaces", "", "velero", {"status": {"phase": "Active"}})
        self.state.put(
            "deployments.apps", "velero", "velero", {"spec": {"template": {"spec": {"containers": [{"name": "velero", "image": "velero/velero:v1.14.0"}]}}}}
        )
        self.state.put(
            *LOCATION, {"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation", "spec": {"provider": "aws", "objectStorage": {"bucket": "b"}}}
        )
        self.world = KotsWorld(self.state, namespace=SPACE).start()
        self.folder = folder
        config = {"clusters": [{"name": "c", "cluster": {"server": self.server.url}}], "users": [{"name": "u", "user": {"token": "token"}}]}
        config |= {"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}  # type: ignore[dict-item]
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))

    def run(self, *argv: str, version: str = "1.124.18", timeout: float = 40) -> subprocess.CompletedProcess[str]:
        path = install(self.folder / version, version)
        env = {"PATH": f"{path}:{os.environ['PATH']}", "KUBECONFIG": str(self.folder / "kubeconfig")}
        return subprocess.run([str(path / "kubectl"), "kots", *argv], capture_output=True, text=True, timeout=timeout, env=env, check=False)

    def end(self) -> None:
        self.world.stop()
        self.server.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("version", ["1.40.0", "1.65.0", "1.124.18"])
def test_the_version(desk: Desk, version: str) -> None:
    done = desk.run("version", version=version)
    assert (done.returncode, done.stdout) == (0, f"Replicated KOTS v{version}\n")


def test_a_word_that_is_none(desk: Desk) -> None:
    done = desk.run("nonsense")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith('Error: unknown command "nonsense" for "kots"')


def test_applications_through_the_port_forward(desk: Desk) -> None:
    desk.world.add_app()
    done = desk.run("get", "apps", "-n", SPACE, "-o", "json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [{"slug": "circleci-server", "state": "ready", "versionlabel": "3.3.0"}]), done.stderr


def test_the_auth_secret_is_made_by_the_first_call_that_reaches_the_console(desk: Desk) -> None:
    secret = ("secrets", SPACE, "kotsadm-authstring")
    desk.state.remove(*secret)
    assert desk.run("get", "apps", "-n", SPACE).returncode == 0
    assert desk.state.get(*secret)["metadata"]["labels"] == {"kots.io/kotsadm": "true", "kots.io/backup": "velero"}  # type: ignore[index]


def test_a_dead_console_makes_no_secret_and_brings_the_usage(desk: Desk) -> None:
    secret = ("secrets", SPACE, "kotsadm-authstring")
    desk.state.remove(*secret)
    desk.world.stop()
    done = desk.run("get", "apps", "-n", SPACE)
    assert done.returncode == 1
    assert "Error: failed to start port forwarding: failed to forward ports: lost connection to pod\nUsage:" in done.stderr
    assert "lost connection to pod kotsadm-0" in done.stdout
    assert desk.state.get(*secret) is None


def test_a_backup_is_waited_for(desk: Desk) -> None:
    def complete() -> None:
        held = [(key, body) for key, body in desk.state.objects.items() if key[0] == "backups.velero.io"]
        for key, body in held:
            desk.state.put(*key, {**body, "status": {"phase": "Completed"}})
        if not held:
            desk.state.clock.after(0.2, complete)

    desk.state.clock.after(0.2, complete)
    done = desk.run("backup", "-n", SPACE, "-o", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["success"]) == (0, True)
    assert told["backupName"].startswith("instance-")


def test_minimal_rights_are_exit_0(desk: Desk) -> None:
    desk.state.remove("clusterrolebindings.rbac.authorization.k8s.io", "", "kotsadm-rolebinding")
    done = desk.run("backup", "-n", SPACE)
    assert done.returncode == 0
    assert "Velero Namespace Access Required" in done.stdout
    assert not [key for key in desk.state.objects if key[0] == "backups.velero.io"]


def test_a_restore_that_does_nothing_says_success(desk: Desk) -> None:
    body = {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {}, "spec": {}, "status": {"phase": "Failed"}}
    desk.state.put("backups.velero.io", "velero", "bad", body)
    done = desk.run("restore", "--from-backup", "bad", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"success": True})
    assert desk.state.get("statefulsets.apps", SPACE, "kotsadm") is not None
    assert not [key for key in desk.state.objects if key[0] == "restores.velero.io"]


def test_the_second_restore_deletes_the_console_and_fails(desk: Desk) -> None:
    notes = {"kots.io/instance": "true", "kots.io/kotsadm-image": "x", "kots.io/kotsadm-deploy-namespace": SPACE}
    kinds = {"apiVersion": "velero.io/v1", "kind": "Backup"}
    desk.state.put("backups.velero.io", "velero", "good", {**kinds, "metadata": {"annotations": notes}, "spec": {}, "status": {"phase": "Completed"}})
    held = {"apiVersion": "velero.io/v1", "kind": "Restore", "metadata": {"finalizers": ["restores.velero.io/external-resources-finalizer"]}}
    desk.state.put("restores.velero.io", "velero", "good.kotsadm", {**held, "spec": {"backupName": "good"}, "status": {"phase": "Completed"}})
    done = desk.run("restore", "--from-backup", "good", "-o", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["success"]) == (0, False)
    assert "object is being deleted" in told["error"]
    assert desk.state.get("statefulsets.apps", SPACE, "kotsadm") is None


def test_a_setting_goes_to_the_console(desk: Desk) -> None:
    app = desk.world.add_app()
    done = desk.run("set", "config", "circleci-server", "workers=6", "-n", SPACE)
    assert (done.returncode, done.stdout) == (0, "\x1b[?25l  \u2022 Updating circleci-server configuration...\n  \u2022 Done\n\x1b[?25h")
    assert (app.newest.source, app.newest.values["workers"], app.newest.status) == ("Config Change", "6", "pending")


def test_passwords_are_decrypted_with_the_secret_of_the_cluster(desk: Desk) -> None:
    desk.world.add_app(secret="told-to-nobody")
    sealed = desk.run("get", "config", "-n", SPACE)
    opened = desk.run("get", "config", "-n", SPACE, "--decrypt")
    assert "told-to-nobody" not in sealed.stdout
    assert "value: told-to-nobody" in opened.stdout


def test_an_answer_that_is_cut_off_is_an_error(desk: Desk) -> None:
    desk.world.add_app()
    desk.world.fault("GET /api/v1/apps$", Answer(200, close=True))
    done = desk.run("get", "apps", "-n", SPACE)
    assert done.returncode != 0


def test_nobody_at_the_kubeconfigs_place(desk: Desk, tmp_path: Path) -> None:
    done = desk.run("backup", "-n", SPACE, "--kubeconfig", str(tmp_path / "missing"))
    assert done.returncode == 1
    assert "connection refused" in done.stderr
