# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors of gcp_* into one simulated Google, for the tests of each module."""

from __future__ import annotations

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from unit.laws.gcp_world import GoogleWorld
from unit.plugins.modules.indoors import module

Json = dict[str, Any]


def change(world: GoogleWorld, name: str, check: bool = False, /, **params: Any) -> tuple[Json, str]:
    """The result and the failure of a module; no result where it never came to see anything."""
    made = module(name).DOOR
    full = {key: option.get("default") for key, option in {**made.options, **door.WAIT_OPTIONS}.items()}
    with world.open():
        try:
            outcome = door.reconcile(made, {**full, **world.params, "wait_timeout": 300.0, "_run": None, **params}, check, world.clock)
        except CollectionError as error:
            return {}, str(error)
    return door.result_of(outcome), outcome.failure


def steps(result: Json) -> list[str]:
    return [step["step"] for step in result["steps"]]
