# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local port whose connections are carried to a far place over channels of some road: one channel for each connection."""

from __future__ import annotations

import atexit
import os
import selectors
import socket
import threading
from collections import deque
from typing import Callable, Optional, Protocol

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError

LOOPBACK = "127.0.0.1"
SIZE = 65536
IDLE = 20.0  # s without a byte after which a channel may show that it lives: balancers drop what is silent for a minute
GOODBYE = 3.0  # s for the connections to end when the forward is closed


class Channel(Protocol):
    """One way to the far place. All calls come from one thread."""

    def fileno(self) -> int:
        """Readable when something came."""

    def pending(self) -> bool:
        """Whether something came that `fileno` does not show."""

    def receive(self) -> Optional[bytes]:
        """What came; empty where the far side has ended, None where there was nothing for us in it."""

    def send(self, data: bytes) -> None:
        """Raises OSError where the channel is broken."""

    def idle(self) -> None:
        """Nothing passed for a while."""

    def close(self) -> Optional[CollectionError]:
        """End it; returns why it broke, None where it did not."""


class Forward:
    """Listens on a port of the loopback that the system chooses, for connections of this very user, until `close` or the end of the process.

    `dial` makes a channel or raises what hinders it; at most `most` channels stand at once, a further connection waits for its turn.
    A connection whose channel cannot be made, or breaks, is closed; `failure` then says why.
    """

    def __init__(self, dial: Callable[[], Channel], most: int = 4) -> None:
        self._dial = dial
        self._slots = threading.BoundedSemaphore(most)
        self._failures: deque[CollectionError] = deque(maxlen=1)
        self._near: dict[socket.socket, threading.Thread] = {}
        self._closed = threading.Event()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=16)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, name="forward", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # a module ends by sys.exit, whatever happened in it

    def __enter__(self) -> Forward:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End every connection and the port; harmless when repeated."""
        if self._closed.is_set():
            return
        self._closed.set()
        atexit.unregister(self.close)
        _poke(self.port)
        self._thread.join(GOODBYE)
        for near, thread in list(self._near.items()):
            _hang_up(near)  # its thread sees the end, and ends the channel
            thread.join(GOODBYE)

    def forget(self) -> None:
        """What failed so far is no longer asked about."""
        self._failures.clear()

    def failure(self) -> Optional[CollectionError]:
        """Why the last connection came to nothing, told once; None where the road is not to blame."""
        try:
            return self._failures.pop()
        except IndexError:
            return None

    def _listen(self) -> None:
        with self._listener:
            while True:
                near, peer = self._listener.accept()
                if self._closed.is_set():
                    near.close()
                    return
                if not is_own_connection(peer[1], self.port):
                    near.close()
                    continue
                thread = threading.Thread(target=self._carry, args=(near,), name="forward", daemon=True)
                self._near[near] = thread
                thread.start()

    def _carry(self, near: socket.socket) -> None:
        try:
            with self._slots:
                self._through_channel(near)
        except CollectionError as error:
            self._failures.append(error)
        finally:
            self._near.pop(near, None)
            near.close()

    def _through_channel(self, near: socket.socket) -> None:
        if self._closed.is_set():
            return
        channel = self._dial()
        why: Optional[CollectionError] = None
        try:
            ended_by_us = _pump(near, channel)
        finally:
            why = channel.close()
        if why and not ended_by_us:  # told before the connection is closed: whoever sees that asks at once
            raise why


def _pump(near: socket.socket, channel: Channel) -> bool:
    """Carry bytes both ways until one side ends; tells whether that was the near one. HTTP closes whole connections, so half of one is of no use."""
    far = channel.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(near, selectors.EVENT_READ)
        selector.register(far, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _events in selector.select(0 if channel.pending() else IDLE)}
            try:
                if near in ready and not _to_far(near, channel):
                    return True
                if not ready and not channel.pending():
                    channel.idle()
                if (far in ready or channel.pending()) and not _to_near(channel, near):
                    return False
            except ConnectionAbortedError:
                return True
            except OSError:
                return False


def _to_far(near: socket.socket, channel: Channel) -> bool:
    """One piece; false where the near side has ended."""
    try:
        data = near.recv(SIZE)
    except OSError:
        return False
    if data:
        channel.send(data)
    return bool(data)


def _to_near(channel: Channel, near: socket.socket) -> bool:
    """One piece; false where the far side has ended."""
    data = channel.receive()
    try:
        near.sendall(data or b"")
    except OSError:
        raise ConnectionAbortedError from None
    return data != b""


def _hang_up(near: socket.socket) -> None:
    try:
        near.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has ended by itself
        return


def _poke(port: int) -> None:
    """Wake who waits for connections."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:  # nobody waits any more
        return


def is_own_connection(peer: int, listener: int) -> bool:
    """Whether a connection to our port comes from a process of our own user: others on this machine must not get to the far place through us.

    Where the system does not tell (no Linux), every connection is taken.
    """
    try:
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = table.readlines()[1:]
    except OSError:
        return True
    return owner_of(rows, peer, listener) == os.geteuid()


def owner_of(rows: list[str], peer: int, listener: int) -> Optional[int]:
    """User id of the connection from port `peer` to `listener`, by the lines of /proc/net/tcp; None where there is none."""
    for row in rows:
        fields = row.split()
        if len(fields) > 7 and fields[1].endswith(f":{peer:04X}") and fields[2].endswith(f":{listener:04X}"):
            return int(fields[7])
    return None
