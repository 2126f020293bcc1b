# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Law (e) on a real socket: requests, urllib3 and http.client at DEBUG show no token (in process they have nothing to log)."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.door import reconcile
from unit.laws.leaking import leaks, outputs
from unit.laws.nomad import CANARY, DRAIN, INFO
from unit.laws.running import all_params

from lab.nomad.clock import RealClock
from lab.nomad.lab import Lab
from lab.nomad.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    lab = Lab("1.1.2", clients=2, clock=RealClock(20))
    lab.acl(True, {CANARY: "management"})
    made = Server(lab, 0).start()
    try:
        yield made
    finally:
        made.stop()


def test_debug_logs_of_the_http_libraries_show_no_token(server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    given = {"nomad_url": server.url, "nomad_token": CANARY}
    info = {name: option.get("default") for name, option in INFO.options.items()} | given
    shown = outputs(lambda: INFO.read(info, SystemClock()))
    shown += outputs(lambda: reconcile(DRAIN, all_params(DRAIN, {**given, "nodes": ["c1"], "wait_timeout": 30.0}), False))
    shown += outputs(lambda: reconcile(DRAIN, all_params(DRAIN, {**given, "nomad_token": CANARY + "-wrong", "nodes": ["c1"]}), False))
    assert any(record.name.startswith("urllib3") for record in caplog.records), "the log must have had a chance to show it"
    assert http.client.HTTPConnection.debuglevel == 0, "nobody turned on the trace that prints headers"
    assert leaks(CANARY, shown, caplog, capfd) == []
