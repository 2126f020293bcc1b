"""The websocket of port-forward, as an API server and a kubelet speak it: two streams a port, data and error, each begun by a frame with the port."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import contextlib
import hashlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Mapping

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PROTOCOLS = ("v4.channel.k8s.io",)  # port-forward knows no v5
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
SIZE = 65536


def accepted(headers: Mapping[str, str]) -> list[str] | None:
    """The lines of the 101 answer; None where none of the protocols is ours."""
    offered = [text.strip() for text in headers.get("sec-websocket-protocol", "").split(",")]
    chosen = next((text for text in offered if text in PROTOCOLS), None)
    if chosen is None:
        return None
    key = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + GUID).encode()).digest()).decode()
    return ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {key}", f"Sec-WebSocket-Protocol: {chosen}"]


class Stream:
    """One websocket that leads to one port of a pod; ended by either side, or by `cut` from outside."""

    def __init__(self, near: socket.socket, port: int) -> None:
        self.near, self.port = near, port
        self.over = threading.Event()
        self.pings = 0

    def cut(self) -> None:
        """The pod, or its machine, is gone: no closing frame."""
        self.over.set()
        with contextlib.suppress(OSError):
            self.near.shutdown(socket.SHUT_RDWR)

    def run(self, address: tuple[str, int] | None, pod: str) -> None:
        try:
            for stream in (0, 1):
                self._send(BINARY, bytes([stream]) + struct.pack("<H", self.port))
            self._through(address, pod)
        except OSError:
            return
        finally:
            self.cut()

    def _through(self, address: tuple[str, int] | None, pod: str) -> None:
        try:
            if address is None:
                raise ConnectionRefusedError
            far = socket.create_connection(address, timeout=10)
        except OSError:
            said = f"error forwarding port {self.port} to pod {pod}, uid : failed to connect to localhost:{self.port} inside namespace: connection refused"
            self._send(BINARY, b"\x01" + said.encode())
            self._send(CLOSE, struct.pack(">H", 1000))
            return
        with far:
            while not self.over.is_set():
                waiting = isinstance(self.near, ssl.SSLSocket) and self.near.pending()
                ready = [self.near] if waiting else select.select([self.near, far], [], [], 0.5)[0]
                if far in ready:
                    data = far.recv(SIZE)
                    if not data:
                        self._send(CLOSE, struct.pack(">H", 1000))
                        return
                    self._send(BINARY, b"\x00" + data)
                if self.near in ready and not self._from_near(far):
                    return

    def _from_near(self, far: socket.socket) -> bool:
        code, data = self._receive()
        if code == CLOSE:
            return False
        if code == PING:
            self.pings += 1
            self._send(PONG, data)
        elif code == BINARY and data[:1] == b"\x00":
            far.sendall(data[1:])
        return True

    # --- frames (RFC 6455) ---
    def _send(self, code: int, data: bytes) -> None:
        size = len(data)
        length = bytes([size]) if size < 126 else struct.pack(">BH", 126, size) if size < 65536 else struct.pack(">BQ", 127, size)
        self.near.sendall(bytes([0x80 | code]) + length + data)

    def _receive(self) -> tuple[int, bytes]:
        first, second = self._exactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
        mask = self._exactly(4) if second & 0x80 else b"\0\0\0\0"
        data = bytearray(self._exactly(size))
        for index in range(size):
            data[index] ^= mask[index % 4]
        return first & 0x0F, bytes(data)

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            piece = self.near.recv(size - len(got))
            if not piece:
                raise ConnectionResetError
            got += piece
        return got
