# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local port: bytes both ways, a bound on channels, reasons told once, an end that leaves nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import Callable, Optional

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.transport.forward import Forward, owner_of


class Far:
    """A channel to a far place that is a socket pair; `far` is its other end."""

    def __init__(self, why: Optional[CollectionError] = None) -> None:
        self.near, self.far = socket.socketpair()
        self.why, self.closed = why, False

    def fileno(self) -> int:
        return self.near.fileno()

    def pending(self) -> bool:
        return False

    def receive(self) -> bytes:
        return self.near.recv(65536)

    def send(self, data: bytes) -> None:
        self.near.sendall(data)

    def idle(self) -> None:
        return None

    def close(self) -> Optional[CollectionError]:
        self.closed = True
        self.near.close()
        return self.why


def connected(forward: Forward) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", forward.port), timeout=5)
    made.settimeout(5)
    return made


def soon(check: Callable[[], object]) -> bool:
    ends = time.monotonic() + 5
    while not check() and time.monotonic() < ends:
        time.sleep(0.01)
    return bool(check())


def refuse(error: CollectionError) -> Callable[[], Far]:
    def dial() -> Far:
        raise error

    return dial


def test_bytes_pass_both_ways_and_the_far_end_ends_the_connection() -> None:
    far = Far()
    with Forward(lambda: far) as forward, connected(forward) as near:
        near.sendall(b"question")
        far.far.settimeout(5)
        assert far.far.recv(99) == b"question"
        far.far.sendall(b"x" * 200_000)
        got = b""
        while len(got) < 200_000:
            got += near.recv(65536)
        far.far.close()
        assert near.recv(1) == b"" and soon(lambda: far.closed)
        assert forward.failure() is None


def test_the_near_end_ends_the_channel_and_nobody_is_blamed() -> None:
    far = Far(why=Unreachable("ended by us"))
    with Forward(lambda: far) as forward:
        connected(forward).close()
        assert soon(lambda: far.closed) and forward.failure() is None


def test_why_no_channel_could_be_made_is_told_once_and_before_the_connection_ends() -> None:
    with Forward(refuse(Refused("the host key is another"))) as forward, connected(forward) as near:
        assert near.recv(1) == b""
        found = forward.failure()
        assert isinstance(found, Refused) and str(found) == "the host key is another"
        assert forward.failure() is None


def test_why_a_channel_broke_is_told_and_can_be_forgotten() -> None:
    far = Far(why=Unreachable("it broke"))
    with Forward(lambda: far) as forward, connected(forward) as near:
        near.sendall(b"x")
        assert far.far.recv(1) == b"x"
        far.far.close()
        assert near.recv(1) == b""
        forward.forget()
        assert forward.failure() is None


def test_no_more_channels_than_allowed_stand_at_once_and_the_next_waits_for_its_turn() -> None:
    made: list[Far] = []
    lock = threading.Lock()

    def dial() -> Far:
        with lock:
            made.append(Far())
            return made[-1]

    with Forward(dial, most=2) as forward:
        nears = [connected(forward) for _number in range(3)]
        assert soon(lambda: len(made) == 2)
        time.sleep(0.2)
        assert len(made) == 2
        nears[0].close()
        nears[1].close()
        assert soon(lambda: len(made) == 3)
        nears[2].close()


def test_closing_ends_everything_and_may_be_repeated() -> None:
    far = Far()
    forward = Forward(lambda: far)
    near = connected(forward)
    near.sendall(b"x")
    assert far.far.recv(1) == b"x"
    forward.close()
    forward.close()
    assert near.recv(1) == b"" and far.closed
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", forward.port), timeout=1)
    assert not [thread for thread in threading.enumerate() if thread.name == "forward" and thread.is_alive() and thread is forward._thread]


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 0 100 0 0 10 0
"""


@pytest.mark.parametrize(("peer", "listener", "uid"), [(0xD431, 0x1F90, 1000), (0x1F90, 0xD431, 0), (1, 2, None)])
def test_whose_a_connection_is(peer: int, listener: int, uid: Optional[int]) -> None:
    assert owner_of(TABLE.splitlines()[1:], peer, listener) == uid


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can be somebody else, and only Linux tells who that is")
def test_another_user_of_the_machine_gets_no_channel() -> None:
    made: list[Far] = []
    code = "import os, socket, sys; os.setuid(65534); s = socket.socket(); s.settimeout(5); s.connect(('127.0.0.1', int(sys.argv[1]))); print(s.recv(1))"

    def dial() -> Far:
        made.append(Far())
        return made[-1]

    with Forward(dial) as forward:
        got = subprocess.run([sys.executable, "-c", code, str(forward.port)], capture_output=True, text=True, check=True, timeout=30)
        assert got.stdout.strip() == "b''" and made == []
        connected(forward).close()
        assert soon(lambda: made), "our own comes through"
