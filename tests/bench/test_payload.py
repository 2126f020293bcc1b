# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B14: the size of what Ansible sends for each module of ours, beside others."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import payload
from bench.figures import Board, Figure

pytestmark = pytest.mark.bench

KB = 1000
GOAL = 200
MODULES = Path(__file__).resolve().parents[2] / "plugins" / "modules"
PEERS = ("kubernetes.core.k8s_info", "ansible.builtin.ping")


def size(module: str, folder: Path) -> float:
    return payload.build(module, {}, folder / f"{module}.py").stat().st_size / KB


def test_payload(board: Board, tmp_path: Path) -> None:
    peers = [Figure("B14", f"payload of {name}", "KB", peer=[size(name, tmp_path)]) for name in PEERS]
    ours = {name: size(f"serverops.circleci.{name}", tmp_path) for name in sorted(path.stem for path in MODULES.glob("*.py"))}
    board.add(*peers, *(Figure("B14", f"payload of {name}", "KB", [kilobytes], value=kilobytes, goal=GOAL) for name, kilobytes in ours.items()))
