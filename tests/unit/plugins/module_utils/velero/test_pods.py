# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose word a location's verdict is: that of the server that runs now, or of the one before it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.velero.pods import OVERLAP, earliest_word
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of

BEGAN = 10_000.0
FIRST, CHANGED = {"metadata": {"generation": 1}}, {"metadata": {"generation": 4}}


def pod(name: str = "velero-new", started: float | None = BEGAN, going: float | None = None, ready: bool = True, label: str = "velero") -> Any:
    meta = {"name": name, "labels": {"deploy": label}, **({"deletionTimestamp": text_of(going)} if going else {})}
    running = {"running": {"startedAt": text_of(started)}} if started else {"waiting": {"reason": "ContainerCreating"}}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": meta, "spec": {}, "status": {"conditions": conditions, "containerStatuses": [{"name": "velero", "state": running}]}}


TABLE = [
    pytest.param(None, [pod()], None, id="no Deployment"),
    pytest.param(FIRST, [], None, id="no pod"),
    pytest.param(FIRST, [pod(ready=False)], None, id="none is ready"),
    pytest.param(FIRST, [pod()], BEGAN, id="the first template: nobody was there before"),
    pytest.param(CHANGED, [pod()], BEGAN + OVERLAP, id="a changed one: the old server was there for moments"),
    pytest.param(CHANGED, [pod(), pod("velero-old", BEGAN - 900, BEGAN + 31)], BEGAN + 31, id="the old server is still there"),
    pytest.param(CHANGED, [pod(), pod("velero-old", BEGAN - 900, BEGAN - 100)], BEGAN + OVERLAP, id="the old one is on a machine that is gone"),
    pytest.param(FIRST, [pod(), pod("velero-old", BEGAN - 900, BEGAN + 31)], BEGAN + 31, id="a pod that moved"),
    pytest.param(CHANGED, [pod("velero-old", BEGAN - 900, BEGAN + 31), pod(ready=False, started=None)], None, id="the new one is not ready yet"),
    pytest.param(FIRST, [pod(), pod("node-agent", BEGAN + 50, label="")], BEGAN, id="agents do not count"),
]


@pytest.mark.parametrize(("server", "pods", "since"), TABLE)
def test_from_when_on_a_verdict_is_the_present_servers(server: Any, pods: list[Any], since: float | None) -> None:
    assert earliest_word(server, pods) == since
