"""The program's own way to a Kubernetes and through its port-forward: a kubeconfig, HTTP, a websocket."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
import os
import random
import re
import socket
import ssl
import struct
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from lab.kots.cli.run import Json, Lost, Unreachable

NOBODY = ("http://localhost:8080", "dial tcp 127.0.0.1:8080: connect: connection refused")
PROTOCOL = "v4.channel.k8s.io"


class Wire:
    """A Cluster as the kubeconfig names it."""

    def __init__(self, path: str | None) -> None:
        self.server, self.token, self.tls = "", "", None
        path = path or os.environ.get("KUBECONFIG", "")
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self._read(yaml.safe_load(file))

    def _read(self, config: Json) -> None:
        context = next(one["context"] for one in config["contexts"] if one["name"] == config["current-context"])
        cluster = next(one["cluster"] for one in config["clusters"] if one["name"] == context["cluster"])
        user = next(one["user"] for one in config["users"] if one["name"] == context["user"])
        self.server, self.token = cluster["server"].rstrip("/"), user.get("token", "")
        if self.server.startswith("https"):
            data = cluster.get("certificate-authority-data")
            self.tls = ssl.create_default_context(cafile=cluster.get("certificate-authority"), cadata=base64.b64decode(data).decode() if data else None)
            if cluster.get("insecure-skip-tls-verify"):
                self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
            if user.get("client-certificate"):
                self.tls.load_cert_chain(user["client-certificate"], user["client-key"])

    def _open(self) -> socket.socket:
        if not self.server:
            raise Unreachable(*NOBODY)
        found = urlsplit(self.server)
        try:
            plain = socket.create_connection((found.hostname or "", found.port or 443), 30)
            return plain if self.tls is None else self.tls.wrap_socket(plain, server_hostname=found.hostname)
        except OSError as fault:
            raise Unreachable(self.server, f"dial tcp {found.netloc}: connect: {fault.strerror or fault}".lower()) from None

    def kube(self, method: str, path: str, query: dict[str, str] | None = None, body: Json | None = None) -> tuple[int, Json]:
        line = urlsplit(self.server).path + path + (f"?{urlencode(query)}" if query else "")
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        with self._open() as link:
            status, answer = exchange(link, method, line, headers, raw)
        try:
            return status, json.loads(answer)
        except ValueError:
            return status, {"message": answer.decode("utf-8", "replace").strip()}

    def connect(self, namespace: str, pod: str) -> "Forwarded":
        """A stream to the port; tried at once, as port-forward does with the first byte."""
        console = Forwarded(self, namespace, pod, random.randint(30000, 60000))
        status, _raw = console.ask("GET", "/healthz", b"", "")
        if status != 200:
            raise Lost(f"an error occurred forwarding {console.port} -> 3000: answered {status}")
        return console

    def stream(self, namespace: str, pod: str) -> socket.socket:
        link = self._open()
        key = base64.b64encode(random.randbytes(16)).decode()
        path = f"{urlsplit(self.server).path}/api/v1/namespaces/{namespace}/pods/{pod}/portforward?ports=3000"
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Protocol": PROTOCOL, "Authorization": f"Bearer {self.token}"}
        link.sendall(head("GET", path, headers, b""))
        text = b""
        while b"\r\n\r\n" not in text:
            piece = link.recv(1)
            if not piece:
                break
            text += piece
        if b" 101 " not in text.split(b"\r\n", 1)[0]:
            link.close()
            raise Lost(f"error upgrading connection: {text.decode('latin-1').splitlines()[0] if text else 'closed'}")
        return link

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wall(self) -> datetime:
        return datetime.now(UTC)


def head(method: str, line: str, headers: dict[str, str], body: bytes) -> bytes:
    told = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
    return "".join([f"{method} {line} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in told.items()), "\r\n"]).encode() + body


def exchange(link: Any, method: str, line: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """One request on a connection that ends with it."""
    link.sendall(head(method, line, {**headers, "Connection": "close"}, body))
    raw = b""
    while not whole(raw):
        piece = link.recv(65536)
        if not piece:
            break
        raw += piece
    top, _gap, rest = raw.partition(b"\r\n\r\n")
    if not top:
        return 0, b""
    return int(top.split()[1]), unchunked(rest) if b"chunked" in top.lower() else rest


def whole(raw: bytes) -> bool:
    top, gap, rest = raw.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", top)
    return bool(gap) and (len(rest) >= int(length.group(1)) if length else b"chunked" in top.lower() and rest.endswith(b"0\r\n\r\n"))


def unchunked(rest: bytes) -> bytes:
    out = b""
    while rest:
        size, _gap, rest = rest.partition(b"\r\n")
        number = int(size or b"0", 16)
        if not number:
            break
        out, rest = out + rest[:number], rest[number + 2 :]
    return out


class Forwarded:
    """kotsadm through the port-forward; a stream for each request."""

    def __init__(self, wire: Wire, namespace: str, pod: str, port: int) -> None:
        self.wire, self.namespace, self.pod, self.port = wire, namespace, pod, port

    def ask(self, method: str, path: str, body: bytes, authorization: str) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        link = Channel(self.wire.stream(self.namespace, self.pod))
        try:
            status, raw = exchange(link, method, path, headers, body)
        finally:
            link.close()
        if not status:
            why = link.error or "dial tcp 127.0.0.1:3000: connect: connection refused"
            where = f"error forwarding port 3000 to pod {self.pod}/{self.namespace}, uid : {why}"
            raise Lost(f"an error occurred forwarding {self.port} -> 3000: {where}")
        return status, raw


class Channel:
    """A websocket that carries one port: channel 0 data, channel 1 errors; each begins with the port's number."""

    def __init__(self, link: socket.socket) -> None:
        self.link, self.seen, self.error = link, set[int](), ""

    def sendall(self, data: bytes) -> None:
        self._send(2, b"\0" + data)

    def _send(self, kind: int, data: bytes) -> None:
        mask = random.randbytes(4)
        size = len(data)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size) if size < 65536 else struct.pack("!BQ", 0xFF, size)
        masked = bytes(one ^ mask[place % 4] for place, one in enumerate(data))
        self.link.sendall(bytes([0x80 | kind]) + length + mask + masked)

    def recv(self, _size: int) -> bytes:
        while True:
            frame = self._frame()
            if frame is None or frame[0] == 8:
                return b""
            kind, data = frame
            if kind == 9:
                self._send(10, data)
                continue
            if kind not in (0, 1, 2) or not data:
                continue
            channel, data = data[0], data[1:]
            if channel not in self.seen:
                self.seen.add(channel)
                data = data[2:]
            if channel == 1 and data:
                self.error = data.decode("utf-8", "replace")
                return b""
            if channel == 0 and data:
                return data

    def _frame(self) -> tuple[int, bytes] | None:
        begin = self._exactly(2)
        if len(begin) < 2:
            return None
        size = begin[1] & 0x7F
        if size == 126:
            size = int(struct.unpack("!H", self._exactly(2))[0])
        elif size == 127:
            size = int(struct.unpack("!Q", self._exactly(8))[0])
        return begin[0] & 0x0F, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        out = b""
        while len(out) < size:
            try:
                piece = self.link.recv(size - len(out))
            except OSError:
                piece = b""
            if not piece:
                return out
            out += piece
        return out

    def close(self) -> None:
        self.link.close()
