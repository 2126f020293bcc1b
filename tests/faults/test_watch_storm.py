# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hundreds of objects made in quick succession while several mirrors begin, wait and end: every one of them is seen by each mirror that asks for it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.watch_client import Mirror, wait_any

from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.nomad.clock import RealClock

TOKEN = "f0c4f3d1-a-token-of-the-lab"
WATCHERS, EACH, PATIENCE = 4, 75, 30.0


@pytest.fixture
def server() -> Iterator[Server]:
    state = State(RealClock())
    state.users[TOKEN] = ADMIN
    made = Server(state)
    yield made
    made.stop()


def mirrors(server: Server) -> list[Mirror]:
    """Of everything, and of what has a label: the second sees far less than it is told to have missed."""
    params = {"host": server.url, "api_key": TOKEN}
    return [Mirror(client_from_params(params), CONFIG_MAP, "lab"), Mirror(client_from_params(params), CONFIG_MAP, "lab", labels="mine=yes")]


class Watcher:
    """Makes an object, waits until its mirrors show it, and now and then begins with new mirrors."""

    def __init__(self, server: Server, number: int) -> None:
        self.server, self.number, self.chance = server, number, random.Random(number)
        self.seen: list[str] = []
        self.lost: list[str] = []

    def run(self) -> None:
        mine = mirrors(self.server)
        for turn in range(EACH):
            name = f"object-{self.number}-{turn}"
            for mirror in mine:
                mirror.items()
            time.sleep(self.chance.choice((0.0, 0.0, 0.0, 0.002)))
            self.server.state.put("configmaps", "lab", name, {"metadata": {"labels": {"mine": "yes"} if turn % 2 else {}}, "data": {}})
            (self.seen if self.shown(mine, name, turn % 2) else self.lost).append(name)
            if self.chance.random() < 0.1:
                self.close(mine)
                mine = mirrors(self.server)
        self.close(mine)

    def shown(self, mine: list[Mirror], name: str, labelled: int) -> bool:
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            if all(name in {one["metadata"]["name"] for one in mirror.items()} for mirror in mine[: 1 + labelled]):
                return True
            wait_any(mine, PATIENCE)
        return False

    def close(self, mine: list[Mirror]) -> None:
        for mirror in mine:
            mirror.close()


def test_nothing_that_is_made_escapes_a_mirror(server: Server) -> None:
    watchers = [Watcher(server, number) for number in range(WATCHERS)]
    threads = [threading.Thread(target=one.run) for one in watchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [name for one in watchers for name in one.lost] == []
    assert sum(len(one.seen) for one in watchers) == WATCHERS * EACH
