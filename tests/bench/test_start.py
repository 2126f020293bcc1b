# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B13: from a task's start to its first request, beside kubernetes.core.k8s_info; a listener notes when it is called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench import payload
from bench.figures import Board, Figure, ratio
from bench.listener import Listener

pytestmark = pytest.mark.bench

ROUNDS = 15
PEER = "kubernetes.core.k8s_info"
GOAL = 0.55
HERE = Path(__file__).resolve().parent


def tasks(url: str) -> dict[str, dict[str, Any]]:
    """Modules with their arguments; a token, so that the peer looks for none."""
    return {
        "serverops.circleci.nomad_node_info": {"nomad_url": url},
        "serverops.circleci.nomad_node_drain": {"nomad_url": url, "nodes": ["c1"]},
        PEER: {"host": url, "kind": "Pod", "api_key": "none"},
    }


def figures(what: str, seen: dict[str, list[float]]) -> list[Figure]:
    ours = [name for name in seen if name != PEER]
    return [Figure("B13", f"{what}: {name.rpartition('.')[2]} / k8s_info", "s", seen[name], seen[PEER], ratio(seen[name], seen[PEER]), GOAL) for name in ours]


def test_module(board: Board, tmp_path: Path) -> None:
    """The module's process, as Ansible starts it."""
    seen: dict[str, list[float]] = {}
    with Listener() as listener:
        built = {name: payload.build(name, arguments, tmp_path / f"{name}.py") for name, arguments in tasks(listener.url).items()}
        for number in range(ROUNDS + 1):
            for name, path in built.items():
                listener.called.clear()
                began = time.monotonic()
                process = payload.start(path)
                called = listener.called.wait(60)
                process.communicate(timeout=60)
                assert called, f"{name} never called"
                if number:  # the first round fills the caches
                    seen.setdefault(name, []).append(listener.after(began) - began)
    board.add(*figures("module start to first request", seen))


def test_task(board: Board, tmp_path: Path) -> None:
    """A task of one play: with all that Ansible does before the module's process, by its callback that a task begins."""
    times = tmp_path / "times.jsonl"
    with Listener() as listener:
        plays = [{"name": name, name: arguments, "ignore_errors": True} for name, arguments in tasks(listener.url).items()]
        play = {"hosts": "localhost", "gather_facts": False, "tasks": plays * (ROUNDS + 1)}
        book = tmp_path / "start.yml"
        book.write_text(json.dumps([play]))
        environment = {
            **payload.environment(),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_times",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "TASK_TIMES": str(times),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        command = [str(Path(sys.executable).parent / "ansible-playbook"), str(book)]
        subprocess.run(command, env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=600)
        seen: dict[str, list[float]] = {}
        for line in times.read_text().splitlines()[len(plays) :]:
            begun = json.loads(line)
            seen.setdefault(begun["name"], []).append(listener.after(begun["at"]) - begun["at"])
    board.add(*figures("task start to first request", seen))
