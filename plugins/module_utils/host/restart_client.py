# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of the notes: left, listed, and cleared when a restart has served them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import (
    APP,
    BEGUN,
    DIRECTORY,
    SUFFIX,
    Note,
    merged,
    note_name,
    parse_mark,
    parse_note,
    render_note,
)
from ansible_collections.serverops.circleci.plugins.module_utils.transport.folders import Folder


class PendingRestarts:
    """Notes of this host. They hold no secrets: everybody may read them, only their owner (root) may write them."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self._directory, self._folder = directory, Folder(directory, SUFFIX)
        self._marks = Folder(directory.rstrip("/") + BEGUN, SUFFIX)

    def notes(self) -> tuple[Note, ...]:
        """All of them, the oldest first."""
        found = [self._parsed(name, text) for name, text in self._folder.texts().items()]
        return tuple(sorted(found, key=lambda note: (note.time, note.what)))

    def half_done(self, restart: str = APP) -> tuple[str, ...]:
        """Changes for a restart of this that were begun and not ended: some of their files may be written, others not."""
        marks = [parse_mark(name, text) for name, text in self._marks.texts().items()]
        return tuple(sorted(what for what, wanted in marks if wanted == restart))

    def leave(self, what: str, why: str, now: datetime, restart: str = APP) -> Note:
        """Leave a note, or renew the one of the same `what`: before the change, and once more after it."""
        name, note = note_name(what), Note(what, why, now, restart)
        with self._folder.locked():
            text = self._folder.texts().get(name)
            if text is not None:
                note = merged(self._parsed(name, text), note)
            self._folder.put(name, render_note(note))
        return note

    def clear(self, names: Iterable[str]) -> None:
        """Remove these, whatever they say."""
        with self._folder.locked():
            for name in names:
                self._folder.remove(name)

    def settle(self, notes: Iterable[Note]) -> None:
        """Remove those that still say what they said: one that was renewed meanwhile stays."""
        with self._folder.locked():
            texts = self._folder.texts()
            for note in notes:
                if texts.get(note.name) == render_note(note):
                    self._folder.remove(note.name)

    def find(self, what: str) -> Optional[Note]:
        """The note of that `what`."""
        return next((note for note in self.notes() if note.what == what), None)

    def take_back(self, note: Note, earlier: Optional[Note]) -> None:
        """What `note` was left for did not come about: what was noted before stands again, unless it was renewed meanwhile."""
        with self._folder.locked():
            if self._folder.texts().get(note.name) == render_note(note):
                if earlier is None:
                    self._folder.remove(note.name)
                else:
                    self._folder.put(note.name, render_note(earlier))

    def _parsed(self, name: str, text: str) -> Note:
        try:
            note = parse_note(text)
        except BadInput as error:
            raise Refused(f"the restart note {self._directory}/{name} cannot be read: {error}; mend it, or remove it if nothing waits for a restart") from None
        if note.name != name:
            raise Refused(f"the restart note {self._directory}/{name} is about {note.what!r}, whose file is {note.name}; rename it, or remove it")
        return note
