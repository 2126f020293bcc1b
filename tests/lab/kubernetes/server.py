"""The API on a real socket of the loopback, with or without TLS: answers, watches in chunks, and port-forward's websocket."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lab.kubernetes.api import Api, Request
from lab.kubernetes.faults import CUT, FOREVER, MUTE, RESET, STALL, Fault
from lab.kubernetes.portforward import Stream, accepted
from lab.kubernetes.state import State
from lab.kubernetes.status import Fail, Response, Upgrade, Watch
from lab.nomad.clock import RealClock

PUMP = 0.05


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer goes out in two writes: else the second waits for the first's acknowledgement
    server: "Listener"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.server.api.date()

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        found = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            self.command, unquote(found.path), dict(parse_qsl(found.query, keep_blank_values=True)), headers, self.rfile.read(length) if length else b""
        )
        fault = self._struck(request)
        if fault is not None and fault.what == RESET and not fault.done:
            return self._break()
        try:
            answer = self.server.api.handle(request)
        except Exception:  # noqa: BLE001 -- a fault of the lab must look like one
            traceback.print_exc()
            answer = Fail(500, f"the lab failed at {request.method} {request.path}: see its stderr", "InternalError").response()
        if fault is not None and fault.what == RESET:
            return self._break()
        if isinstance(answer, Watch):
            self._watch(answer, fault)
        elif isinstance(answer, Upgrade):
            self._upgrade(answer, headers)
        else:
            self._send(answer)

    do_HEAD = do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def _struck(self, request: Request) -> Fault | None:
        """A fault of the connection that is planned for this request. A stall is over when this returns."""
        state = self.server.api.state
        with state.news:
            kinds = (RESET, STALL, CUT, MUTE) if request.watches else (RESET, STALL)
            fault = state.faults.find(kinds, request.method, request.path, state.clock.now())
        if fault is not None and fault.what == STALL:
            self.server.stopping.wait(fault.seconds)
        return fault

    def _break(self) -> None:
        """No answer, no orderly end."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: Response) -> None:
        if answer.delay:
            self.server.stopping.wait(answer.delay)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.text)

    def _watch(self, watch: Watch, fault: Fault | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with self.server.api.state.news:
            self.server.watching += 1
        try:
            self._told(watch, fault)
        finally:
            with self.server.api.state.news:
                self.server.watching -= 1

    def _told(self, watch: Watch, fault: Fault | None) -> None:
        state, stopping = self.server.api.state, self.server.stopping
        ends = min(watch.until, state.clock.now() + (fault.seconds or FOREVER)) if fault is not None else 0.0
        told = 0
        while not self._left():
            with state.news:
                events = watch.poll()
                left = 0.0 if watch.ended else watch.until - state.clock.now()
                if not events and left > 0 and not stopping.is_set():
                    state.news.wait(min(left, 0.5))
                    continue
            for event in events:
                line = json.dumps(event).encode() + b"\n"
                while fault is not None and fault.what == MUTE and told >= fault.events and state.clock.now() < ends:
                    if stopping.wait(PUMP) or self._left():
                        return
                if fault is not None and fault.what == CUT and told >= fault.events:
                    self.wfile.write(f"{len(line):x}\r\n".encode() + line[: len(line) // 2])
                    self.wfile.flush()
                    return self._break()
                told += 1
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
            if left <= 0 or stopping.is_set():
                self.wfile.write(b"0\r\n\r\n")
                return

    def _left(self) -> bool:
        """Whether who watches has gone: nobody would notice before the next event."""
        readable = select.select([self.connection], [], [], 0)[0]
        if not readable:
            return False
        gone = isinstance(self.connection, ssl.SSLSocket) or not self.connection.recv(1, socket.MSG_PEEK)  # TLS has no peek; a watch has no more to say
        self.close_connection = self.close_connection or gone
        return gone

    def _upgrade(self, asked: Upgrade, headers: dict[str, str]) -> None:
        lines = accepted(headers)
        if lines is None:
            self._send(Fail(400, "unable to upgrade: none of the requested protocols is supported", "BadRequest").response())
            return
        self.close_connection = True
        self.wfile.write("\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode())
        self.wfile.flush()
        state = self.server.api.state
        stream = Stream(self.connection, asked.ports[0])
        entry = (asked.uid, stream.cut)
        with state.news:
            state.streams.append(entry)
            self.server.most = max(self.server.most, len(state.streams))
            self.server.opened += 1
            address = state.ports.get((asked.namespace, asked.pod, asked.ports[0]))
        try:
            stream.run(address, asked.pod)
        finally:
            self.server.pings += stream.pings
            with state.news, contextlib.suppress(ValueError):
                state.streams.remove(entry)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, api: Api, tls: ssl.SSLContext | None, port: int) -> None:
        self.api, self.tls = api, tls
        self.stopping = threading.Event()
        self.opened = self.most = self.pings = 0  # websockets so far, and at the same time; what kept them alive
        self.watching = 0  # watches that are open
        super().__init__(("127.0.0.1", port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is not None:  # here, in the connection's own thread: a handshake must not stop the others
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)
        if self.tls is not None:
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Server:
    """Serves a state on the real clock until `stop`."""

    def __init__(self, state: State | None = None, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.state = state or State(RealClock())
        self.api = Api(self.state)
        self.listener = Listener(self.api, tls, port)
        self.port = int(self.listener.server_address[1])
        self.api.address = f"127.0.0.1:{self.port}"
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        threading.Thread(target=self._pump, daemon=True).start()

    def stop(self) -> None:
        self.listener.stopping.set()
        with self.state.news:
            self.state.news.notify_all()
            uids = {uid for uid, _cut in self.state.streams}
        for uid in uids:
            self.state.cut(uid)
        self.listener.shutdown()
        self.listener.server_close()

    def _pump(self) -> None:
        """Lets things happen when they are due."""
        while isinstance(self.state.clock, RealClock) and not self.listener.stopping.wait(PUMP):
            self.state.clock.run_due()
