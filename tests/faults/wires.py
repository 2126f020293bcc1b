# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wire to a port of the loopback whose present connections can fall silent without ending, as those through a balancer that lost its far side."""

from __future__ import annotations

import contextlib
import socket
import threading

SIZE = 65536


class Wire:
    """Carries what comes to `url` to `port`."""

    def __init__(self, port: int) -> None:
        self._port, self._hung, self._all = port, set[socket.socket](), list[socket.socket]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def hang(self) -> None:
        """Nothing passes any more over the connections that there are; new ones are carried."""
        self._hung.update(self._all)

    def close(self) -> None:
        self._listener.close()
        for one in self._all:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _listen(self) -> None:
        while True:
            try:
                near, _peer = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            self._all += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(SIZE):
                if one not in self._hung:
                    other.sendall(data)
            if one not in self._hung:
                other.shutdown(socket.SHUT_WR)
