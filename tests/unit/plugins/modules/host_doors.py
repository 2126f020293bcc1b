# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors of modules that change files of a host, on a folder in place of the host's own."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
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


class Systemd:
    """A program systemctl first on PATH: `show` tells when a unit started, `cat` its files."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder / "systemctl.d"
        self._folder.mkdir()
        text = f'#!/bin/sh\nfor last; do :; done\ncase " $* " in *" show "*) cat "{self._folder}/$last.show" ;; *) cat "{self._folder}/$last.cat" ;; esac\n'
        (self._folder / "systemctl").write_text(text)
        (self._folder / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{self._folder}:{os.environ['PATH']}")

    def started(self, unit: str, when: datetime, reloaded: bool = True) -> None:
        told = when.astimezone(timezone.utc).strftime("%a %Y-%m-%d %H:%M:%S UTC")
        (self._folder / f"{unit}.show").write_text(f"ExecMainStartTimestamp={told}\nNeedDaemonReload={'no' if reloaded else 'yes'}\n")

    def made_of(self, unit: str, *parts: tuple[str, str]) -> None:
        (self._folder / f"{unit}.cat").write_text("\n".join(f"# {path}\n{text}" for path, text in parts))


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
