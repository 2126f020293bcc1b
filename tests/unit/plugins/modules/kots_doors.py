# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors of kots_* into one lab installation, for the tests of each module."""

from __future__ import annotations

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from unit.laws.kots_world import Installation
from unit.plugins.modules.indoors import module

Json = dict[str, Any]


def change(world: Installation, name: str, check: bool = False, **params: Any) -> tuple[Json, str]:
    """The result and the failure of a module; no result where it never came to see anything."""
    made = module(name).DOOR
    full = {key: option.get("default") for key, option in {**made.options, **door.WAIT_OPTIONS}.items()}
    with world.open():
        try:
            outcome = door.reconcile(made, {**full, "_run": None, **params}, check, world.clock)
        except CollectionError as error:
            return {}, str(error)
    return door.result_of(outcome), outcome.failure


def read(world: Installation, name: str, **params: Any) -> Json:
    """The result of a module that reads."""
    made = module(name).DOOR
    full = {key: option.get("default") for key, option in made.options.items()}
    with world.open():
        return dict(made.read({**full, **params}, world.clock))


def asked(world: Installation) -> int:
    """How often kotsadm was asked for a backup."""
    return world.writes().count(("POST", "/api/v1/snapshot/backup"))
