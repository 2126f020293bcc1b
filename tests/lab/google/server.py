"""The simulator on a port of the loopback: Google, /_lab beside it, and a proxy that answers in the place of Google's names."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import socket
import ssl
import struct
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lab.google.answers import Answer, Asked
from lab.google.api import Api
from lab.google.control import Control
from lab.google.model import World
from lab.tls import Papers


class Server(ThreadingHTTPServer):
    """`url` is where it is; as a proxy for HTTPS it has certificates that `ca` signed."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.api = Api(World(), self.url)
        self.control = Control(self.api)
        self._folder = tempfile.TemporaryDirectory(prefix="lab-google-")
        self._papers = Papers(Path(self._folder.name))
        self.ca = self._papers.ca
        self.names: dict[str, ssl.SSLContext] = {}

    def known_as(self, name: str) -> ssl.SSLContext:
        """What makes it one of Google's machines to whoever trusts the authority."""
        if name not in self.names:
            self.names[name] = made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            made.load_cert_chain(*self._papers.sign(name, name))
        return self.names[name]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_words: Any) -> None:
        """Nothing."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        if split.path.startswith("/_lab/"):
            self._control(split.path.removeprefix("/_lab/"), body)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        query: dict[str, str] = {}
        for name, value in parse_qsl(split.query, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        answer = self.server.api.handle(Asked(self.command, split.path, query, headers, body))
        if answer is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def do_CONNECT(self) -> None:
        """Whoever is wanted, it is answered here."""
        name = self.path.rpartition(":")[0]
        if not name.endswith((".googleapis.com", ".google.com")):
            self.send_error(403, "Not a name of Google's")
            return
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with self.server.known_as(name).wrap_socket(self.connection, server_side=True) as inside:
            Handler(inside, self.client_address, self.server)

    def _control(self, act: str, body: bytes) -> None:
        if act == "stop":
            self._send(Answer(200, b"{}"))
            threading.Thread(target=self.server.shutdown).start()
            return
        try:
            status, answer = 200, self.server.control.act(act, json.loads(body or b"{}"))
        except (KeyError, TypeError, ValueError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        self._send(Answer(status, json.dumps(answer).encode()))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
