# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors of modules that change files of a host, on a folder in place of the host's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import Note
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from unit.plugins.modules.indoors import module

from lab.nomad.clock import VirtualClock


def change(name: str, folder: Path, /, check: bool = False, **params: Any) -> tuple[Json, str]:
    """The result and the failure of a module; no result where it never came to see anything."""
    made = module(name).DOOR
    full = {key: option.get("default") for key, option in {**made.options, **door.WAIT_OPTIONS}.items()}
    notes = {"restart_notes": str(folder / "notes.d")} if "restart_notes" in full else {}
    try:
        outcome = door.reconcile(made, {**full, "_run": None, **notes, **params}, check, VirtualClock())
    except CollectionError as error:
        return {}, str(error)
    return door.result_of(outcome), outcome.failure


def notes(folder: Path) -> tuple[Note, ...]:
    """The notes of restarts that were left."""
    return PendingRestarts(str(folder / "notes.d")).notes()


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
