# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host name resolves to, by the system's resolver or by one that is named, and whether anybody listens at an address."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
import struct
from contextlib import closing
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, Unreachable

A, CNAME, AAAA, IN = 1, 5, 28, 1
NO_SUCH_NAME = 3
TRUNCATED = 0x0200
TRIES, PATIENCE = 3, 2.0  # s for each
GONE = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
ENDPOINT = re.compile(r"\[([^\]]*)\](?::([0-9]+))?|([^:]*):([0-9]+)")


@dataclass(frozen=True)
class Resolved:
    """The addresses of a name, and the names that it stands for on the way (CNAME), where the resolver tells."""

    addresses: tuple[str, ...]
    through: tuple[str, ...] = ()


def resolve(name: str, resolver: str = "") -> Resolved:
    """Both kinds of addresses. Raises NotFound where there is no such name or no address of it, Unreachable where no answer came."""
    return _asked(name, endpoint(resolver)) if resolver else _by_the_system(name)


def listens(address: str, port: int, timeout: float) -> str:
    """Why nobody can be reached at an address; empty where somebody can. Nothing is sent."""
    try:
        with closing(socket.create_connection((address, port), timeout)):
            return ""
    except socket.timeout:
        return "no answer in time"
    except OSError as error:
        return str(error.strerror or error)


def endpoint(text: str) -> tuple[str, int]:
    """Address and port of a resolver: 192.0.2.1, 192.0.2.1:53, 2001:db8::1 or [2001:db8::1]:53. Raises BadInput."""
    found = ENDPOINT.fullmatch(text)
    host, port = (found.group(1) or found.group(3), found.group(2) or found.group(4)) if found else (text, "")
    try:
        address, number = str(ipaddress.ip_address(host)), int(port or 53)
    except ValueError:
        raise BadInput(f"resolver is {text!r}, but it must be an address such as 192.0.2.53, with a port behind it if that is not 53") from None
    if not 0 < number < 65536:
        raise BadInput(f"resolver is {text!r}, but {number} is no port")
    return address, number


def _by_the_system(name: str) -> Resolved:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except socket.gaierror as error:
        if error.errno in GONE:
            raise NotFound(f"{name} does not exist, or has no address") from None
        raise Unreachable(f"the system's resolver gave no answer about {name} ({error.strerror})") from None
    except UnicodeError:
        raise BadInput(f"{name!r} is no host name") from None
    through = tuple(one[3].lower().rstrip(".") for one in found if one[3] and one[3].lower().rstrip(".") != name.lower().rstrip("."))
    return Resolved(tuple(dict.fromkeys(str(one[4][0]) for one in found)), through)


# -- one resolver, asked by ourselves: the libraries' way leads to those of the system alone ------------------------


def _asked(name: str, server: tuple[str, int]) -> Resolved:
    found = [_answer(name, kind, server) for kind in (A, AAAA)]
    addresses = tuple(text for one in found for text in one.addresses)
    if not addresses:
        raise NotFound(f"{name} does not exist, or has no address")
    return Resolved(addresses, tuple(dict.fromkeys(text for one in found for text in one.through)))


def _answer(name: str, kind: int, server: tuple[str, int]) -> Resolved:
    asked = secrets.randbelow(65536)
    query = _query(asked, name, kind)
    for _try in range(TRIES):
        try:
            got = _datagram(query, server)
            if len(got) > 4 and struct.unpack_from("!H", got, 2)[0] & TRUNCATED:
                got = _stream(query, server)
            return _parsed(got, asked)
        except (OSError, ValueError, struct.error, IndexError):
            continue
    raise Unreachable(f"the resolver {server[0]} port {server[1]} gave no usable answer about {name}")


def _query(asked: int, name: str, kind: int) -> bytes:
    try:
        labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    except UnicodeError:
        raise BadInput(f"{name!r} is no host name") from None
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack("!HH", kind, IN)
    return struct.pack("!HHHHHH", asked, 0x0100, 1, 0, 0, 0) + question  # recursion desired, one question


def _datagram(query: bytes, server: tuple[str, int]) -> bytes:
    with closing(socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)) as wire:
        wire.settimeout(PATIENCE)
        wire.connect(server)  # answers of others are not taken
        wire.send(query)
        return wire.recv(4096)


def _stream(query: bytes, server: tuple[str, int]) -> bytes:
    with closing(socket.create_connection(server, PATIENCE)) as wire:
        wire.sendall(struct.pack("!H", len(query)) + query)
        with wire.makefile("rb") as held:
            return held.read(struct.unpack("!H", held.read(2))[0])


def _parsed(got: bytes, asked: int) -> Resolved:
    """Raises ValueError for what is no answer to our question: another's, or the resolver's own failure."""
    number, flags, questions, answers = struct.unpack_from("!HHHH", got)
    if number != asked or not flags & 0x8000:
        raise ValueError("not an answer to this")
    if flags & 15 == NO_SUCH_NAME:
        return Resolved(())
    if flags & 15:
        raise ValueError("the resolver failed")
    at = 12
    for _question in range(questions):
        at = _name(got, at)[1] + 4
    addresses: list[str] = []
    through: list[str] = []
    for _row in range(answers):
        at = _name(got, at)[1]
        kind, _class, _ttl, size = struct.unpack_from("!HHIH", got, at)
        at += 10
        text = _record(got, at, kind, size)
        if text:
            (through if kind == CNAME else addresses).append(text)
        at += size
    return Resolved(tuple(addresses), tuple(through))


def _record(got: bytes, at: int, kind: int, size: int) -> Optional[str]:
    if kind in (A, AAAA):
        return str(ipaddress.ip_address(got[at : at + size]))
    return _name(got, at)[0] if kind == CNAME else None


def _name(got: bytes, at: int) -> tuple[str, int]:
    """A name, and where it ends. Parts of it may stand elsewhere, always before: a ring ends the reading."""
    labels, end, hops = [], 0, 0
    while got[at]:
        if got[at] >= 192:
            end = end or at + 2
            at = struct.unpack_from("!H", got, at)[0] & 0x3FFF
            hops += 1
            if hops > 64:
                raise ValueError("a name that leads in a ring")
            continue
        labels.append(got[at + 1 : at + 1 + got[at]].decode("ascii"))
        at += 1 + got[at]
    return ".".join(labels).lower(), end or at + 1
