"""A name server on the loopback that knows the names it is given: UDP, and TCP for answers that it calls too long."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import ipaddress
import socketserver
import struct
import threading
from collections.abc import Callable
from typing import Any

A, CNAME, AAAA, IN = 1, 5, 28, 1
REFUSED, NO_SUCH_NAME, SERVER_FAILED = 5, 3, 2
TTL = 60


class Resolver:
    """`names`: name -> addresses, or the one name it stands for. `dead`: it says nothing. `fails`: an error of its own. `long`: each answer needs TCP.

    `mangle` may spoil the bytes of an answer.
    """

    def __init__(self, names: dict[str, list[str] | str] | None = None) -> None:
        self.names = dict(names or {})
        self.dead = self.fails = self.long = False
        self.mangle: Callable[[bytes], bytes] = lambda raw: raw
        self.asked: list[tuple[str, int]] = []
        self._udp = _Udp(("127.0.0.1", 0), _Datagram)
        self._tcp = _Tcp(self._udp.server_address, _Stream)  # type: ignore[arg-type]
        for server in (self._udp, self._tcp):
            server.owner = self
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """As the option `resolver` takes it."""
        return f"127.0.0.1:{self._udp.server_address[1]}"

    def stop(self) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()

    def answer(self, query: bytes, whole: bool) -> bytes | None:
        if self.dead:
            return None
        number = query[:2]
        name, end = _name(query)
        kind = struct.unpack_from("!H", query, end)[0]
        self.asked.append((name, kind))
        question = query[12 : end + 4]
        if self.fails:
            return self.mangle(number + struct.pack("!HHHHH", 0x8180 | SERVER_FAILED, 1, 0, 0, 0) + question)
        if self.long and not whole:
            return self.mangle(number + struct.pack("!HHHHH", 0x8380, 1, 0, 0, 0) + question)
        rows, known = self._rows(name, kind)
        head = struct.pack("!HHHHH", 0x8180 | (0 if known else NO_SUCH_NAME), 1, len(rows), 0, 0)
        return self.mangle(number + head + question + b"".join(rows))

    def _rows(self, name: str, kind: int) -> tuple[list[bytes], bool]:
        """The first owner is the question's name, by a pointer to it."""
        rows, owner, found = [], b"\xc0\x0c", self.names.get(name)
        known = found is not None
        while isinstance(found, str):
            target = _packed(found)
            rows.append(owner + struct.pack("!HHIH", CNAME, IN, TTL, len(target)) + target)
            owner, found = target, self.names.get(found)
        for text in found or ():
            address = ipaddress.ip_address(text)
            if (address.version == 4) == (kind == A):
                rows.append(owner + struct.pack("!HHIH", kind, IN, TTL, len(address.packed)) + address.packed)
        return rows, known


def _packed(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _name(query: bytes) -> tuple[str, int]:
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), at + 1


class _Udp(socketserver.ThreadingUDPServer):
    owner: Resolver
    daemon_threads = True
    block_on_close = False


class _Tcp(socketserver.ThreadingTCPServer):
    owner: Resolver
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


class _Datagram(socketserver.BaseRequestHandler):
    server: Any

    def handle(self) -> None:
        query, wire = self.request
        said = self.server.owner.answer(query, whole=False)
        if said is not None:
            wire.sendto(said, self.client_address)


class _Stream(socketserver.BaseRequestHandler):
    server: Any

    def handle(self) -> None:
        size = struct.unpack("!H", self.request.recv(2))[0]
        said = self.server.owner.answer(self.request.recv(size), whole=True)
        if said is not None:
            self.request.sendall(struct.pack("!H", len(said)) + said)
