# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with build machines, names and a front, that is lost and brought back by the playbook; runs can be killed after any step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from integration.playing import Played, command, environment, play

from lab.installation.volumes import Volume
from lab.kots.cli.launcher import install
from lab.kubernetes.__main__ import kubeconfig, written
from lab.site.canary import Front
from lab.site.fleet import Fleet
from lab.site.names import Names
from lab.site.site import Site

DOMAIN, TOKEN, PROJECT = "ci.example.com", "canary-token-cafecafe", "gh/example/canary"
OLD = ("127.0.0.2", "127.0.0.3")  # where the names lead before: nobody is there any more
STEPS = ("look", "restore", "pods", "addresses", "settings", "dns", "nomad_server", "clients", "ready", "reachable", "lost_builds", "canary")
PATIENCE = 400.0


class Disaster:
    """`home` is the operator's. `site`, `fleet`, `names` and `front` lie open to tests."""

    def __init__(self, folder: Path, speed: float = 20.0, velero: str = "1.14.0", clients: int = 2, installed: bool = True) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.site = Site(velero=velero, speed=speed, installed=installed).settle()
        self.fleet = Fleet(self.site, folder / "fleet", clients, speed=speed)
        self.names = Names(DOMAIN, self.site.store.url)
        self.names.change(DOMAIN, "A", OLD[0])
        self.names.change(f"nomad.{DOMAIN}", "A", OLD[1])
        self.fleet.resolve = lambda name: (self.names.resolve(name) or [name])[0]
        self.front = Front(self.fleet, TOKEN, seconds=30.0)
        self.kubeconfig = folder / "kubeconfig"
        written(self.kubeconfig, yaml.safe_dump(kubeconfig(self.site.server.url, self.site.token)))
        self.programs = install(folder / "bin")
        self.inventory = folder / "inventory.json"
        self.inventory.write_text(json.dumps(self.fleet.inventory()))
        self.backup, self.before = "", dict[tuple[str, str], Volume]()

    def stop(self) -> None:
        for part in (self.front, self.names, self.fleet, self.site):
            part.stop()

    # --- what happens to it ---
    def backed_up(self, **variables: Any) -> str:
        """The name of a new proven backup."""
        played = play("serverops.circleci.backup", {"kubernetes_kubeconfig": str(self.kubeconfig), **variables}, self.home)
        assert played.code == 0, played.output
        newest = max((self.home / "serverops-journal").glob("*-kots_backup.json"), key=lambda path: path.stat().st_mtime_ns)
        self.backup = str(json.loads(newest.read_text())["result"]["backup"]["name"])
        self.before = self.site.installation.remember()
        return self.backup

    def destroyed(self, velero: bool = True, put_back: bool = True) -> None:
        """All of it but the store, the names and the machines; Velero is put up again as it was, unless the operator does that."""
        self.site.destroy(velero)
        self.fleet.lost()
        if velero and put_back:
            time.sleep(0.5)
            self.site.install_velero()

    def came_back(self) -> list[str]:
        """What is not as it was before the disaster."""
        found = self.site.installation.problems() + self.site.installation.differences(self.before)
        found += [f"client {name} is not ready" for name in sorted(set(self.fleet.machines) - set(self.fleet.ready()))]
        pods = len(self.site.installation.pods())
        return found + ([] if pods == 21 else [f"{pods} pods in place of 21"])

    def kept(self, plural: str) -> list[str]:
        """Names of Velero's objects of a kind."""
        with self.site.state.news:
            return sorted(name for kind, _space, name in self.site.state.objects if kind == f"{plural}.velero.io")

    # --- the operator ---
    def variables(self, **more: Any) -> dict[str, Any]:
        aws = {"endpoint_url": self.site.store.url, "access_key": "lab", "secret_key": "lab"}
        given = {
            "kubernetes_kubeconfig": str(self.kubeconfig),
            "backup": self.backup,
            "confirm": self.backup,
            "poll": 1,
            "new_cluster": True,
            "client_become": False,
            "names": {"frontend": DOMAIN, "nomad_server": f"nomad.{DOMAIN}"},
            "probe": [],
            "resolver": self.names.address,
            "fence_port": 9,  # where nobody listens
            "dns": "route53",
            "dns_zone": DOMAIN,
            "canary": {"url": self.front.url, "project": PROJECT, "token": TOKEN},
            "restore_aws": aws,
        }
        named = {**given, **more}
        whole = ("kubernetes_", "restore_", "kots_", "velero_", "circleci_")
        return {key if key.startswith(whole) else f"kots_disaster_recovery_{key}": value for key, value in named.items()}

    def restored(self, *options: str, kill_after: str = "", code: int | None = 0, **more: Any) -> tuple[dict[str, Any], Played]:
        """The journal, and how it went; with `kill_after` the run is killed when it has told the end of that step."""
        argv = command("serverops.circleci.restore", self.variables(**more), "-i", str(self.inventory), *options)
        env = environment(self.home)
        env |= {"PATH": f"{self.programs}{os.pathsep}{env['PATH']}", "PYTHONUNBUFFERED": "1"}
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        process = subprocess.Popen(argv, env=env, cwd=self.home, start_new_session=True, **pipes)
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        said: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if kill_after and "[recovery] " in line and f" {kill_after.replace('_', ' ')}: " in line:
                os.killpg(process.pid, signal.SIGKILL)
        played = Played(process.wait(), "".join(said))
        watchdog.cancel()
        if kill_after:
            assert played.code == -signal.SIGKILL, played.output
        else:
            assert code is None or played.code == code, played.output
        return self.journal(), played

    def journal(self) -> dict[str, Any]:
        newest = max((self.home / "serverops-journal").glob("*-restore.json"), key=lambda path: path.stat().st_mtime_ns)
        return dict(json.loads(newest.read_text()))
