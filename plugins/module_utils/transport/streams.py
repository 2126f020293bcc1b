# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer that goes on and on: read in pieces by one thread, its patience set and its connection ended by others. Over urllib3's response."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, Optional

PIECE = 65536


class Stream:
    """The body of an answer of urllib3 that was asked for with preload_content=False."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._socket = _socket_of(response)

    def pieces(self) -> Iterator[bytes]:
        """What comes, as it comes. Raises urllib3's HTTPError where the connection breaks, and ends where the other side ended it."""
        yield from self._response.read_chunked(PIECE) if self._response.chunked else self._response.stream(1)

    def be_patient(self, seconds: float) -> None:
        """Silence longer than that is a break, from now on."""
        if self._socket is not None and self._socket.fileno() >= 0:
            self._socket.settimeout(seconds)

    def end(self) -> None:
        """From any thread: whoever reads sees the end at once."""
        if self._socket is None:
            return
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has ended by itself
            return

    def close(self) -> None:
        """By the reading thread: nothing is left of the connection."""
        self._response.close()


def _socket_of(response: Any) -> Optional[socket.socket]:
    """The socket below; http.client has handed it to the body where the other side closes after it."""
    connection = getattr(response, "_connection", None)
    found = getattr(connection, "sock", None)
    if found is None:
        below = getattr(getattr(getattr(response, "_fp", None), "fp", None), "raw", None)
        found = getattr(below, "_sock", None)
    return found if hasattr(found, "settimeout") else None
