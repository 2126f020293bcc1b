"""What a Services host serves, on loopback ports: health URLs, the app with the certificate of its live settings, the console with its own."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Pair = tuple[bytes, bytes]
SERVICES = (
    *("frontend", "api-service", "workflows-conductor", "federations-service"),
    *("permissions-service", "contexts-service", "domain-service", "cron-service"),
)
ANSWER = "HTTP/1.1 {} \r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def pair_of(settings: Json) -> Pair | None:
    """Certificate and key of settings; None where neither is there. One alone is a pair that cannot be loaded."""
    texts = [base64.b64decode(settings.get(name, {}).get("data", "")) for name in ("ssl_cert", "ssl_private_key")]
    return (texts[0], texts[1]) if any(texts) else None


def context_of(pair: Pair) -> ssl.SSLContext | None:
    """To serve with; None where a server would not start with it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("cert", "key")]
        for path, text in zip(paths, pair, strict=True):
            path.write_bytes(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(*paths, password="")
        except (ssl.SSLError, ValueError, OSError):
            return None
        return context


class Listener:
    """A port of the loopback; each connection is handed to `answer`, which may leave it without a byte."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _peer = self._socket.accept()
                threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.settimeout(10)
            self._answer(client)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def speak_tls(client: socket.socket, pair: Pair | None) -> None:
    """A handshake with the pair and an answer; nothing at all without a pair that works."""
    context = context_of(pair) if pair else None
    if context is None:
        return
    with context.wrap_socket(client, server_side=True) as secure:
        secure.recv(4096)
        secure.sendall(ANSWER.format("200 OK").encode())


def speak_http(client: socket.socket, code: Callable[[str], int | None]) -> None:
    """One request; no answer where `code` of its path is None."""
    path = client.recv(4096).decode("latin-1").split(" ")[1:2]
    said = code(path[0]) if path else None
    if said is not None:
        client.sendall(ANSWER.format(f"{said} {'OK' if said == 200 else 'Service Unavailable'}").encode())
