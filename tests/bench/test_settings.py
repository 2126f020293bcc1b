# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B08: what it costs to see that 50 settings are as wanted, beside a loop of ansible.builtin.lineinfile."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from bench import payload
from bench.figures import Board, Figure
from bench.test_info import cpu

pytestmark = pytest.mark.bench

ROUNDS, ITEMS = 5, 10  # of the peer's loop, ITEMS are really run; an item costs the same whatever their number
COUNTS = (50, 200)
GOAL, GOAL_OF_ONE = 0.04, 0.001
OURS, PEER = "serverops.circleci.service_customization", "ansible.builtin.lineinfile"


def settings(path: Path, count: int) -> dict[str, str]:
    wanted = {f"SETTING_{number}": f"value {number}" for number in range(count)}
    path.write_text("".join(f'export {name}="{value}"\n' for name, value in wanted.items()))
    return wanted


def test_settings(board: Board, tmp_path: Path) -> None:
    ours: dict[int, list[float]] = {}
    loops: list[float] = []
    for count in COUNTS:
        path = tmp_path / f"customizations-{count}"
        given = {"variables": settings(path, count), "global_file": str(path), "restart_notes": str(tmp_path / "notes.d")}
        task = payload.build(OURS, given, tmp_path / f"ours-{count}.py")
        ours[count] = [cpu(task) for _round in range(ROUNDS)]
        assert not payload.result(payload.start(task))["changed"]
    line = {"path": str(tmp_path / "customizations-50"), "regexp": "^export SETTING_7=", "line": 'export SETTING_7="value 7"'}
    peer = payload.build(PEER, line, tmp_path / "peer.py")
    assert not payload.result(payload.start(peer))["changed"]
    loops = [sum(cpu(peer) for _item in range(ITEMS)) / ITEMS * COUNTS[0] for _round in range(ROUNDS)]
    middle = {count: statistics.median(found) for count, found in ours.items()}
    each = max(0.0, (middle[COUNTS[1]] - middle[COUNTS[0]]) / (COUNTS[1] - COUNTS[0]))
    what = f"{COUNTS[0]} settings in one task / loop of lineinfile ({ITEMS} items run)"
    board.add(
        Figure("B08", what, "CPU s", ours[COUNTS[0]], loops, middle[COUNTS[0]] / statistics.median(loops), GOAL),
        Figure("B08", f"each further setting, from {COUNTS[0]} to {COUNTS[1]}", "CPU s", value=each, goal=GOAL_OF_ONE),
    )
