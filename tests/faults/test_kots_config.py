# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kots_config as a process of its own, over a real forward, while kotsadm restarts, is away, or the process itself is killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from unit.plugins.modules.indoors import PLUGINS

from lab.kots import vault
from lab.kots.model import Answer
from lab.kots.world import KotsWorld
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.nomad.clock import RealClock

TOKEN, SECRET = "f0c4f3d1-a-token-of-the-lab", "c4a1f0de-a-password-nobody-reads"
MAKE = "/api/v1/app/circleci-server/config/values"
Json = dict[str, Any]


class Console:
    """kotsadm behind the lab's Kubernetes. `before` and `after` are called with each write; what `after` gives, if anything, is answered instead."""

    def __init__(self) -> None:
        self.state = State(RealClock(4.0))
        self.state.users[TOKEN] = ADMIN
        self.server = Server(self.state)
        self.world = KotsWorld(self.state).start()
        self.app = self.world.add_app(labels=("3.4.0",))
        self.after: Callable[[str], Answer | None] = lambda _path: None
        self._real = self.world.ask
        self.world.ask = self._ask  # type: ignore[method-assign]

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        said = self._real(method, path, headers, body)
        return said if method == "GET" else self.after(path) or said

    def restart(self, seconds: float) -> None:
        """Nobody listens for a while; then somebody does at another port."""
        self.world.stop()
        threading.Timer(seconds, self.world.start).start()

    def begin(self, **params: Any) -> subprocess.Popen[str]:
        pipes: Json = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        process = subprocess.Popen([sys.executable, "-m", f"{PLUGINS}.modules.kots_config"], **pipes)
        wish = {"values": {"workers": 6}, "secret_values": {"secret": SECRET}, "wait_timeout": 90.0}
        assert process.stdin is not None
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {"host": self.server.url, "api_key": TOKEN, **wish, **params}}))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, **params: Any) -> Json:
        out, _err = self.begin(**params).communicate(timeout=120)
        assert SECRET not in out and TOKEN not in out and self.world.authstring not in out
        assert out.strip().startswith("{"), out[-2000:]
        return dict(json.loads(out))

    def made(self) -> int:
        return sum(one == ("POST", MAKE) for one in self.world.requests)

    def has_it_once(self) -> None:
        now = self.app.version(self.app.current)
        assert now is not None and len(self.app.versions) == 2 and now.status == "deployed"
        assert (now.values["workers"], vault.opened(now.values["secret"])) == ("6", SECRET)


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    try:
        yield made
    finally:
        made.world.stop()
        made.server.stop()


def test_nothing_in_the_way(console: Console) -> None:
    result = console.run()
    assert result["changed"] and result["deployed"] and console.made() == 1
    console.has_it_once()
    assert not console.run()["changed"]


@pytest.mark.parametrize("where", [MAKE, "/deploy"])
def test_kotsadm_restarts_between_an_order_and_its_answer(console: Console, where: str) -> None:
    def once(path: str) -> Answer | None:
        if not path.endswith(where):
            return None
        console.after = lambda _path: None
        threading.Thread(target=console.restart, args=(3.0,)).start()
        return Answer(0, close=True)

    console.after = once
    result = console.run()
    assert not result.get("failed"), result
    assert result["deployed"] and console.made() == 1
    console.has_it_once()


def test_killed_between_the_version_and_its_deploy(console: Console) -> None:
    """kill -9 while the answer is on its way: the next run finds the version, deploys it, and makes none."""
    reached, going_on = threading.Event(), threading.Event()

    def hold(path: str) -> Answer | None:
        if path.endswith(MAKE):
            reached.set()
            going_on.wait(60)
        return None

    console.after = hold
    process = console.begin()
    try:
        assert reached.wait(60), "it never came so far"
    finally:
        process.kill()
        process.communicate(timeout=30)
        going_on.set()
    console.after = lambda _path: None
    assert len(console.app.versions) == 2 and console.app.current == 0
    result = console.run()
    assert [step["step"] for step in result["steps"]] == ["deploy"] and console.made() == 1
    console.has_it_once()


def test_another_auth_string_is_told(console: Console) -> None:
    console._real = lambda *_args: Answer(401, {"error": "failed to parse authorization header", "success": False})  # type: ignore[assignment]
    result = console.run()
    assert result["failed"] and "kotsadm-authstring" in result["msg"] and len(console.app.versions) == 1
