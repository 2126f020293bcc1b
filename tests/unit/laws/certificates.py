# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tls_certificate as a subject of the laws: a first pair, a second one, one put back, and one that is not served."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.certificates_world import MIDDLE, ONE, TWO, CertificateWorld, given
from unit.laws.running import module_run
from unit.laws.subject import Reading, Subject

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
DOOR = import_module(MODULES + "tls_certificate").DOOR
CANARY = TWO.key_pem.splitlines()[1]
INFO = import_module(MODULES + "tls_certificate_info").DOOR
NAMES = import_module(MODULES + "server_names_info").DOOR
NOTE = ["certificate of the app"]


def _changed(world: CertificateWorld, params: Json) -> CertificateWorld:
    made = module_run(DOOR, world, params)
    assert not made.get("failed"), made
    world.journal.clear()
    world.tap.kill(None)
    return world


def _second() -> CertificateWorld:
    """Another pair was installed, and the app restarted."""
    world = _changed(CertificateWorld(ONE), given(TWO))
    world.restarted()
    return world.clear().settle_in()  # type: ignore[return-value]


def _console() -> CertificateWorld:
    return _changed(CertificateWorld(), given(ONE, target="console"))


def _unserved() -> CertificateWorld:
    """Stored by hand, and the app not restarted."""
    return CertificateWorld(ONE).store(TWO)


def _deaf(world: CertificateWorld) -> None:
    world.deaf = True


def _full(world: CertificateWorld) -> None:
    world.refusing = "its disk is full; make room there"


def _broken(world: CertificateWorld) -> None:
    world.broken = True


def _down(world: CertificateWorld) -> None:
    with world.host.look() as now:
        now.state["down"] = True


def _own(world: CertificateWorld) -> None:
    """The settings hold the key where the certificate should be."""
    with world.host.look() as now:
        now.state["stored"]["ssl_cert"] = now.state["stored"].get("ssl_private_key", {})


TROUBLES = (_deaf, _full, _broken, _down, _own)


def _subject(name: str, make: Callable[[], CertificateWorld], params: Json, ends: Json, **more: Any) -> Subject:
    return Subject(f"tls_certificate {name}", DOOR, make, params, ends, CANARY, troubles=TROUBLES, **more)


def _ends(stored: str | None, kept: list[str], notes: list[str], console: str | None = None) -> Json:
    return {"stored": stored, "console": console, "kept": kept, "notes": notes}


def subjects() -> list[Subject]:
    """The app's in four states, the console's in two."""
    back, kept = given(state="previous"), ["console-current.json", "console.json"]
    beside = {"console_endpoint": "127.0.0.1:8800"}
    return [
        _subject("first", CertificateWorld, given(TWO), _ends("two", [], NOTE)),
        _subject("in place of another", lambda: CertificateWorld(ONE), given(TWO), _ends("two", ["app.json"], NOTE)),
        _subject("put back", _second, back, _ends("one", ["app.json"], NOTE)),
        _subject("served", lambda: CertificateWorld(TWO), given(TWO, certificate=MIDDLE.pem + TWO.pem, **beside), _ends("two", [], [])),
        _subject("not served", _unserved, given(TWO), _ends("two", [], []), fails=True),
        _subject("of the console", CertificateWorld, given(TWO, target="console"), _ends(None, kept[:1], [], "two")),
        _subject("of the console, again", _console, given(TWO, target="console"), _ends(None, kept, [], "two")),
    ]


def readings() -> list[Reading]:
    """The report on what ends, and the four names, of a host that serves a pair."""

    def made() -> CertificateWorld:
        return CertificateWorld(TWO).settle_in()  # type: ignore[return-value]

    ports = {"endpoints": ["127.0.0.1:443", "127.0.0.1:8800"]}
    names = {"endpoint": "127.0.0.1:443", "oauth_callback": "https://circleci.example.com/"}
    troubles: Any = TROUBLES
    return [Reading("tls_certificate_info", INFO, made, ports, CANARY, troubles), Reading("server_names_info", NAMES, made, names, CANARY, troubles)]
