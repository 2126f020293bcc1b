# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels through the system's ssh client: one process for each, which dies with its connection or with us."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.transport.login import Login, argv, failure

SIZE = 65536
LAST_WORDS = 2.0  # s for ssh to say why it ends, once its output is closed
SECRETS = ("NOMAD_", "K8S_AUTH_")  # of no use to ssh


def dial(login: Login, target: str, timeout: float) -> SshChannel:
    """A channel to `target` ("host:port" seen from the login's host); returns before it stands."""
    if shutil.which("ssh") is None:
        raise BadInput("ssh_forward needs the ssh client where the module runs, and there is none on PATH; install openssh-client (openssh-clients)")
    return SshChannel(login, target, timeout)


class SshChannel:
    """The process reads our pipe and writes into the other. If we are killed, Linux ends it with us; elsewhere the end of its input does, when
    the far side answers it."""

    def __init__(self, login: Login, target: str, timeout: float) -> None:
        self._login, self._target = login, target
        # Without a name on any disk: nothing is left when we are killed.
        self._words = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [*_dying_with_us(), *argv(login, target, timeout)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env={**{name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}, "LC_ALL": "C"},
            bufsize=0,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("both are pipes")
        self._to, self._from = self._process.stdin, self._process.stdout
        self._over = False

    def fileno(self) -> int:
        return self._from.fileno()

    def pending(self) -> bool:
        return False

    def receive(self) -> Optional[bytes]:
        data = os.read(self._from.fileno(), SIZE)
        self._over = not data
        return data

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._to.fileno(), rest) :]
            except OSError:
                self._over = True
                raise

    def idle(self) -> None:
        """ssh asks by itself (ServerAliveInterval)."""

    def close(self) -> Optional[CollectionError]:
        """End the process; why it ended before, where it did so with an error."""
        try:
            code = self._process.wait(LAST_WORDS if self._over else 0)
        except subprocess.TimeoutExpired:
            code = 0
            self._end()
        self._to.close()
        self._from.close()
        self._words.seek(0)
        text = self._words.read(SIZE).decode("utf-8", "replace")
        self._words.close()
        return failure(self._login, self._target, text) if code else None

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@cache
def _dying_with_us() -> tuple[str, ...]:
    """util-linux's way (from 2.33; RHEL 8 and busybox have an older one) to ask Linux for a signal when the thread that started the process is no more."""
    if shutil.which("setpriv") is None:
        return ()
    told = subprocess.run(["setpriv", "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return ("setpriv", "--pdeathsig", "TERM") if b"--pdeathsig" in told.stdout else ()
