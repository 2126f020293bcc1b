"""The API on a real socket: HTTP/1.1 with keep-alive, held requests, refusals while the server is dead."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lab.nomad.clock import RealClock
from lab.nomad.faults import Fault, stale
from lab.nomad.wire import Blocked, Response

if TYPE_CHECKING:
    from lab.nomad.lab import Lab


class Cut(Exception):
    """The connection is broken off; with `hard` by a reset."""

    def __init__(self, hard: bool = True) -> None:
        super().__init__()
        self.hard = hard


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Listener"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError, OSError, ValueError):
            super().handle()

    def _any(self) -> None:
        try:
            self._answer()
        except Cut as cut:
            self.close_connection = True
            with contextlib.suppress(OSError):
                if cut.hard:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    self.connection.shutdown(socket.SHUT_RDWR)
                self.connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _any

    def _answer(self) -> None:
        lab = self.server.lab
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length) if length else b""
        found = urlsplit(self.path)
        path = found.path if "%2F" in found.path else unquote(found.path)
        query = dict(parse_qsl(found.query, keep_blank_values=True))
        headers = dict(self.headers.items())
        with lab.cluster.lock:
            entry = lab.journal.note(lab.clock.now(), self.command, path, query, headers, data, self.client_address[1])
            fault = lab.faults.strike(self.command, path)
        answer: Response | None = None
        if fault is not None and not fault.apply:
            answer = self._fault(fault)
        if answer is None:
            answer = self._serve(path, query, data, headers)
            if fault is not None:
                answer = (self._fault(fault) if fault.apply else None) or answer
                answer = stale(answer) if fault.kind == "stale" else answer
        entry["status"] = answer.status
        self._send(answer, truncate=fault is not None and fault.kind == "truncate")

    def _fault(self, fault: Fault) -> Response | None:
        """`refuse` and `reset` look alike here: the path is known only after the connection stands."""
        if fault.kind in ("refuse", "reset"):
            raise Cut
        if fault.kind == "close":
            raise Cut(hard=False)
        if fault.kind == "stall":
            self.server.stopping.wait(fault.seconds)
            raise Cut
        return fault.answer()

    def _serve(self, path: str, query: dict[str, str], data: bytes, headers: dict[str, str]) -> Response:
        lab = self.server.lab
        cluster, clock = lab.cluster, lab.clock
        speed = clock.speed if isinstance(clock, RealClock) else None
        with cluster.lock:
            if not cluster.server_up:
                raise Cut
            answer = lab.api.handle(self.command, path, query, data, headers)
            while isinstance(answer, Blocked):
                left = answer.until - clock.now()
                if left <= 0:
                    return answer.expire()
                cluster.news.wait(min(left / speed, 5.0) if speed else 0.5)
                if self.server.stopping.is_set() or not cluster.server_up or cluster.epoch != answer.epoch:
                    raise Cut
                answer = answer.poll() or answer
        return answer

    def _send(self, answer: Response, truncate: bool) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if truncate else answer.body)
            self.wfile.flush()
        if truncate:
            raise Cut(hard=False)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(self, lab: "Lab", port: int, stopping: threading.Event) -> None:
        self.lab, self.stopping = lab, stopping
        self.live: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """One address may hold so many connections; one more is closed without a byte (too-many-connections)."""
        most = self.lab.profile.max_connections
        return most is None or self.lab.journal.open_now < most

    def process_request(self, request: Any, client_address: Any) -> None:
        self.live.add(request)
        self.lab.journal.opened()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request in self.live:
            self.live.discard(request)
            self.lab.journal.closed()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def cut(self) -> None:
        for connection in list(self.live):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)


class Server:
    """Serves a lab; while the cluster's server is dead nobody listens on the port."""

    def __init__(self, lab: "Lab", port: int = 0) -> None:
        self.lab = lab
        self.stopping = threading.Event()
        self.listener: Listener | None = Listener(lab, port, self.stopping)
        self.port = int(self.listener.server_address[1])
        lab.api.address = f"127.0.0.1:{self.port}"
        self.threads = [threading.Thread(target=self._watch, daemon=True)]
        if isinstance(lab.clock, RealClock):
            self.threads.append(threading.Thread(target=self._pump, args=(lab.clock,), daemon=True))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        self._listen()
        for thread in self.threads:
            thread.start()
        return self

    def stop(self) -> None:
        self.stopping.set()
        self.lab.cluster.wake()
        if isinstance(self.lab.clock, RealClock):
            self.lab.clock.added.set()
        for thread in self.threads:
            thread.join(5)
        self._deaf()

    def _listen(self) -> None:
        listener = self.listener or Listener(self.lab, self.port, self.stopping)
        self.listener = listener
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _deaf(self) -> None:
        if self.listener is not None:
            listener, self.listener = self.listener, None
            listener.cut()
            listener.shutdown()
            listener.server_close()

    def _watch(self) -> None:
        """The port is open exactly while the server lives."""
        while not self.stopping.is_set():
            with self.lab.cluster.lock:
                self.lab.cluster.news.wait(0.1)
                up = self.lab.cluster.server_up
            if up and self.listener is None:
                with contextlib.suppress(OSError):  # the port may still be closing: again in a moment
                    self._listen()
            elif not up and self.listener is not None:
                self._deaf()

    def _pump(self, clock: RealClock) -> None:
        """Lets things happen when they are due."""
        while not self.stopping.is_set():
            with clock.lock:
                clock.added.clear()
                clock.run_due()
                due = clock.next_due()
            wait = 0.2 if due is None else min(0.2, max(0.0, (due - clock.now()) / clock.speed))
            if wait:
                clock.added.wait(wait)
            else:
                time.sleep(0)
