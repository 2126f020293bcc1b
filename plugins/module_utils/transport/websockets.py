# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels through a websocket that carries several streams by number, as Kubernetes does for a forwarded port: 0 data, 1 error."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import unquote, urlsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Unreachable

DATA, ERROR = 0, 1
PROTOCOL = "v4.channel.k8s.io"
FRAME_TIME = 30.0  # s for a frame that has begun
LONGEST_TEXT = 160


@dataclass(frozen=True)
class Endpoint:
    """Where a websocket is opened and how the other side proves itself. `headers` hold the credentials: nothing here is ever printed."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: bool = True
    ca_path: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = field(default=None, repr=False)
    server_name: Optional[str] = None
    proxy: Optional[str] = field(default=None, repr=False)


class NotUpgraded(Exception):
    """The other side answered with a status of its own instead of opening the websocket; `message` is that of its JSON, if it is JSON."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def dial(endpoint: Endpoint, timeout: float) -> WebsocketChannel:
    """An open channel. Raises NotUpgraded, or Unreachable where no answer came at all."""
    import websocket

    try:
        made = websocket.WebSocket(sslopt=_tls(endpoint), skip_utf8_validation=True)
        made.connect(
            endpoint.url,
            header=[f"{name}: {value}" for name, value in endpoint.headers.items()],
            subprotocols=[PROTOCOL],
            suppress_origin=True,
            redirect_limit=0,  # the credentials would go along
            timeout=timeout,
            **(_proxy(endpoint.proxy) if endpoint.proxy else {"socket": _socket(endpoint, timeout)}),
        )
    except websocket.WebSocketBadStatusException as error:
        raise NotUpgraded(error.status_code, _message(getattr(error, "resp_body", None))) from None
    except ssl.SSLError as error:
        raise Unreachable(f"TLS with {place(endpoint.url)} failed ({_reason(error)})", retry=False) from None
    except (OSError, websocket.WebSocketException) as error:
        raise Unreachable(f"the websocket to {place(endpoint.url)} could not be opened ({_reason(error)})") from None
    made.settimeout(FRAME_TIME)
    return WebsocketChannel(made, place(endpoint.url))


class WebsocketChannel:
    """Data both ways in binary frames; each begins with the number of its stream, and a stream's first one only repeats the port."""

    def __init__(self, opened: Any, where: str) -> None:
        self._opened, self._where = opened, where
        self._begun: set[int] = set()
        self._error = ""

    def fileno(self) -> int:
        return int(self._opened.sock.fileno()) if self._opened.sock else -1

    def pending(self) -> bool:
        sock = self._opened.sock
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    def receive(self) -> Optional[bytes]:
        import websocket

        try:
            code, frame = self._opened.recv_data_frame(True)
        except (OSError, websocket.WebSocketException) as error:
            self._error = self._error or _reason(error)
            return b""
        if code == websocket.ABNF.OPCODE_CLOSE:
            return b""
        data = bytes(frame.data)
        if code != websocket.ABNF.OPCODE_BINARY or not data:
            return None
        return self._of_stream(data[0], data[1:])

    def _of_stream(self, stream: int, data: bytes) -> Optional[bytes]:
        if stream not in self._begun:
            self._begun.add(stream)
            return None
        if stream == ERROR:
            self._error = " ".join(data.decode("utf-8", "replace").split())[:LONGEST_TEXT]
            return b""
        return data or None

    def send(self, data: bytes) -> None:
        import websocket

        try:
            self._opened.send_binary(bytes([DATA]) + data)
        except (OSError, websocket.WebSocketException) as error:
            self._error = self._error or _reason(error)
            raise BrokenPipeError from None

    def idle(self) -> None:
        """Something for balancers between us to see."""
        import websocket

        try:
            self._opened.ping()
        except (OSError, websocket.WebSocketException) as error:
            self._error = self._error or _reason(error)
            raise BrokenPipeError from None

    def close(self) -> Optional[CollectionError]:
        """End it without waiting for the other side's word; why it broke."""
        self._opened.shutdown()
        return Unreachable(f"the websocket to {self._where} broke ({self._error})") if self._error else None


def place(url: str) -> str:
    """Host and port, for messages."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'wss' else 80)}"


def _tls(endpoint: Endpoint) -> dict[str, Any]:
    """A context of our own: the library would look for CAs in the environment."""
    if not endpoint.url.startswith("wss:"):
        return {}
    context = ssl.create_default_context(cafile=endpoint.ca_path)
    if not endpoint.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if endpoint.client_cert:
        context.load_cert_chain(endpoint.client_cert, endpoint.client_key)
    return {"context": context, "server_hostname": endpoint.server_name or urlsplit(endpoint.url).hostname}


def _socket(endpoint: Endpoint, timeout: float) -> socket.socket:
    """The way there without a proxy: left to itself the library takes one from the environment."""
    host, _colon, port = place(endpoint.url).rpartition(":")
    made = socket.create_connection((host, int(port)), timeout=timeout)
    tls = _tls(endpoint)
    return tls["context"].wrap_socket(made, server_hostname=tls["server_hostname"]) if tls else made


def _proxy(url: str) -> dict[str, Any]:
    """The operator's proxy, in the library's words; no exception of the environment holds for it."""
    parts = urlsplit(url if "://" in url else "http://" + url)
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return {"http_proxy_host": parts.hostname, "http_proxy_port": parts.port or 80, "http_proxy_auth": login, "http_no_proxy": [""]}


def _message(body: Any) -> str:
    text = bytes(body or b"").decode("utf-8", "replace")
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    said = told.get("message") if isinstance(told, dict) else text
    return " ".join(str(said or "").split())[:LONGEST_TEXT]


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (str(error) or type(error).__name__)[:LONGEST_TEXT]
