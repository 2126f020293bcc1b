# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recovery in another cluster: the rehearsal in a second one, which leaves the first alone, and EKS, where the app is installed first (E16)."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.disaster import DOMAIN, Disaster
from integration.playing import play

from lab.kubernetes.__main__ import kubeconfig, written
from lab.site.site import Site

pytestmark = pytest.mark.soak  # four minutes for two ways that differ little from those of test_recovery.py
INSTALL = "import sys, urllib.request as ask; ask.build_opener(ask.ProxyHandler({})).open(ask.Request(sys.argv[1], method='POST')).read()"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disaster]:
    made = Disaster(tmp_path_factory.mktemp("site"))
    try:
        made.backed_up()
        yield made
    finally:
        made.stop()


@pytest.fixture
def second(world: Disaster) -> Iterator[Site]:
    """Another cluster with a Velero on the same bucket, and nothing else."""
    made = Site(speed=20.0, store=world.site.store)
    try:
        made.settle().destroy(velero=False)
        yield made
    finally:
        made.stop()


def test_a_rehearsal_in_a_second_cluster_brings_all_back_there_and_leaves_the_first_alone(
    world: Disaster, second: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "kubeconfig", yaml.safe_dump(kubeconfig(second.server.url, second.token)))
    monkeypatch.setenv("PATH", f"{world.programs}{os.pathsep}{os.environ['PATH']}")
    given = {"kubernetes_kubeconfig": str(tmp_path / "kubeconfig"), "drill_into": "cluster", "drill_backup": world.backup, "drill_isolated": True}
    given["kots_disaster_recovery_poll"] = 1

    def rehearsed(*options: str) -> tuple[dict[str, Any], str]:
        played = play("serverops.circleci.recovery_drill", given, tmp_path / "home", *options)
        assert played.code == 0, played.output
        newest = max((tmp_path / "home" / "serverops-journal").glob("*-drill.json"), key=lambda path: path.stat().st_mtime_ns)
        return json.loads(newest.read_text()), played.output

    journal, output = rehearsed("--check")
    assert [step["state"] for step in journal["steps"]] == ["there", "foretold", "foretold", "foretold"] and not second.installation.pods()
    first = whole(world)
    journal, output = rehearsed()
    assert [step["step"] for step in journal["steps"]] == ["look", "restore", "pods", "addresses"] and journal["phase"] == "ended"
    assert second.installation.differences(world.before) == [] and second.installation.problems() == [] and len(second.installation.pods()) == 21
    assert journal["measured"]["recovery_point"] > 0 and 0 < journal["measured"]["restore_time"] <= journal["measured"]["recovery_time"] * 20 + 60
    assert whole(world) == first, "nothing of the first one was touched"
    page = max((tmp_path / "home" / "serverops-journal").glob("*-drill.html")).read_text()
    assert "Rehearsed" in page and "second cluster" in page and "taken away" not in page
    assert "drill_into" in journal["go_on"] and "drill_isolated" in journal["go_on"]


def whole(world: Disaster) -> dict[str, Any]:
    """The first installation, its names, its clients, its builds."""
    with world.site.state.news:
        objects = {key: one["metadata"]["uid"] for key, one in world.site.state.objects.items() if key[1] == "circleci-server" and key[0] != "events"}
    machines = {name: (one.config.read_text(), list(one.done)) for name, one in world.fleet.machines.items()}
    return {"objects": objects, "data": world.site.installation.differences(world.before), "names": world.names.resolve(DOMAIN), "machines": machines}


class Installer:
    """What an EKS operator runs first. `seen` is how many restores there were each time."""

    def __init__(self, world: Disaster) -> None:
        self.seen: list[int] = []
        installer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                installer.seen.append(len(world.kept("restores")))
                world.site.app_installed()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.command = [sys.executable, "-c", INSTALL, f"http://127.0.0.1:{self.http.server_address[1]}"]


def test_on_eks_the_app_is_installed_before_the_restore_and_replaced_by_it(world: Disaster) -> None:
    """The bucket shows the rehearsal in the second cluster: whoever restores after one says that nobody lives there."""
    world.destroyed()
    journal, played = world.restored(code=2, platform="eks", dns="list")
    assert "on EKS the app is installed before the restore" in journal["message"] and world.kept("restores") == []
    installer = Installer(world)
    try:
        journal, played = world.restored("--check", platform="eks", dns="list", old_is_fenced=True, install_command=installer.command)
        assert installer.seen == [] and journal["phase"] == "ended" and "install" in journal["steps"][0]["words"]
        world.restored(platform="eks", dns="list", old_is_fenced=True, install_command=installer.command, kill_after="pods")
        assert installer.seen == [0], "it ran once, and before the restore"
        assert world.site.installation.differences(world.before) == [] and world.site.installation.problems() == []
        journal, played = world.restored("--check", platform="eks", dns="list", old_is_fenced=True)
        assert journal["steps"][0]["state"] == "there" and installer.seen == [0], "the console is there, and no command is needed"
    finally:
        installer.http.shutdown()
        installer.http.server_close()
