# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes that something waits for a restart: what was changed, why, and when, so that one restart serves them all.

Who changes such a thing leaves its note before the change and once more after it. So a run that dies between the two has its note, and a restart
that somebody made between them does not count for the change.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

DIRECTORY = "/var/lib/serverops/pending-restart.d"
APP = "app"  # the Replicated app: all containers of CircleCI
DOCKER = "docker"
NOMAD = "nomad"
RESTARTS = (APP, DOCKER, NOMAD)
SUFFIX = ".json"
BEGUN = ".begun"  # with this behind its name, the folder of the marks of changes that were begun and have no note yet
LONGEST_WHY = 500


@dataclass(frozen=True)
class Note:
    """`what` was changed (a file, the settings), `why` in a sentence without secrets, at this `time` (UTC); it lives after a restart of `restart`."""

    what: str
    why: str
    time: datetime
    restart: str = APP

    @property
    def name(self) -> str:
        """Its file's name."""
        return note_name(self.what)


@dataclass(frozen=True)
class ClearNote:
    """Take away a note whose restart was made since, by whomever."""

    note: Note
    item: str

    def describe(self) -> dict[str, Any]:
        return {"step": "clear", "id": self.item, "note": self.note.what}


def note_name(what: str) -> str:
    """One file name for one `what`: letters, digits and hyphens only, the same each time, never the same for two."""
    words = re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")[:60].strip("-")
    return f"{words or 'note'}-{sha256(what.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}{SUFFIX}"


def render_note(note: Note) -> str:
    """The file's text."""
    found = {"what": note.what, "why": note.why, "time": time_text(note.time), "restart": note.restart}
    return json.dumps(found, indent=2) + "\n"


def parse_note(text: str) -> Note:
    """The note in a file's text. Raises BadInput where it is none."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        raise BadInput("it is no JSON") from None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) and found[key] for key in ("what", "why", "time")):
        raise BadInput("it needs the texts what, why and time")
    restart = found.get("restart", APP)
    if restart not in RESTARTS:
        raise BadInput(f"restart is {restart!r}; it must be one of {', '.join(RESTARTS)}")
    return Note(found["what"], found["why"], parse_time(found["time"]), restart)


def render_mark(what: str, restart: str) -> str:
    """The text of a mark that a change of `what` was begun."""
    return json.dumps({"what": what, "restart": restart}) + "\n"


def parse_mark(name: str, text: str) -> tuple[str, str]:
    """What was begun, and what it is to restart. A mark that does not tell is of the app, and goes by its file's name."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = {}
    told = found if isinstance(found, dict) else {}
    return str(told.get("what") or name), str(told.get("restart") or APP)


def merged(old: Note, new: Note) -> Note:
    """One note for two of the same `what`: the later time, and both reasons."""
    why = old.why if new.why in old.why else f"{old.why}; {new.why}"
    if len(why) > LONGEST_WHY:
        why = new.why
    return replace(new, why=why, time=max(old.time, new.time))


def is_satisfied(note: Note, started: datetime) -> bool:
    """Whether what started then has read what the note is about."""
    return started > note.time


def time_text(time: datetime) -> str:
    """With microseconds, in UTC."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """A time as notes and Docker write it (fractions of any length, Z or an offset). Raises BadInput."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", text)
    try:
        if found is None:
            raise ValueError
        fraction = (found.group(2) or "0")[:6].ljust(6, "0")
        zone = "+00:00" if found.group(3) == "Z" else found.group(3)
        return datetime.fromisoformat(f"{found.group(1)}.{fraction}{zone}").astimezone(timezone.utc)
    except ValueError:
        raise BadInput(f"{text!r} is no time such as 2026-01-31T12:00:00.000000Z") from None
