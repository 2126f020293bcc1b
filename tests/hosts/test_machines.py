# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test hosts themselves: what a test on them takes for granted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from integration.playing import ROOT, play

from lab.hosts.image import Podman
from lab.hosts.machines import LABEL, Machines, sweep


def test_systemd_runs_and_ansible_restarts_a_unit_over_ssh(machines: Machines, tmp_path: Path) -> None:
    assert machines.run("services", "cat /proc/1/comm") == "systemd"
    began = machines.run("services", "systemctl show -p ActiveEnterTimestampMonotonic --value dbus")
    book = tmp_path / "restart.yml"
    book.write_text('[{"hosts": "services", "gather_facts": false, "tasks": [{"ansible.builtin.systemd_service": {"name": "dbus", "state": "restarted"}}]}]')
    played = play(str(book), {}, tmp_path / "home", "-i", str(machines.inventory()))
    assert played.code == 0, played.output
    assert machines.run("services", "systemctl show -p ActiveEnterTimestampMonotonic --value dbus") != began


def test_a_host_known_by_another_key_is_refused(machines: Machines, tmp_path: Path) -> None:
    inventory = machines.inventory()
    kept = machines.known_hosts.read_text()
    lines = [line.split() for line in kept.splitlines()]
    machines.known_hosts.write_text("".join(f"{one[0]} {other[1]} {other[2]}\n" for one, other in zip(lines, reversed(lines))))
    try:
        book = tmp_path / "ping.yml"
        book.write_text('[{"hosts": "all", "gather_facts": false, "tasks": [{"ansible.builtin.ping": {}}]}]')
        played = play(str(book), {}, tmp_path / "home", "-i", str(inventory))
    finally:
        machines.known_hosts.write_text(kept)
    assert played.code != 0
    assert "UNREACHABLE" in played.output


def test_hosts_whose_owner_died_are_swept(tmp_path: Path) -> None:
    script = "import os, sys; from pathlib import Path; from lab.hosts.machines import Machines; Machines(Path(sys.argv[1]), 'orphan').start(); os._exit(9)"
    env = {"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path / "first")], env=env, stdin=subprocess.DEVNULL, timeout=300, check=False)
    assert died.returncode == 9
    podman = Podman(tmp_path / "second")
    orphans = {line.split()[0] for line in labelled(podman) if line.endswith("-orphan")}
    assert orphans
    sweep(podman)
    assert not orphans & {line.split()[0] for line in labelled(podman)}


def labelled(podman: Podman) -> list[str]:
    return podman("ps", "--all", "--filter", f"label={LABEL}", "--format", "{{.ID}} {{.Names}}").splitlines()
