# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""F62 with real processes: kill -9 of the play in mid restore, then of play and CLI, and the last run ends with console and data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from faults.processes import processes_of
from integration.playing import command, environment, play

from lab.kots.cli.launcher import install
from lab.site.site import Site

PATIENCE = 120.0


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(speed=4.0)
    made.velero.volumes.least = 20.0
    try:
        yield made.settle()
    finally:
        made.stop()


def until(so: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < ends, f"never {what}"
        time.sleep(0.05)


def phase(site: Site, kind: str, name: str) -> str:
    found = site.state.get(f"{kind}.velero.io", "velero", name) or {}
    return str((found.get("status") or {}).get("phase") or "")


def new_backup(site: Site) -> str:
    with site.state.news:
        name = str(site.console.ask("POST", "/api/v1/snapshot/backup", {"authorization": site.console.secret_value()}, b"").body["backupName"])
    until(lambda: phase(site, "backups", name) == "Completed", "backed up")
    return name


def playbook(folder: Path, site: Site, backup: str) -> Path:
    connection = {"host": site.server.url, "api_key": site.token}
    terms = {"kots_executable": str(install(folder / "bin") / "kubectl-kots"), "log_directory": str(folder / "logs"), "wait_timeout": 300}
    task = {"serverops.circleci.kots_restore": {"backup": backup, "confirm": backup, **connection, **terms}, "register": "done"}
    shown = {"ansible.builtin.debug": {"msg": "RESULT {{ {'joined': done.joined, 'verdict': done.verdict, 'steps': done.steps} | to_json }}"}}
    path = folder / "restore.yml"
    path.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task, shown]}]))
    return path


def is_cli(line: str) -> bool:
    return "kubectl-kots" in line or "lab.kots.cli" in line


def begun_and_killed(path: Path, home: Path, so: Callable[[], bool], with_cli: bool) -> None:
    """kill -9 of the play and of all that it started, once it is so far; of the CLI too where that is asked for."""
    with (home / "first.log").open("w", encoding="utf-8") as out:
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
        process = subprocess.Popen(command(str(path), {}), env=environment(home), cwd=home, **pipes)
        try:
            until(so, "so far")
        finally:
            while found := [pid for pid, (line, _started) in processes_of(home).items() if with_cli or not is_cli(line)]:
                for pid in found:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.wait(30)


def result(output: str) -> dict[str, Any]:
    text = output.partition("RESULT ")[2].partition('"\n')[0]
    return dict(json.loads(text.replace('\\"', '"')))


@pytest.mark.parametrize("with_cli", [pytest.param(False, marks=pytest.mark.soak), True], ids=["the play", "the play and the CLI"])
def test_F62_kill_9_in_mid_restore_and_run_again(with_cli: bool, site: Site, tmp_path: Path) -> None:
    backup, before = new_backup(site), site.installation.remember()
    with site.state.news:
        volume = site.installation.volume("data-postgresql-0")
        volume.records.pop(min(volume.records))
    path, home = playbook(tmp_path, site, backup), tmp_path / "home"
    home.mkdir()
    begun_and_killed(path, home, lambda: phase(site, "restores", f"{backup}.kotsadm") == "InProgress", with_cli)
    lives = [line for line, _started in processes_of(home).values() if is_cli(line)]
    assert bool(lives) != with_cli, "only the CLI outlives the play"
    played = play(str(path), {}, home)
    assert played.code == 0, played.output
    found = result(played.output)
    assert (found["joined"], found["verdict"]) == (True, "restored")
    assert ("restore_apps" in [step["step"] for step in found["steps"]]) == with_cli
    assert site.installation.problems() == [] and site.installation.differences(before) == []
    assert site.token not in played.output + (home / "first.log").read_text()
    assert [one.suffix for one in (tmp_path / "logs").iterdir()] == [".log"]
