# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of a 3.x installation's pods, through ansible-playbook, against the lab's Kubernetes on a real socket and a real clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.playing import play_target

from lab.installation.installation import install
from lab.installation.parts import PARTS
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.nomad.clock import RealClock

TARGETS = ("server_pods_info", "server_pod_restart")
APPS = ("frontend", "dispatcher", "nomad-server", "mongodb", "vault")
TOKEN = "canary-token-7d3"


@pytest.fixture
def place() -> Iterator[dict[str, Any]]:
    """An installation of some parts, of which the dispatcher never becomes ready."""
    state = State(clock=RealClock())
    state.users[TOKEN] = ADMIN
    made = install(state, parts=[part for part in PARTS if part.name in APPS])
    made.control.images.set("registry.example/circleci/dispatcher", ready_after=None, log=("it begins", "it waits"))
    made.control.images.set("registry.example/circleci/vault", ready_after=9.0)  # long enough for a line of progress
    server = Server(state)
    try:
        ends = time.monotonic() + 30
        while len(made.unready()) != 1 and time.monotonic() < ends:
            time.sleep(0.2)
        assert len(made.unready()) == 1, made.problems()
        yield {"target_kubernetes": server.url, "target_token": TOKEN}
    finally:
        server.stop()


@pytest.mark.parametrize("target", TARGETS)
def test_target(target: str, place: dict[str, Any], tmp_path: Path) -> None:
    played = play_target(target, place, tmp_path, "-vvv")
    assert played.code == 0, played.output
    assert TOKEN not in played.output.replace(f'"target_token": "{TOKEN}"', "")
    if target == "server_pod_restart":
        assert "[restart] " in played.output, "lines of progress"
