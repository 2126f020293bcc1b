"""A console of the lab and a file as a world for the laws: support bundles fetched and searched."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import atexit
import base64
import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots import console_client
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import calls_client
from unit.laws.killing import Tap
from unit.laws.running import module_run
from unit.laws.subject import Subject

from lab.kots.adapter import ConsoleAdapter
from lab.kots.model import Answer
from lab.kots.world import KotsWorld
from lab.kubernetes.api import Api
from lab.kubernetes.link import LabLink
from lab.kubernetes.request import Request
from lab.kubernetes.state import ADMIN, State

DOOR = import_module("ansible_collections.serverops.circleci.plugins.modules.kots_support_bundle").DOOR
CANARY = "c4a1f0de-5ec2-e7ca-9a2b-70ad1e5ca9e5"  # the token, and a password in a Secret: no output may show it
SPACE = "circleci-server"
FOLDER = Path(tempfile.mkdtemp(prefix="serverops-laws-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
DEST = str(FOLDER / "bundle.tar.gz")
PARAMS: Json = {"host": "https://lab:6443", "api_key": CANARY, "namespace": SPACE, "consent": True, "dest": DEST}
VOLATILE = ("waited", "bundle", "size", "files", "secrets_searched")


class SupportWorld:
    """A console with one app. Each world has a disk of its own: what is at `dest` while it is open. It counts at the end, with what kotsadm collected."""

    def __init__(self, files: dict[str, str] | None = None) -> None:
        self.state = State()
        self.clock: Any = self.state.clock
        self.tap = Tap()
        self.state.users[CANARY] = ADMIN
        self.kots = KotsWorld(self.state, namespace=SPACE).install()
        self.kots.add_app()
        self.kots.bundle_files = files or {}
        self.kots.bundle_seconds = 20.0
        data = {"password": base64.b64encode(CANARY.encode()).decode(), "user": base64.b64encode(b"circleci-admin").decode()}
        self.state.put("secrets", SPACE, "minio", {"type": "Opaque", "data": data})
        self.disk: bytes | None = None
        self.mode = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        stub = SimpleNamespace(port=1, forget=lambda: None, failure=lambda: None, close=lambda: None)
        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(console_client, "Forward", lambda *_a: stub))
            stack.enter_context(mock.patch.object(console_client, "new_session", lambda *_a, **_k: self._session()))
            stack.enter_context(mock.patch.object(calls_client, "Link", lambda _connection: LabLink(Api(self.state), CANARY, self._asking)))
            self._mount()
            try:
                yield
            finally:
                self._unmount()

    def _mount(self) -> None:
        Path(DEST).unlink(missing_ok=True)
        if self.disk is not None:
            Path(DEST).write_bytes(self.disk)
            Path(DEST).chmod(self.mode)

    def _unmount(self) -> None:
        there = Path(DEST).exists()
        self.disk, self.mode = (Path(DEST).read_bytes(), Path(DEST).stat().st_mode & 0o777) if there else (None, 0)

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", ConsoleAdapter(self.kots, self._around))
        return session

    def _asking(self, asked: Request) -> Any:
        return self._around(f"{asked.method} {asked.path}", asked.method != "GET")

    def _around(self, what: str, writes: bool) -> Any:
        return self.tap.around(what, before=writes)

    def settle_in(self) -> SupportWorld:
        self.kots.requests.clear()
        self.tap.kill(None)
        return self

    def writes(self) -> list[Any]:
        return [one for one in self.kots.requests if one[0] != "GET"]

    def end(self) -> Json:
        names: list[str] = []
        if self.disk is not None:
            with tarfile.open(fileobj=io.BytesIO(self.disk)) as archive:
                names = sorted(archive.getnames())
        return {"collected": len(self.kots.bundles), "names": names}

    def harm(self) -> list[str]:
        return ["others may read it"] if self.disk is not None and self.mode != 0o600 else []


def _young() -> SupportWorld:
    """One that an earlier run had collected and did not fetch."""
    world = SupportWorld()
    result = module_run(DOOR, world, {**PARAMS, "wait": False})
    assert not result.get("failed"), result
    world.clock.sleep(60)
    return world.settle_in()


def _fault(answer: Answer, match: str, apply: bool = False) -> Callable[[Any], None]:
    return lambda world: world.kots.fault(match, answer, count=1000, apply=apply)


TROUBLES = (
    _fault(Answer(500), "."),
    _fault(Answer(401, {"error": "failed to parse authorization header", "success": False}), "."),
    _fault(Answer(200, "<html>", "text/html"), "."),
    _fault(Answer(200, close=True), "^POST", apply=True),
    _fault(Answer(200, b"no archive", "application/gzip"), "download$"),
    lambda world: world.state.users.clear(),
    lambda world: world.state.remove("secrets", SPACE, "kotsadm-authstring"),
)


def _subject(name: str, make: Callable[[], SupportWorld], names: list[str], short: float | None = None, **more: Any) -> Subject:
    params, fails = {**PARAMS, **more.pop("params", {})}, more.pop("fails", False)
    files = sorted(
        f"support-bundle/{one}" for one in (names and ["version.yaml", "cluster-info/cluster_version.json", "circleci-server/app-info.json", *names[1:]])
    )
    ends = {"collected": 1, "names": files}
    return Subject(f"kots_support_bundle {name}", DOOR, make, params, ends, CANARY, short, VOLATILE, fails, troubles=TROUBLES, **more)


def subjects() -> list[Subject]:
    """A clean one, one collected before, one with a secret in it. What needs no way to kotsadm, and what the next run tries anew, has tests at the door."""
    planted = {"logs/api.txt": f"login with {CANARY}\n"}
    names, allowed = ["all", "logs/api.txt"], {"allow_unredacted": True}
    return [
        _subject("clean", lambda: SupportWorld().settle_in(), ["all"], 5.0),
        _subject("collected before", _young, ["all"]),
        _subject("with a secret, allowed", lambda: SupportWorld(planted).settle_in(), names, 5.0, foreseeable=False, params=allowed),
    ]
