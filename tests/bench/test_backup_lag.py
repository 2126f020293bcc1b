# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B11 and B12: from a Backup's last phase to the module's verdict, beside kubernetes.core's waiter; and the requests from its creation to that phase."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench import payload
from bench.figures import Board, Figure, ratio

from lab.kubernetes.state import ADMIN
from lab.site.site import Site

pytestmark = pytest.mark.bench

ROUNDS = 8
PERIOD = 5  # s between two looks of the peer: its default wait_sleep
SHORTEST = 8.0  # s a backup takes: both wait long before it ends
LOOP = Path(__file__).with_name("phase_loop.py")
PEER = "peer-token"
TERMINAL = ("Completed", "PartiallyFailed", "Failed", "FailedValidation")


class Seen:
    """What the lab itself saw of the newest Backup: when it was made, when it ended, what was asked in between."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.made = self.ended = 0.0
        self.first = self.last = 0
        site.state.controllers.append(self.look)

    def look(self, change: Any) -> None:
        if change.key[0] != "backups.velero.io" or change.type == "DELETED":
            return
        if change.type == "ADDED":
            self.made, self.ended, self.first = time.time(), 0.0, len(self.site.server.api.asked)
        phase = (change.object.get("status") or {}).get("phase")
        if phase in TERMINAL and not self.ended:
            self.ended, self.last = time.time(), len(self.site.server.api.asked)

    def asked(self) -> list[tuple[str, str, str]]:
        """By the module, from the creation to the last phase. kotsadm asks nothing by this way."""
        return [one for one in self.site.server.api.asked[self.first : self.last] if one[0] == "admin" and "portforward" not in one[2]]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site(speed=1.0)
    try:
        made.state.users[PEER] = replace(ADMIN, name="peer")
        yield made.settle()
    finally:
        made.stop()


def one_round(site: Site, seen: Seen, task: Path) -> tuple[float, float, int]:
    """Lag of the module, lag of the loop, requests of the module."""
    seen.made = seen.ended = 0.0
    module = payload.start(task)
    while not seen.made:
        assert module.poll() is None, module.communicate()
        time.sleep(0.01)
    loop = subprocess.Popen([sys.executable, str(LOOP), site.server.url, PEER, "velero", str(PERIOD)], stdin=subprocess.DEVNULL)
    with ThreadPoolExecutor(2) as pool:
        module_over = pool.submit(lambda: (payload.result(module), time.time()))
        loop_over = pool.submit(lambda: (loop.wait(120), time.time()))
    answer, module_ended = module_over.result()
    code, loop_ended = loop_over.result()
    assert answer["backup"]["phase"] == "Completed" and code == 0
    assert min(module_ended, loop_ended) > seen.ended > 0, "a verdict before the end"
    return module_ended - seen.ended, loop_ended - seen.ended, len(seen.asked())


def test_lag_and_requests(board: Board, site: Site, tmp_path: Path) -> None:
    seen = Seen(site)
    arguments = {"host": site.server.url, "api_key": site.token, "required_proofs": ["phase"], "wait_timeout": 120}
    task = payload.build("serverops.circleci.kots_backup", arguments, tmp_path / "kots_backup.py")
    lengths = [SHORTEST + PERIOD * (number + 0.5) / ROUNDS for number in range(ROUNDS)]
    random.Random(11).shuffle(lengths)
    rounds = []
    for seconds in lengths:
        site.velero.volumes.least = seconds
        rounds.append(one_round(site, seen, task))
    ours, peer, requests = [one[0] for one in rounds], [one[1] for one in rounds], [float(one[2]) for one in rounds]
    board.add(
        Figure("B11", "last phase to verdict: kots_backup", "s", ours, value=sorted(ours)[len(ours) // 2], goal=0.25),
        Figure("B11", f"last phase to verdict: kots_backup / kubernetes.core's waiter, {PERIOD} s", "s", ours, peer, ratio(ours, peer), 0.10),
        Figure("B12", "requests from the creation to the last phase", "", requests, value=max(requests), goal=4),
    )
