# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B09: a run of each role of hosts that finds nothing to do, beside the same by builtin modules: processor seconds of all processes, and tasks."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from bench.figures import Board, Figure, ratio
from bench.role_cases import CASES, Side
from integration.playing import Played, play

pytestmark = pytest.mark.bench

ROUNDS = 3
GOAL, TASKS = 0.3, 12
PLAY = {"hosts": "localhost", "connection": "local", "gather_facts": False}
# As over SSH: a module comes through a pipe, not as a file.
WAY = {"ansible_pipelining": True}


class Player:
    """Plays sides, each in a home of its own, and knows what it costs to play nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self._environment = folder / "home", monkeypatch
        self._path, self.nothing = os.environ["PATH"], folder / "nothing.yml"
        self.nothing.write_text(json.dumps([{**PLAY, "tasks": []}]))

    def play(self, side: Side) -> tuple[float, Played]:
        """Processor seconds of ansible-playbook and of all that it started."""
        self._environment.setenv("PATH", side.path or self._path)
        before = os.times()
        played = play(side.playbook, {**WAY, **side.variables}, self.home)
        after = os.times()
        assert played.code == 0, played.output
        return after.children_user + after.children_system - before.children_user - before.children_system, played

    def quietly(self, side: Side) -> float:
        seconds, played = self.play(side)
        assert "changed=0" in played.output, played.output
        return seconds


def book_of(role: str, folder: Path) -> str:
    path = folder / "role.yml"
    own = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    path.write_text(json.dumps([{**PLAY, "vars": own, "roles": [f"serverops.circleci.{role}"]}]))
    return str(path)


@pytest.mark.parametrize("name", CASES)
def test_a_role_that_finds_nothing_to_do(name: str, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(tmp_path, monkeypatch)
    nothing = Side({}, list, playbook=str(player.nothing))
    with CASES[name](tmp_path) as case:
        role = Side(case.ours.variables, case.ours.made, case.ours.path, case.ours.notes, book_of(name.partition(",")[0], tmp_path))
        for side in (role, *case.peers.values()):
            assert re.search(r"changed=[1-9]", player.play(side)[1].output), "what finds nothing to do has done it before"
            assert side.made() == role.made(), "both bring about the same"
            side.settle()
        start = [player.play(nothing)[0] for _round in range(ROUNDS)]
        ours: list[float] = []
        peers: dict[str, list[float]] = {label: [] for label in case.peers}
        for _round in range(ROUNDS):
            ours.append(player.quietly(role))
            for label, side in case.peers.items():
                peers[label].append(player.quietly(side))
        tasks = player.play(role)[1].output.count("TASK [")
    note(board, name, tasks, start, ours, peers)


def note(board: Board, name: str, tasks: int, start: list[float], ours: list[float], peers: dict[str, list[float]]) -> None:
    """The role's share, which the goal is for: what is left without Ansible's own start, which no role can do anything about. Beside it the whole run."""
    found = [Figure("B09", f"{name}: tasks", "tasks", [tasks], value=tasks, goal=TASKS)]
    empty = sorted(start)[len(start) // 2]
    for number, (label, seconds) in enumerate(peers.items()):
        found.append(Figure("B09", f"{name}, no change, the whole run / {label}", "CPU s", ours, seconds, ratio(ours, seconds)))
        alone = [[one - empty for one in whole] for whole in (ours, seconds)]
        found.append(Figure("B09", f"{name}, no change / {label}", "CPU s", *alone, ratio(*alone), None if number else GOAL))
    board.add(*found)
