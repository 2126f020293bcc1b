"""The API on a real socket: HTTP/1.1 with keep-alive, held requests, refusals while the server is dead."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lab.nomad.clock import RealClock
from lab.nomad.faults import Fault, stale
from lab.nomad.peers import Peer, Sole
from lab.nomad.stream import Stream
from lab.nomad.tls import Tls
from lab.nomad.wire import Blocked, Query, Response

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
        query = Query(found.query)
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
        if isinstance(answer, Stream):
            self._listen(answer)
            return
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
        cluster, clock, place = lab.cluster, lab.clock, self.server.place
        speed = clock.speed if isinstance(clock, RealClock) else None
        with cluster.lock:
            if not place.up:
                raise Cut
            answer = place.handle(self.command, path, query, data, headers)
            while isinstance(answer, Blocked):
                left = answer.until - clock.now()
                if left <= 0:
                    return answer.expire()
                cluster.news.wait(min(left / speed, 5.0) if speed else 0.5)
                if self.server.stopping.is_set() or not place.up or place.epoch != answer.epoch:
                    raise Cut
                answer = answer.poll() or answer
        return answer

    def _listen(self, stream: Stream) -> None:
        """Lines as they come, until the stream is over or nobody reads any more."""
        self.close_connection = True
        lab, place = self.server.lab, self.server.place
        self.send_response_only(200)
        for name, value in stream.headers.items():
            self.send_header(name, value)
        if stream.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        epoch = place.epoch
        try:
            while True:
                with lab.cluster.lock:
                    data, over = stream.take(), stream.over
                    if not data and not over:
                        lab.cluster.news.wait(0.5)
                        data, over = stream.take(), stream.over
                for line in data.splitlines():
                    self.wfile.write(self._chunk(line) + self._chunk(b"\n") if stream.chunked else line + b"\n")
                if self.server.stopping.is_set() or not place.up or place.epoch != epoch:
                    raise Cut
                if over or self._gone():
                    break
        finally:
            with lab.cluster.lock:
                stream.close()
        if stream.chunked:
            self.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def _chunk(data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data)

    def _gone(self) -> bool:
        """The listener closed his end."""
        if isinstance(self.connection, ssl.SSLSocket):
            return False  # the next line that cannot be written tells
        readable, _w, _x = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

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

    def __init__(self, lab: "Lab", port: int, stopping: threading.Event, tls: Tls | None, place: Sole | Peer) -> None:
        self.lab, self.stopping, self.tls, self.place = lab, stopping, tls, place
        self.live: dict[socket.socket, socket.socket] = {}  # as accepted -> as spoken through
        super().__init__(("127.0.0.1", port), Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """One address may hold so many connections; one more is closed, without a byte or with a 429 before any request (too-many-connections)."""
        most = self.lab.profile.max_connections
        if most is None or not self.lab.profile.guards.limits_connections or self.lab.journal.open_now < most:
            return True
        with contextlib.suppress(OSError):
            request.sendall(self.lab.profile.guards.over_limit)
        return False

    def process_request(self, request: Any, client_address: Any) -> None:
        self.live[request] = request
        self.lab.journal.opened()
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: the handshake may take its time."""
        secured = request if self.tls is None else self.tls.secure(request)
        if secured is not None:
            self.live[request] = secured
            super().finish_request(secured, client_address)
            if secured is not request:
                with contextlib.suppress(OSError):
                    secured.close()

    def shutdown_request(self, request: Any) -> None:
        if request in self.live:
            del self.live[request]
            self.lab.journal.closed()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def cut(self) -> None:
        for connection in list(self.live.values()):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)


class Server:
    """Serves a lab, or one of its servers; while that is dead nobody listens on the port."""

    def __init__(self, lab: "Lab", port: int = 0, tls: Tls | None = None, place: Sole | Peer | None = None) -> None:
        self.lab, self.tls, self.place = lab, tls, place or lab.places[0]
        self.stopping = threading.Event()
        self.listener: Listener | None = Listener(lab, port, self.stopping, tls, self.place)
        self.port = int(self.listener.server_address[1])
        if tls is not None:
            lab.tls, tls.on_load = tls, lab.secured
        self.place.at(f"127.0.0.1:{self.port}")
        self.threads = [threading.Thread(target=self._watch, daemon=True)]
        if isinstance(lab.clock, RealClock) and self.place is lab.places[0]:
            self.threads.append(threading.Thread(target=self._pump, args=(lab.clock,), daemon=True))

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

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
        listener = self.listener or Listener(self.lab, self.port, self.stopping, self.tls, self.place)
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
                up = self.place.up
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
