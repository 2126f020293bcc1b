# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls to the operating system by which a file is changed, each in one place: a test puts others here that fail, or die, at a chosen one."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from contextlib import suppress
from typing import Optional

GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of linux/fs.h
IMMUTABLE, APPEND_ONLY = 0x10, 0x20
WITHOUT = (errno.ENOTSUP, errno.ENOSYS, errno.ENODATA)  # a file system that keeps no such attributes


class System:
    """Linux."""

    def lock(self, folder: int) -> bool:
        """Lock an open folder, or say that somebody else has it."""
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def create(self, name: str, folder: int) -> int:
        """A new file that only its owner can read."""
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)

    def write(self, handle: int, data: bytes) -> int:
        """Write some of it, and say how much."""
        return os.write(handle, data)

    def own(self, handle: int, uid: int, gid: int) -> None:
        """Owner and group."""
        os.fchown(handle, uid, gid)

    def allow(self, handle: int, mode: int) -> None:
        """The bits of the mode."""
        os.fchmod(handle, mode)

    def label(self, handle: int, name: str, value: Optional[bytes]) -> None:
        """An extended attribute: an ACL, a label of SELinux, one of a user. None takes it away, as an ACL that the folder gave to a new file."""
        if value is None:
            os.removexattr(handle, name)
        else:
            os.setxattr(handle, name, value)

    def sync(self, handle: int) -> None:
        """Onto the disk."""
        os.fsync(handle)

    def rename(self, name: str, to: str, folder: int) -> None:
        """In place of what was there, at once."""
        os.rename(name, to, src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, name: str, folder: int) -> None:
        """Take a file away."""
        os.unlink(name, dir_fd=folder)

    def make_folder(self, path: str) -> None:
        """0755, whatever the umask."""
        os.mkdir(path, 0o755)
        os.chmod(path, 0o755)


def labels(handle: int) -> dict[str, bytes]:
    """The extended attributes of an open file; those that nobody may read are left out."""
    names: list[str] = []
    with suppress(OSError):
        names = os.listxattr(handle)
    found = {}
    for name in names:
        with suppress(OSError):
            found[name] = os.getxattr(handle, name)
    return found


def flags(handle: int) -> int:
    """The flags that chattr sets; 0 where the file system has none."""
    try:
        return int(struct.unpack("=Q", fcntl.ioctl(handle, GET_FLAGS, b"\0" * 8))[0])
    except OSError:
        return 0
