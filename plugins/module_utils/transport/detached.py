# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that outlives whoever started it: its own session, its log and its lock in a private folder; as long as it lives, it holds the lock."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.transport.files import leftovers, write_secret

BASICS = ("PATH", "HOME", "LANG", "LC_", "TMPDIR")  # what any program needs of an environment
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
LONGEST_TAIL = 20_000  # bytes of the log that are read
OPTION = "log_directory"
GONE_WITH_IT = '"$@"; code=$?; rm -f -- "$0"; exit $code'  # what is kept for it goes when it ends, whoever still watches
BOOT = Path("/proc/sys/kernel/random/boot_id")


def place() -> str:
    """This machine since it was switched on: who is elsewhere, or was here before a boot, is not asked by our locks."""
    with suppress(OSError):
        return f"{socket.gethostname()}/{BOOT.read_text().strip()[:8]}"
    return socket.gethostname()


def whose(folder: str) -> str:
    """Short, for beside a place: our locks tell nothing of programs of another user, or of those whose locks are in another folder."""
    path = os.path.realpath(os.path.expanduser(folder))
    return f"{os.getuid()}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


def check_folder(folder: str, option: str = OPTION) -> None:
    """Raises BadInput where the folder is there and is not for us alone. Makes nothing."""
    path = os.path.expanduser(folder)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadInput(f"{option} is {folder}, which cannot be looked at: {error.strerror}; give a folder of ours") from None
    if not os.path.isdir(path) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise BadInput(f"{option} is {folder}, which is no folder of ours alone; give one with mode 0700")


def make_folder(folder: str, option: str = OPTION) -> None:
    """Make it, for us alone. Raises BadInput where that cannot be."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{option} is {folder}, which cannot be made: {error.strerror}; give a folder of ours") from None
    check_folder(folder, option)


class Detached:
    """One program, known by a name that stays the same over runs."""

    def __init__(self, folder: str, name: str, ending: str = "kubeconfig", option: str = OPTION) -> None:
        self._base, self._ending = os.path.join(os.path.expanduser(folder), name), ending
        self._folder, self._option = os.path.expanduser(folder), option
        self._child: Optional[subprocess.Popen[bytes]] = None

    @property
    def log(self) -> str:
        """Path of what it says."""
        return f"{self._base}.log"

    @property
    def kept(self) -> str:
        """Path of the file that is kept for it while it lives."""
        return f"{self._base}.{self._ending}"

    def start(self, argv: Sequence[str], environment: Mapping[str, str], kept: Optional[Secret] = None) -> None:
        """Start it, in a session of its own; no terminal, no secret in its arguments. Raises Refused where it lives already, or cannot be started."""
        make_folder(self._folder, self._option)
        lock = self._locked()
        if lock < 0:
            raise Refused(f"{os.path.basename(argv[0])} runs already, as {self._base}.lock tells")
        try:
            if kept is not None:
                write_secret(self.kept, kept, self._option)
                argv = ["/bin/sh", "-c", GONE_WITH_IT, self.kept, *argv]
            self._child = self._born(list(argv), dict(environment), lock)
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{self._child.pid}\n".encode(), 0)
        except OSError as error:
            raise Refused(f"{argv[0]} cannot be started: {error.strerror}") from None
        finally:
            os.close(lock)

    def is_alive(self) -> bool:
        """Whether it, or a child of its own, still runs."""
        if self._child is not None:
            self._child.poll()  # so that a dead one is no zombie of ours
        if not os.path.exists(f"{self._base}.lock"):
            return False
        lock = self._locked()
        if lock >= 0:
            os.close(lock)
        return lock < 0

    def end(self) -> None:
        """End it with all its session; nothing happens where it does not live."""
        if not self.is_alive():
            return
        with suppress(OSError, ValueError), open(f"{self._base}.lock", encoding="utf-8") as file:
            pid = int(file.read())
            if pid > 1:
                os.killpg(pid, signal.SIGTERM)
        with suppress(OSError):
            os.unlink(self.kept)

    def tail(self) -> str:
        """The end of what it said; empty where it said nothing."""
        with suppress(OSError), open(self.log, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LONGEST_TAIL))
            return file.read().decode("utf-8", "replace")
        return ""

    def keeps(self) -> bool:
        """Whether what was kept for it is still there."""
        return os.path.exists(self.kept) or bool(leftovers(self.kept))

    def forget(self) -> None:
        """Remove what was kept for it; the log stays."""
        for path in (self.kept, f"{self._base}.lock"):
            with suppress(OSError):
                os.unlink(path)

    def tidy(self) -> None:
        """Remove what one that was killed, with its shell or with the machine, did not. Raises Refused where it lives, so that nobody's is taken away."""
        lock = self._locked()
        if lock < 0:
            raise Refused(f"it runs, as {self._base}.lock tells, and {self.kept} is its own")
        try:
            for path in (*leftovers(self.kept), self.kept):
                with suppress(FileNotFoundError):
                    os.unlink(path)
        except OSError as error:
            raise Refused(f"{self.kept} cannot be removed: {error.strerror}") from None
        finally:
            os.close(lock)

    def _locked(self) -> int:
        """The lock's descriptor, or -1 where another holds it."""
        try:
            lock = os.open(f"{self._base}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadInput(f"{self._option} is {self._folder}, where no file can be made: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return -1
        return lock

    def _born(self, argv: list[str], environment: dict[str, str], lock: int) -> subprocess.Popen[bytes]:
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # The lock goes with the child: whatever happens to us, it is held until the last of its session has ended.
            return subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True, pass_fds=(lock,), cwd=self._folder
            )
        finally:
            os.close(log)


def environment(names: Sequence[str]) -> dict[str, str]:
    """Of our environment what such a program may need: variables whose names begin so."""
    return {name: value for name, value in os.environ.items() if name.startswith(tuple(names))}
