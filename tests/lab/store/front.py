"""What stands before moto: checks as a real S3 does, faults, a record of the calls, and the lab's own control under /_lab/."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from lab.store import behind
from lab.store.faults import SIGNED, Answer, Fault, faults_of, wrong_region, wrong_time

CONTROL = "/_lab/"
HOPS = ("connection", "keep-alive", "transfer-encoding", "expect", "content-length")


class Front(ThreadingHTTPServer):
    """Listens on the loopback and carries what is no fault to moto."""

    daemon_threads = True

    def __init__(self, moto: int, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.moto = moto
        self.lock = threading.Lock()
        self.faults: list[Fault] = []
        self.offset = 0.0
        self.calls: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self, method: str, path: str, query: str, action: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.meets(method, path, query, action):
                    fault.times -= 1
                    return fault
        return None

    def refusal(self, path: str, query: str, headers: dict[str, str]) -> Answer | None:
        bucket = unquote(path.lstrip("/").partition("/")[0])
        signed = SIGNED.search(headers.get("authorization", ""))
        return wrong_time(headers, self.offset) or wrong_region(signed, behind.region_of(bucket) if bucket else None, query)

    def control(self, act: str, given: dict[str, Any]) -> Any:
        if act == "faults":
            with self.lock:
                self.faults = faults_of(given["faults"])
            return {"faults": len(self.faults)}
        if act == "clock":
            self.offset = float(given["offset"])
            return {"offset": self.offset}
        if act == "calls":
            with self.lock:
                found, self.calls = self.calls, []
            return found
        if act == "stop":
            threading.Timer(0.3, self.shutdown).start()  # the answer goes first
            return {}
        return ACTS[act](**given)


ACTS: dict[str, Callable[..., Any]] = {
    "bucket": behind.make_bucket,
    "objects": behind.objects,
    "write": behind.write,
    "read": behind.read,
    "remove": behind.remove,
    "user": behind.make_user,
    "users": behind.users,
    "enforce": behind.enforce,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _any(self) -> None:
        found = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if found.path.startswith(CONTROL):
            self._control(found.path.removeprefix(CONTROL), json.loads(body or b"{}"))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        action = parse_qs(body.decode(errors="replace")).get("Action", [""])[0] if found.path == "/" and self.command == "POST" else ""
        fault = self.server.fault(self.command, found.path, found.query, action)
        if fault and fault.answer == "reset":
            self._reset()
            return
        if fault and fault.answer == "slow":
            time.sleep(fault.seconds)
        refused = fault.reply() if fault and fault.answer not in ("slow", "garbled") else self.server.refusal(found.path, found.query, headers)
        status, more, text = (refused.status, refused.headers, refused.body) if refused else self._carry(body)
        if fault and fault.answer == "garbled":
            text = b"x" * len(text)
        with self.server.lock:
            signed = SIGNED.search(headers.get("authorization", ""))
            call = {"method": self.command, "path": found.path, "query": found.query, "status": status, "key": signed["key"] if signed else ""}
            self.server.calls.append({**call, "action": action})
        self._send(status, more if not refused else {**more, "Content-Type": "application/xml"}, text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any

    def _carry(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """To moto and back. `Host` stays what the asker signed."""
        wire = http.client.HTTPConnection("127.0.0.1", self.server.moto, timeout=60)
        try:
            wire.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOPS:
                    wire.putheader(name, value)
            wire.putheader("Content-Length", str(len(body)))
            wire.endheaders(body)
            answer = wire.getresponse()
            length = {"Content-Length": answer.getheader("Content-Length", "0")} if self.command == "HEAD" else {}
            return answer.status, {**{name: value for name, value in answer.getheaders() if name.lower() not in HOPS}, **length}, answer.read()
        finally:
            wire.close()

    def _control(self, act: str, given: dict[str, Any]) -> None:
        try:
            status, answer = 200, self.server.control(act, given)
        except (KeyError, TypeError, ValueError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        self._send(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _send(self, status: int, headers: dict[str, str], text: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("server", "date"):
                self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
