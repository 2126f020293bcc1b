# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of files of this host, and how they stand; a wish is one file, read by one kind of reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import Note

Json = dict[str, Any]


@dataclass(frozen=True)
class AccessWish:
    """Owner, group and mode by their names; None: as they are."""

    mode: Optional[int] = None
    owner: Optional[str] = None
    group: Optional[str] = None


@dataclass(frozen=True)
class FileWish:
    """A file and what shall stand in it. `kind` names its reader, `hidden` whose values are never shown, `restart` what must be restarted to take it up.

    `flags` are Java's, which go into the variable JVM_OPTS beside those that are there; those of `own_flags` that are there go away.
    Where one of the files `only_without` is there, this one is not read any more, and is left alone.
    A file that is `private` gets the mode 0600 where it is new and none is asked for.
    `reader` is whom to ask what it gets from the file in this very place: apt-config, or the name of a unit of systemd.
    """

    path: str
    kind: str
    values: Mapping[str, Optional[Secret]]
    hidden: frozenset[str] = frozenset()
    restart: str = ""
    access: AccessWish = AccessWish()
    flags: tuple[str, ...] = ()
    own_flags: tuple[str, ...] = ()
    only_without: tuple[str, ...] = ()
    private: bool = False
    reader: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it says something about."""
        return (*self.values, *(("JVM_OPTS",) if self.own_flags else ()))


@dataclass(frozen=True)
class HostSpec:
    """Files that belong together, called `what` in the notes of the restarts that they need. `told` goes into the result as it is."""

    what: str
    files: tuple[FileWish, ...]
    told: Json = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def restarts(self) -> tuple[str, ...]:
        """What must be restarted, in order, each once."""
        return tuple(dict.fromkeys(wish.restart for wish in self.files if wish.restart))

    def note(self, restart: str) -> str:
        """What the note of a restart is about."""
        return f"{self.what} ({restart})"


@dataclass(frozen=True)
class FileState:
    """A file as it is. `values` are for people: what is hidden only says whether it is as wanted.

    `hindrance` says why it cannot be changed, `misread` who reads it otherwise than it stands there.
    """

    path: str
    there: bool
    as_wanted: bool
    values: Mapping[str, Optional[str]]
    wanted: Mapping[str, Optional[str]]
    access: Json = field(default_factory=dict)
    wanted_access: Json = field(default_factory=dict)
    hindrance: str = ""
    misread: str = ""
    left_alone: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostState:
    """The files, for which restarts a change was begun and its note not yet left, and for which there is a note; `served` are notes that had their restart."""

    files: Mapping[str, FileState]
    begun: frozenset[str] = frozenset()
    noted: frozenset[str] = frozenset()
    served: tuple[Note, ...] = ()


def access_wish(params: Mapping[str, Any]) -> AccessWish:
    """From the options mode, owner and group. Raises BadInput."""
    mode = params.get("mode")
    # Without quotes YAML reads 0640 as the number 416, which in octal is a file that everybody may write to. So the leading 0 must be there.
    if mode is not None and not re.fullmatch(r"0[0-7]{3}", str(mode)):
        raise BadInput(f"mode is {mode!r}, but it must be an octal number of four digits that begins with 0; give it in quotes, such as '0640'")
    return AccessWish(None if mode is None else int(str(mode), 8), params.get("owner"), params.get("group"))
