"""The simulators together on one virtual clock: an installation, Velero, kotsadm, and the program kots through the real API of the lab."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import io
import json

import pytest

from lab.installation.installation import Installation, install, settle
from lab.kots.beside import Through
from lab.kots.cli.program import main
from lab.kots.inside import Killed
from lab.kots.world import KotsWorld
from lab.kubernetes.state import State
from lab.velero.store import MemoryStore
from lab.velero.world import VeleroWorld

SPACE = "circleci-server"


class Site:
    def __init__(self) -> None:
        self.state = State()
        self.made: Installation = settle(install(self.state))
        self.store = MemoryStore()
        self.store.bucket("lab-bucket")
        self.velero = VeleroWorld(self.state, "1.14.0", self.store)
        self.velero.install("lab-bucket")
        self.console = KotsWorld(self.state, namespace=SPACE).install()
        self.console.add_app()
        self.state.clock.sleep(90)
        self.cluster = Through(self.state, self.console)

    def run(self, *argv: str, patience: float = 1800.0) -> tuple[int | None, str, str]:
        """None: still running when the patience was over."""
        out, err = io.StringIO(), io.StringIO()
        self.cluster.until = self.state.clock.now() + patience
        try:
            code: int | None = main("1.124.18", list(argv), self.cluster, out, err)
        except Killed:
            code = None
        return code, out.getvalue(), err.getvalue()

    def backup(self) -> str:
        code, out, err = self.run("backup", "-n", SPACE, "-o", "json")
        told = json.loads(out)
        assert (code, told["success"]) == (0, True), (out, err)
        return str(told["backupName"])


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_backup_has_the_volumes_of_the_installation(site: Site) -> None:
    name = site.backup()
    told = site.console.call("GET", f"/api/v1/snapshot/{name}").body["backup"]
    assert (told["status"], told["volumeCount"]) == ("Completed", told["volumeSuccessCount"])
    assert told["volumeCount"] >= 4 and told["volumeBytes"] > 0


def test_a_restore_brings_console_and_applications_back(site: Site) -> None:
    name, before = site.backup(), site.made.remember()
    site.state.clock.sleep(60)
    code, out, err = site.run("restore", "--from-backup", name)
    assert code == 0, (out, err)
    assert "Restore completed successfully." in out
    site.state.clock.sleep(180)
    assert site.state.get("statefulsets.apps", SPACE, "kotsadm") is not None
    assert site.made.problems() == []
    assert site.made.differences(before) == []


def test_a_second_restore_at_once_leaves_no_console(site: Site) -> None:
    name = site.backup()
    assert site.run("restore", "--from-backup", name, "--exclude-apps")[0] == 0
    code, out, _err = site.run("restore", "--from-backup", name, "-o", "json")
    assert (code, json.loads(out)["success"]) == (0, False)
    assert "object is being deleted" in json.loads(out)["error"]
    assert site.state.get("statefulsets.apps", SPACE, "kotsadm") is None
    site.state.clock.sleep(100)
    assert site.run("restore", "--from-backup", name, "--exclude-apps")[0] == 0, "a third one works"


def test_a_restore_with_a_dead_velero_never_ends_and_the_console_is_gone(site: Site) -> None:
    name = site.backup()
    site.velero.kill_server()
    assert site.run("restore", "--from-backup", name, patience=3600.0)[0] is None
    assert site.state.get("statefulsets.apps", SPACE, "kotsadm") is None
