# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that read the files of a host, asked what they get: a shell, apt, systemd. Not to be asked is no fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host import apt, assignments, systemd_client, unit
from ansible_collections.serverops.circleci.plugins.module_utils.host.content import SHELL_KINDS, found
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import FileWish
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands
from ansible_collections.serverops.circleci.plugins.module_utils.transport.folders import Folder
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles

# `env` by a full path, since the file may set PATH; -0, since values may hold line ends. What is not exported shows by set -a alone.
READ = {"exports": '. "$1" && exec /usr/bin/env -0', "environment": 'set -a && . "$1" && exec /usr/bin/env -0'}
APT = "apt-config"


def missing(wish: FileWish) -> str:
    """Why nobody reads the file on this host; empty where somebody does."""
    if wish.reader != APT or commands.find_program(APT):
        return ""
    return f"left alone: there is no apt on this host, so nobody reads {wish.path}"


def misread(wish: FileWish, text: str, written: bool) -> str:
    """Whose value its reader does not take from the file with this text; empty where none.

    Shells and apt read what is `written`. Systemd's drop-ins are put together here, so that is known before.
    """
    if wish.reader.endswith(".service"):
        return _by_systemd(wish, text)
    if not written:
        return ""
    if wish.reader == APT:
        return _by_apt(wish, text)
    return _by_shell(wish, text) if wish.kind in SHELL_KINDS else ""


def _by_shell(wish: FileWish, text: str) -> str:
    """A file that runs commands is not tried."""
    program = commands.find_program("sh")
    if program is None or not assignments.is_plain(text):
        return ""
    ran = commands.run([program, "-c", READ[wish.kind], program, wish.path])
    if ran.code != 0:
        return f"a shell cannot read {wish.path}; try it: sh -c '. {wish.path}'"  # what it says may hold a value
    read = dict(line.partition("=")[::2] for line in ran.out.split("\0"))
    wrong = [name for name, value in found(wish, text).items() if value is not None and read.get(name) != value]
    return f"a shell reads {', '.join(wrong)} in {wish.path} otherwise than as it stands there" if wrong else ""


def _by_apt(wish: FileWish, text: str) -> str:
    program = commands.find_program(APT)
    ran = commands.run([program, "dump"]) if program else None
    if ran is None or ran.code != 0:
        return ""
    read = {name.lower(): value for name, value in apt.proxies(ran.out).items()}
    wrong = [name for name, value in found(wish, text).items() if read.get(name.lower()) != value]
    if not wrong:
        return ""
    others = ", ".join(_files_with_a_proxy(wish.path)) or "another file of apt"
    return f"apt takes {', '.join(wrong)} not from {wish.path}, but from a file that it reads after it; take the proxy out of {others}"


def _files_with_a_proxy(path: str) -> Iterator[str]:
    """Files of apt, beside this one, that speak of a proxy: apt does not say which one it took."""
    folder = path.rpartition("/")[0]
    with suppress(Refused):
        for name, text in Folder(folder, "").texts().items():
            if f"{folder}/{name}" != path and apt.speaks_of_a_proxy(text):
                yield f"{folder}/{name}"
    main = f"{folder.rpartition('/')[0]}/apt.conf"
    if apt.speaks_of_a_proxy(_text(main)):
        yield main


def _by_systemd(wish: FileWish, text: str) -> str:
    there = systemd_client.parts_of(wish.reader)
    if not there:
        return ""
    made_of = unit.with_part(there, wish.path, text)
    last = unit.last_words(made_of)
    for path in unit.environment_files(made_of):
        last.update({name: (value, path) for name, value in _variables(path).items()})
    emptied = (None, "a drop-in that empties Environment=")
    told = {name: last.get(name, emptied) for name in found(wish, text)}
    wrong = {name: told[name][1] for name, value in found(wish, text).items() if told[name][0] != value}
    if not wrong:
        return ""
    places = ", ".join(dict.fromkeys(wrong.values()))
    return f"systemd gives {wish.reader} {', '.join(wrong)} not from {wish.path}, but from {places}, which comes after it; take the proxy out there"


def _variables(path: str) -> dict[str, Optional[str]]:
    with suppress(Refused):
        return assignments.variables(_text(path))
    return {}


def _text(path: str) -> str:
    with suppress(NotPermitted):
        return (HostFiles().look(path).data or b"").decode("utf-8", "surrogateescape")
    return ""
