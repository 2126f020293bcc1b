"""The HTTP side of clients' agents on real sockets: for versions whose servers do not fetch logs."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from lab.nomad.lab import Lab

MOST = 20  # more clients than that have an address at which nobody listens


class Agents:
    """One listener a client. A dead or frozen agent breaks the connection off."""

    def __init__(self, lab: "Lab") -> None:
        self.lab = lab
        self.listeners: list[ThreadingHTTPServer] = []

    def listen(self, name: str) -> str:
        """The address of this client's agent from now on; "" where it gets none."""
        if len(self.listeners) >= MOST:
            return ""
        lab = self.lab

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                with lab.cluster.lock:
                    answer = lab.agent(name, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), dict(self.headers.items()))
                if answer is None:
                    self.close_connection = True
                    return
                with contextlib.suppress(OSError):
                    self.send_response_only(answer.status)
                    for key, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                        self.send_header(key, value)
                    self.end_headers()
                    self.wfile.write(answer.body)

        listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.listeners.append(listener)
        return f"127.0.0.1:{listener.server_address[1]}"

    def stop(self) -> None:
        for listener in self.listeners:
            listener.shutdown()
            listener.server_close()
