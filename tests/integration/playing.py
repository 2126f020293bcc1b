# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks as a user plays them: another process, its own home and folder, nothing of the caller's settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# What the targets of 3.x take for granted: the connection comes once for the whole group.
KUBERNETES = {"group/serverops.circleci.kubernetes": {"host": "{{ target_host }}", "api_key": "{{ target_api_key }}"}}
TARGETS = ROOT / "tests" / "integration" / "targets"


@dataclass(frozen=True)
class Played:
    """How a playbook ended."""

    code: int
    output: str


def controller_python() -> str:
    """The Python of the environment whose ansible-core plays; PLAYBOOK_PYTHON names that of another one."""
    return os.environ.get("PLAYBOOK_PYTHON") or sys.executable


def module_python() -> str:
    """The Python that modules run on, which is the controller's unless MODULE_PYTHON names another."""
    return os.environ.get("MODULE_PYTHON") or controller_python()


def command(playbook: str, variables: dict[str, Any], *options: str) -> list[str]:
    """The command line; the variables as one JSON text, as a job template gives them."""
    given = variables if module_python() == controller_python() else {**variables, "ansible_python_interpreter": module_python()}
    return [str(Path(controller_python()).parent / "ansible-playbook"), playbook, "-e", json.dumps(given), *options]


def environment(home: Path) -> dict[str, str]:
    """As `ansible-playbook` finds it in a fresh home."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "NOMAD_", "PYTHONPATH"))}
    quiet = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "NO_COLOR": "1"}
    return {**kept, **quiet, "HOME": str(home), "PWD": str(home), "ANSIBLE_ROLES_PATH": str(TARGETS)}


def play_target(target: str, variables: dict[str, Any], folder: Path, *options: str, defaults: dict[str, Any] | None = None) -> Played:
    """Play an integration target, a role, on localhost to its end; `defaults` are the module_defaults of the play."""
    own = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    head = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": own, "module_defaults": defaults or {}}
    playbook = folder / "target.yml"
    playbook.write_text(json.dumps([{**head, "roles": [target]}]))
    return play(str(playbook), {"target": target, **variables}, folder / "home", *options)


def play_and_meanwhile(playbook: str, variables: dict[str, Any], home: Path, act: Callable[[], None], *options: str) -> Played:
    """Play it to its end; `act` once it has said what it waits for ("[drain] 1 of 2 ...")."""
    env, log = environment(home), home / "output.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command(playbook, variables, *options), env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        while process.poll() is None and not re.search(r"^\[[a-z]+\] ", log.read_text(), re.MULTILINE):
            time.sleep(0.1)
        act()
        return Played(process.wait(600), log.read_text())
    finally:
        process.kill()
        log.unlink()


def play(playbook: str, variables: dict[str, Any], home: Path, *options: str) -> Played:
    """Play it to its end."""
    argv, env = command(playbook, variables, *options), environment(home)
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    got = subprocess.run(argv, env=env, cwd=home, timeout=600, check=False, **pipes)
    return Played(got.returncode, got.stdout)
