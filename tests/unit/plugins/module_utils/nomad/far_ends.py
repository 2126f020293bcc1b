# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands at the far end of a road, or on the way: a plain agent, a proxy."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.tls import copy


class Agent:
    """A plain server that answers `body` to whoever asks for the clients, refuses all else, and notes by which name it was asked."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.hold = 0.0
        self.orders = 0
        self.body = b"[]"
        agent = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                agent.hosts.append(self.headers["Host"])
                time.sleep(agent.hold)
                self.send_response(200 if self.path.startswith("/v1/nodes") else 403)
                self.send_header("Content-Length", str(len(agent.body)))
                self.end_headers()
                self.wfile.write(agent.body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                agent.orders += 1
                self.do_GET()

            def log_message(self, *_args: Any) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = int(self.http.server_address[1])
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class Proxy:
    """An HTTP proxy that knows CONNECT alone, and notes to where."""

    def __init__(self) -> None:
        self.connects: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                proxy.connects.append(self.path)
                host, _colon, port = self.path.partition(":")
                with socket.create_connection((host, int(port)), timeout=5) as far:
                    self.send_response(200)
                    self.end_headers()
                    back = threading.Thread(target=copy, args=(far, self.connection), daemon=True)
                    back.start()
                    copy(self.connection, far)
                    back.join(5)

            def log_message(self, *_args: Any) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
