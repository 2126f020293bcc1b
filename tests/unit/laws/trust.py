# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ca_trust as a subject of the laws: authorities laid down, replaced, taken away, and one that is still needed."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host import trust_client
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands, handshakes
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import Access, Found, HostFiles
from unit.laws.killing import Tap
from unit.laws.running import module_run
from unit.laws.subject import Subject

from lab.certificates import Made, authority
from lab.nomad.clock import VirtualClock
from lab.trust_stores import TrustedSystem

DOOR = import_module("ansible_collections.serverops.circleci.plugins.modules.ca_trust").DOOR
FOLDER = Path(tempfile.mkdtemp(prefix="serverops-laws-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
HERE = FOLDER / "here"  # leads to the world that is open
ROOT, OTHER, OLD = authority("Root of the laws"), authority("Other root"), authority("Old root of the laws")
MIDDLE = authority("Middle of the laws", ROOT)
CANARY = OLD.key_pem.splitlines()[1]  # a line of a key that somebody left in the text
PARAMS: Json = {"name": "laws", "root": str(HERE), "restart_notes": str(HERE / "notes"), "store": "debian"}
BOTH = {**PARAMS, "certificates": ROOT.pem + MIDDLE.pem}


class TrustWorld:
    """A system below a folder of its own; `needs` is the authority of a host that must be trusted."""

    def __init__(self, needs: Made | None = None) -> None:
        self.clock, self.tap = VirtualClock(), Tap()
        self.needs, self.refusing = needs, ""
        self._wrote: list[str] = []
        self.system = TrustedSystem(Path(tempfile.mkdtemp(dir=FOLDER)))

    @contextmanager
    def open(self) -> Iterator[None]:
        HERE.unlink(missing_ok=True)
        HERE.symlink_to(self.system.root)
        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, {"PATH": self.system.path}))
            for name, fake in (("HostFiles", lambda: _Files(self)), ("commands", _Commands(self)), ("handshakes", _Handshakes(self))):
                stack.enter_context(mock.patch.object(trust_client, name, fake))
            yield

    def writes(self) -> list[Any]:
        return list(self._wrote)

    def wrote(self, what: str) -> None:
        self._wrote.append(what)

    def end(self) -> Json:
        names = {"root": ROOT, "middle": MIDDLE, "old": OLD, "other": OTHER}
        notes = self.system.root / "notes"
        return {
            "files": sorted(path.name for path in self.system.own.iterdir()),
            "store": [name for name, made in names.items() if self.system.trusts(made)],
            "note": notes.is_dir() and bool(list(notes.iterdir())),
        }

    def harm(self) -> list[str]:
        return [] if self.system.trusts(self.system.public) else ["what others put there is gone"]


class _Files(HostFiles):
    """The real files, each contact seen."""

    def __init__(self, world: TrustWorld) -> None:
        super().__init__()
        self._world = world

    def look(self, path: str) -> Found:
        if not path.endswith(("ca-certificates.crt", "/laws.crt")):
            return super().look(path)
        with self._world.tap.around(f"look at {Path(path).name}", before=False):
            return super().look(path)

    def update(self, path: str, change: Callable[[bytes | None], bytes | None], asked: Access = Access()) -> None:  # noqa: B008
        with self._world.tap.around(f"write {Path(path).name}"):
            if self._world.refusing:
                raise NotPermitted(self._world.refusing)
            self._world.wrote(path)
            super().update(path, change, asked)


class _Commands:
    def __init__(self, world: TrustWorld) -> None:
        self._world = world
        self.find_program = commands.find_program

    def run(self, argv: Sequence[str], timeout: float) -> commands.Ran:
        with self._world.tap.around("make the store"):
            self._world.wrote("store")
            return commands.run(argv, timeout)


class _Handshakes:
    def __init__(self, world: TrustWorld) -> None:
        self._world = world

    def vouched(self, _host: str, _port: int, authorities: str) -> handshakes.Vouched:
        with self._world.tap.around("shake hands", before=False):
            needs = self._world.needs
            return handshakes.Vouched(True, "" if needs is None or needs.pem in authorities else "unable to get local issuer certificate")


def _with_old(needs: Made | None = None) -> TrustWorld:
    world = TrustWorld(needs)
    made = module_run(DOOR, world, {**PARAMS, "certificates": OLD.pem + OTHER.pem})
    assert not made.get("failed"), made
    world.tap.kill(None)
    world._wrote.clear()
    return world


def _key_inside(world: TrustWorld) -> None:
    """Its store too holds a key."""
    world.system.own.joinpath("laws.crt").write_text(OLD.key_pem)


def _full(world: TrustWorld) -> None:
    world.refusing = "its disk is full; make room there"


def _broken(world: TrustWorld) -> None:
    world.system.trouble("fails")


TROUBLES = (_key_inside, _full, _broken)


def _subject(name: str, make: Callable[[], TrustWorld], params: Json, ends: Json, **more: Any) -> Subject:
    return Subject(f"ca_trust {name}", DOOR, make, params, ends, CANARY, troubles=TROUBLES, **more)


def subjects() -> list[Subject]:
    """New, replaced, taken away, still needed; and both at once."""
    new = {"files": ["laws.2.crt", "laws.crt"], "store": ["root", "middle"], "note": True}
    old = {"files": ["laws.2.crt", "laws.crt"], "store": ["old", "other"], "note": True}
    hosts = {"verify_hosts": ["ghe.example.com"]}
    added = {"name": "added", "certificates": ROOT.pem + MIDDLE.pem, "state": "present"}
    both = {**PARAMS, "name": None, "authorities": [added, {"name": "laws", "certificates": None, "state": "absent"}]}
    files = ["added.2.crt", "added.crt"]
    held = {"files": [*files, *old["files"]], "store": ["root", "middle", "old", "other"], "note": True}
    return [
        _subject("new", TrustWorld, BOTH, new),
        _subject("in place of others", _with_old, {**BOTH, "certificates": ROOT.pem}, {"files": ["laws.crt"], "store": ["root"], "note": True}),
        _subject("taken away", _with_old, {**PARAMS, "state": "absent"}, {"files": [], "store": [], "note": True}),
        _subject("new, and a host is asked", lambda: TrustWorld(MIDDLE), {**BOTH, **hosts}, new),
        _subject("one new and one taken away", _with_old, both, {"files": files, "store": ["root", "middle"], "note": True}),
        _subject("one new and one still needed", lambda: _with_old(OLD), {**both, **hosts}, held, fails=True),
        _subject("still needed", lambda: _with_old(OLD), {**PARAMS, **hosts, "state": "absent"}, old, fails=True),
    ]
