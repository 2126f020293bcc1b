# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certbot_certificate as a subject of the laws: from nothing, good, due, for other names, under way, and killed at two places."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.certbot_world import CANARY, NAME, CertbotWorld
from unit.laws.subject import Subject

DOOR = import_module("ansible_collections.serverops.circleci.plugins.modules.certbot_certificate").DOOR
PARAMS: Json = {
    "host_names": [NAME],
    "plugin": "manual",
    "auth_hook": "/x/set",
    "cleanup_hook": "/x/clear",
    "environment": {"DNS_TOKEN": CANARY},
    "agree_tos": True,
}
VOLATILE = ("reason", "ends", "fingerprint", "log")


def _good() -> CertbotWorld:
    return CertbotWorld().store().link(1)


def _due() -> CertbotWorld:
    return CertbotWorld().store(days=10).link(1)


def _under_way() -> CertbotWorld:
    """An earlier run began certbot and was killed; certbot goes on."""
    world = _due()
    world.begin([NAME], True)
    world.clock.sleep(5)
    return world.settle_in()


def _unlinked() -> CertbotWorld:
    """certbot was killed when the new certificate was stored, before its links were set; it is for one name more."""
    return CertbotWorld().store(days=10).store([NAME, "app.example.com"]).link(1)


def _unfinished() -> CertbotWorld:
    """certbot was killed at its first order, before it had written the renewal file."""
    return CertbotWorld().store(whole=False).link(1)


def _left() -> CertbotWorld:
    """The machine went down while certbot ran, after the certificate was stored: the shell that removes its credentials did not come to it."""
    world = _good()
    world.kept = True
    return world


TROUBLES: tuple[Callable[[Any], None], ...] = (
    lambda world: setattr(world, "fails", True),
    lambda world: setattr(world, "program", False),
)


def _ends(stored: int, used: int, *aside: str) -> Json:
    return {"stored": stored, "used": used, "aside": list(aside), "secrets": False}


def _subject(name: str, make: Callable[[], CertbotWorld], ends: Json, short: float | None = 10.0, **params: Any) -> Subject:
    return Subject(f"certbot_certificate {name}", DOOR, make, {**PARAMS, **params}, ends, CANARY, short, VOLATILE, troubles=TROUBLES)


def subjects() -> list[Subject]:
    """From nothing, and from every state in which an earlier run or certbot left it."""
    two: Json = {"host_names": [NAME, "app.example.com"]}
    left = (f"1-archive-{NAME}", f"1-live-{NAME}", f"1-renewal-{NAME}.conf")
    return [
        _subject("from nothing", CertbotWorld, _ends(1, 1)),
        _subject("good", _good, _ends(1, 1), None),
        _subject("due", _due, _ends(2, 2)),
        _subject("for other names", _good, _ends(2, 2), **two),
        _subject("under way", _under_way, _ends(2, 2), 5.0),
        _subject("stored and not linked", _unlinked, _ends(2, 2), **two),
        _subject("credentials left", _left, _ends(1, 1), None),
        _subject("unfinished", _unfinished, _ends(1, 1, *left)),
    ]
