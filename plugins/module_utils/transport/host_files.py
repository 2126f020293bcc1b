# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a managed host: seen with owner, mode and what stands in the way of a change, and changed whole, under a lock, with all that they had.

A symbolic link is followed, and its target changed, where nobody but us and root could have put something else there: every folder above the target
belongs to one of us, and nobody else may write to it. A file with two names (hard links) is not changed, since only one of them would be.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_system import APPEND_ONLY, IMMUTABLE, WITHOUT, System, flags, labels

LARGEST = 4_000_000  # bytes of a file that is read
PATIENCE, PAUSE = 20.0, 0.02  # s for a lock that somebody else has
SEEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
REASONS = {
    errno.ENOSPC: "its disk is full; make room there",
    errno.EDQUOT: "the quota of its disk is used up; make room there",
    errno.EROFS: "it is on a file system that is mounted read-only; mount it for writing",
    errno.EBUSY: "something is mounted on it (a container's file); change it where it comes from",
    errno.EACCES: "we may not; run as root (become)",
    errno.EPERM: "the system does not allow it; run as root (become), and look at it with lsattr",
}


@dataclass(frozen=True)
class Access:
    """Owner, group and mode as they are asked for; None: as they are, for a new file ours and 0644."""

    mode: Optional[int] = None
    uid: Optional[int] = None
    gid: Optional[int] = None


@dataclass(frozen=True)
class Found:
    """A file as it is; `data` is None where there is none. `hindrance` says why it must not, or cannot, be changed."""

    path: str
    data: Optional[bytes] = None
    access: Access = Access(0o644)
    hindrance: str = ""

    def has(self, asked: Access) -> bool:
        """Whether owner, group and mode are as asked."""
        pairs = ((asked.mode, self.access.mode), (asked.uid, self.access.uid), (asked.gid, self.access.gid))
        return all(wanted is None or wanted == found for wanted, found in pairs)


Change = Callable[[Optional[bytes]], Optional[bytes]]


class HostFiles:
    """The files of this host."""

    def __init__(self, system: Optional[System] = None) -> None:
        self._system = system or System()

    def look(self, path: str) -> Found:
        """The file as it is. Raises NotPermitted where it cannot be read."""
        where = os.path.realpath(path)
        hindrance = _unsafe(path, where)
        with _failing(path, "read"):
            try:
                handle = os.open(where, SEEN)
            except FileNotFoundError:
                return Found(path, hindrance=hindrance)
            try:
                return _seen(path, handle, hindrance)
            finally:
                os.close(handle)

    def changed(self, path: str) -> float:
        """When a file or folder was changed last, in seconds of the epoch; 0 where there is none."""
        try:
            return os.stat(path).st_mtime
        except FileNotFoundError:
            return 0.0

    def update(self, path: str, change: Change, asked: Access = Access()) -> None:
        """Give it the content that `change` makes of what is there when nobody else can write (None: no file), with owner, mode, ACL and label kept.

        Raises NotPermitted; the file is then as it was.
        """
        where = os.path.realpath(path)
        folder, name = os.path.split(where)
        unsafe = _unsafe(path, where)
        if unsafe:  # before a folder is made there
            raise NotPermitted(unsafe)
        with _failing(path, "changed"):
            self._make(folder)
            with self._locked(path, folder) as opened:
                found = self.look(path)
                if found.hindrance:
                    raise NotPermitted(found.hindrance)
                data = change(found.data)
                if data is None and found.data is not None:
                    self._system.remove(name, opened)
                elif data is not None and (data != found.data or not found.has(asked)):
                    self._replace(where, data, asked, opened)
                else:
                    return
                with _failing(path, "made safe on its disk"):
                    self._system.sync(opened)

    def _replace(self, where: str, data: bytes, asked: Access, opened: int) -> None:
        name = os.path.basename(where)
        prefix = f".{name}.serverops-"
        for left in os.listdir(opened):  # by runs that were killed: whoever writes one has the lock, and that is us
            if left.startswith(prefix):
                self._system.remove(left, opened)
        temporary = prefix + secrets.token_hex(6)
        handle = self._system.create(temporary, opened)
        try:
            self._fill(handle, data)
            self._dress(handle, where, asked)
            self._system.sync(handle)
            self._system.rename(temporary, name, opened)
        except OSError:
            with suppress(OSError):
                self._system.remove(temporary, opened)
            raise
        finally:
            os.close(handle)

    def _fill(self, handle: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._system.write(handle, bytes(view)) :]

    def _dress(self, handle: int, where: str, asked: Access) -> None:
        """What the old file had, but what is asked otherwise. The owner first: that takes bits off the mode."""
        now, have = os.fstat(handle), labels(handle)
        uid, gid, mode, old = now.st_uid, now.st_gid, 0o644, have
        with suppress(FileNotFoundError):
            before = os.open(where, SEEN)
            try:
                found, old = os.fstat(before), labels(before)
            finally:
                os.close(before)
            uid, gid, mode = found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)
        wanted = (uid if asked.uid is None else asked.uid, gid if asked.gid is None else asked.gid)
        if wanted != (now.st_uid, now.st_gid):
            self._system.own(handle, *wanted)
        for name in sorted({**old, **have}):
            if have.get(name) != old.get(name):
                self._label(handle, name, old.get(name))
        self._system.allow(handle, mode if asked.mode is None else asked.mode)

    def _label(self, handle: int, name: str, value: Optional[bytes]) -> None:
        try:
            self._system.label(handle, name, value)
        except OSError as error:
            if error.errno not in WITHOUT:
                raise

    def _make(self, folder: str) -> None:
        missing = []
        while not os.path.lexists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for path in reversed(missing):
            with suppress(FileExistsError):
                self._system.make_folder(path)

    @contextmanager
    def _locked(self, path: str, folder: str) -> Iterator[int]:
        opened = os.open(folder, FOLDER)
        try:
            waited = 0.0
            while not self._system.lock(opened):
                if waited >= PATIENCE:
                    raise NotPermitted(f"{path} is being changed by somebody else for {PATIENCE:g} s; run this again when that has ended")
                time.sleep(PAUSE)
                waited += PAUSE
            yield opened
        finally:
            os.close(opened)


@contextmanager
def _failing(path: str, act: str) -> Iterator[None]:
    """What the system says, as a sentence."""
    try:
        yield
    except OSError as error:
        why = REASONS.get(error.errno or 0, str(error.strerror))
        kept = "; it is as it was" if act == "changed" else ""
        raise NotPermitted(f"{path} cannot be {act}: {why}{kept}") from None


def _seen(path: str, handle: int, hindrance: str) -> Found:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
        raise NotPermitted(f"{path} is {kind}; give the path of a file, or take it out of the way")
    data = b""
    while len(data) <= LARGEST:
        some = os.read(handle, LARGEST)
        if not some:
            break
        data += some
    if len(data) > LARGEST:
        raise NotPermitted(f"{path} is larger than {LARGEST} bytes, which no file of this kind is; look at what it holds")
    access = Access(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
    return Found(path, data, access, hindrance or _fixed(path, handle, found.st_nlink))


def _fixed(path: str, handle: int, names: int) -> str:
    """Why an open file must not be changed; empty where it may."""
    if flags(handle) & (IMMUTABLE | APPEND_ONLY):
        return f"{path} is immutable or for appending only; take that off it (chattr -i -a {path})"
    if names > 1:
        return f"{path} has {names} names (hard links), and a change would reach this one alone; give it a copy of its own (cp -p, mv), or remove the others"
    return ""


def _unsafe(path: str, where: str) -> str:
    """Why the target of a symbolic link must not be written: somebody else could have put it there."""
    if where == os.path.abspath(path):
        return ""
    here = os.path.dirname(where)
    nearest = True
    while True:
        if os.path.lexists(here):
            found = os.stat(here)
            open_to_all = found.st_mode & 0o022 and (nearest or not found.st_mode & stat.S_ISVTX)
            if open_to_all or found.st_uid not in (0, os.geteuid()):
                return f"{path} leads to {where}, and others than us may write to {here}; put the file in place of the link, or close that folder (chmod go-w)"
            nearest = False
        if here == os.path.dirname(here):
            return ""
        here = os.path.dirname(here)
