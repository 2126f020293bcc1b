# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of small files that several runs share: each whole or not there, readable by all, written by its owner alone."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused

HIDDEN = ".serverops-"  # how files begin that are being written
LARGEST = 1_000_000


class Folder:
    """The files of a folder whose names end so. It is made with its first file."""

    def __init__(self, path: str, suffix: str) -> None:
        self._path, self._suffix = path, suffix

    def texts(self) -> dict[str, str]:
        """Text of each file by name; empty where there is no folder."""
        names: list[str] = []
        with self._at("list"), suppress(FileNotFoundError):
            names = sorted(os.listdir(self._path))
        found = {}
        for name in names:
            text = self._read(name) if name.endswith(self._suffix) and not name.startswith(".") else None
            if text is not None:
                found[name] = text
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among those who lock it: for a look and what is written because of it. Makes the folder."""
        with self._at("write to"):
            self._make()
            handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def put(self, name: str, text: str) -> None:
        """Write it whole, in place of what was there. Inside `locked`."""
        with self._at("write to"):
            handle, temporary = tempfile.mkstemp(dir=self._path, prefix=HIDDEN)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fchmod(file.fileno(), 0o644)
                    os.fsync(file.fileno())
                os.replace(temporary, os.path.join(self._path, name))
            except OSError:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
            self._sync()

    def remove(self, name: str) -> None:
        """Remove it where it is there. Inside `locked`."""
        if os.path.basename(name) != name:
            raise Refused(f"{name!r} is no name of a file in {self._path}")
        with self._at("write to"), suppress(FileNotFoundError):
            os.unlink(os.path.join(self._path, name))
            self._sync()

    def _read(self, name: str) -> Optional[str]:
        path = os.path.join(self._path, name)
        if not os.path.isfile(path):
            return None
        try:
            with self._at("read in"), suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
                return file.read(LARGEST)
        except UnicodeDecodeError:
            raise Refused(f"{path} holds no text") from None
        return None

    def _make(self) -> None:
        """The folder, and those above it that are missing, 0755 whatever the umask; refused where others could put files into it."""
        missing = []
        here = self._path
        while not os.path.lexists(here):
            missing.append(here)
            here = os.path.dirname(here)
        for path in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(path, 0o755)
                os.chmod(path, 0o755)
        found = os.lstat(self._path)
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022 or found.st_uid != os.geteuid():
            raise Refused(f"{self._path} must be a folder of the user that runs this, which nobody else may write to (0755), and no symbolic link")

    def _sync(self) -> None:
        handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def _at(self, act: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Refused(f"cannot {act} {self._path}: {error.strerror}") from None
