# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the machine we run on: read whole, written so that nobody else can read them and none is ever half, or kept for a library while we run."""

from __future__ import annotations

import atexit
import fcntl
import os
import tempfile
import time
from contextlib import suppress

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

LARGEST = 50_000_000  # bytes
NEWBORN = 5.0  # s in which a file may not be locked yet by who makes it


def read_text(path: str, option: str) -> str:
    """The text of a file that an option names. Raises BadInput naming the option."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadInput(f"{option} is {path}, which cannot be read: {why}") from None


def holds_secret(path: str, secret: Secret) -> bool:
    """Whether the file is there, holds just this, and is for its owner alone."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(LARGEST) == secret.reveal() + "\n" and not os.fstat(file.fileno()).st_mode & 0o077
    except (OSError, UnicodeDecodeError):
        return False


def stems(folder: str, beginning: str, ending: str) -> list[str]:
    """Names, without their ending, of the files of a folder that begin and end so; none where there is no folder."""
    try:
        names = sorted(os.listdir(os.path.expanduser(folder)))
    except OSError:
        return []
    return [name[: -len(ending)] for name in names if name.startswith(beginning) and name.endswith(ending)]


def must_be_writable(path: str, option: str) -> None:
    """Raises BadInput naming the option where the file could not be written."""
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise BadInput(f"{option} is {path}, but no file can be written there; give a path in a folder that exists and is ours")


def write_secret(path: str, secret: Secret, option: str) -> None:
    """Write it with mode 0600, whole or not at all. Raises BadInput naming the option."""
    try:
        write_private(path, (secret.reveal() + "\n").encode("utf-8"))
    except OSError as error:
        raise BadInput(f"{option} is {path}, which cannot be written: {error.strerror}") from None


def write_private(path: str, data: bytes) -> None:
    """Write it with mode 0600, whole or not at all, and remove what writes of this file left behind that were killed. Raises OSError."""
    sweep(path)
    folder, name = os.path.split(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=_beginning(name))
    try:
        with os.fdopen(handle, "wb") as file:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        _remove(temporary)


def sweep(path: str) -> None:
    """Remove what writes of this file left behind: each is locked as long as its writer lives."""
    for one in leftovers(path):
        with suppress(OSError), open(one, "rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime > NEWBORN:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(one)


def leftovers(path: str) -> list[str]:
    """What writes of this file left behind, or are at."""
    folder, name = os.path.split(os.path.abspath(path))
    try:
        return [os.path.join(folder, one) for one in sorted(os.listdir(folder)) if one.startswith(_beginning(name))]
    except OSError:
        return []


def _beginning(name: str) -> str:
    return f".{name}.serverops-"


def kept_file(text: str) -> str:
    """The path of a file with that text for a library that wants one, readable by its owner only, removed when the process ends."""
    handle, path = tempfile.mkstemp(prefix="serverops-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    atexit.register(_remove, path)
    return path


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
