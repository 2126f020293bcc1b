# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the files of this host and to the notes of restarts."""

from __future__ import annotations

import grp
import pwd
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotPermitted, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.host import assignments, readers_client, systemd_client
from ansible_collections.serverops.circleci.plugins.module_utils.host.content import SHELL_KINDS, rendered, shown
from ansible_collections.serverops.circleci.plugins.module_utils.host.files import Begin, LeaveNote
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import AccessWish, FileState, FileWish, HostSpec, HostState, Json
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import BEGUN, SUFFIX, ClearNote, note_name, render_mark
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.transport.folders import Folder
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import Access, Found, HostFiles


class FilesPort:
    """The files of one description."""

    def __init__(self, spec: HostSpec, notes: str, clock: Clock) -> None:
        self._spec, self._clock = spec, clock
        self._files = HostFiles()
        self._notes, self._begun = PendingRestarts(notes), Folder(notes.rstrip("/") + BEGUN, SUFFIX)

    def read(self, _confirming: frozenset[str]) -> HostState:
        """The files and the notes as they are."""
        files = {wish.path: self._state(wish) for wish in self._spec.files}
        restarts, begun = self._spec.restarts, self._begun.texts()
        ours = {self._spec.note(one) for one in restarts}
        notes = [note for note in self._notes.notes() if note.what in ours]
        noted = {note.what for note in notes}
        return HostState(
            files,
            frozenset(one for one in restarts if note_name(self._spec.note(one)) in begun),
            frozenset(one for one in restarts if self._spec.note(one) in noted),
            systemd_client.served(notes, self._clock),
        )

    def apply(self, step: Any) -> None:
        """Write a file, or the mark or the note of a restart. All that fails here fails again, so the task ends with it."""
        try:
            if isinstance(step, Begin):
                self._begin(step.restart)
            elif isinstance(step, LeaveNote):
                self._leave(step.restart)
            elif isinstance(step, ClearNote):
                self._notes.settle([step.note])
            else:
                self._write(next(wish for wish in self._spec.files if wish.path == step.item))
        except Refused as error:
            raise NotPermitted(str(error)) from None

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(1.0, seconds))

    def _begin(self, restart: str) -> None:
        with doing("mark the change"), self._begun.locked():
            self._begun.put(note_name(self._spec.note(restart)), render_mark(self._spec.note(restart), restart))

    def _leave(self, restart: str) -> None:
        what = self._spec.note(restart)
        paths = ", ".join(wish.path for wish in self._spec.files if wish.restart == restart)
        with doing(f"leave the note of the restart of {restart}"):
            self._notes.leave(what, f"{self._spec.what} changed in {paths}", self._clock.wall(), restart)
            with self._begun.locked():
                self._begun.remove(note_name(what))

    def _write(self, wish: FileWish) -> None:
        def change(data: Optional[bytes]) -> Optional[bytes]:
            text = rendered(wish, _text(data))
            return None if data is None and not text else text.encode("utf-8", "surrogateescape")

        with doing(f"write {wish.path}"):
            asked = access_of(wish.access)
            if wish.private and asked.mode is None and self._files.look(wish.path).data is None:
                asked = replace(asked, mode=0o600)
            self._files.update(wish.path, change, asked)

    def _state(self, wish: FileWish) -> FileState:
        with doing(f"read {wish.path}"):
            there = self._files.look(wish.path)
            text = _text(there.data)
            wanted = rendered(wish, text)
            asked = access_of(wish.access)
            done = wanted == text and (there.data is None or there.has(asked))
            misread = readers_client.misread(wish, wanted, done and there.data is not None)
            return FileState(
                wish.path,
                there.data is not None,
                done,
                shown(wish, text),
                shown(wish, wanted),
                _access(there, wish.access),
                _wanted_access(wish.access),
                there.hindrance,
                misread,
                self._left_alone(wish),
                (*(assignments.remarks(wanted) if wish.kind in SHELL_KINDS else ()), *_open_to_all(there, wish)),
            )

    def _left_alone(self, wish: FileWish) -> str:
        for path in wish.only_without:
            if self._files.look(path).data is not None:
                return f"left alone: {path} is there, so the installer ran, and {wish.path} is not read any more"
        return readers_client.missing(wish)


def _text(data: Optional[bytes]) -> str:
    return (data or b"").decode("utf-8", "surrogateescape")


def access_of(wish: AccessWish) -> Access:
    """With the numbers of owner and group on this host. Raises BadInput for one that is not there."""
    try:
        uid = None if wish.owner is None else int(wish.owner) if wish.owner.isdigit() else pwd.getpwnam(wish.owner).pw_uid
        gid = None if wish.group is None else int(wish.group) if wish.group.isdigit() else grp.getgrnam(wish.group).gr_gid
    except KeyError as error:
        raise BadInput(f"there is no such owner or group on this host: {error.args[0]}") from None
    return Access(wish.mode, uid, gid)


def _access(found_as: Found, wish: AccessWish) -> Json:
    """What is asked for, as it is."""
    has, there = found_as.access, found_as.data is not None
    values = {"mode": f"{has.mode:04o}" if there and has.mode is not None else None, "owner": has.uid if there else None, "group": has.gid if there else None}
    return {key: values[key] for key in _wanted_access(wish)}


def _open_to_all(there: Found, wish: FileWish) -> tuple[str, ...]:
    """That everybody may read what nobody shall see; whoever asks for a mode has thought of it."""
    secret = any(wish.values[name] for name in wish.hidden)
    if not secret or there.data is None or wish.access.mode is not None or not (there.access.mode or 0) & 0o004:
        return ()
    words = "it holds values of secret_variables, and every user of the host may read it"
    return (f"{words} (mode {there.access.mode:04o}); give a mode, such as '0640', and the group that is to read it",)


def _wanted_access(wish: AccessWish) -> Json:
    asked = access_of(wish)
    values = {"mode": None if asked.mode is None else f"{asked.mode:04o}", "owner": asked.uid, "group": asked.gid}
    return {key: value for key, value in values.items() if value is not None}
