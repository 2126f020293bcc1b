"""Mutual TLS in front of a simulated server: who gets in, and new certificates while others talk."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Go's server to those who speak HTTP to it.
PLAIN = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
HANDSHAKE = b"\x16"  # first byte of a TLS record that begins one
PATIENCE = 10.0


@dataclass
class Tls:
    """Files as in Nomad's configuration. A connection lives on with what was loaded when it began."""

    cert: Path
    key: Path
    ca: Path
    verify_clients: bool = True  # verify_https_client
    agents: Path | None = None  # the certificate of the client agents: one that the CA file does not know cuts them off
    on_load: Callable[["Tls"], None] = lambda tls: None
    context: ssl.SSLContext = field(init=False)
    trusted: bytes = b""

    def __post_init__(self) -> None:
        self.context = self._read()

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_REQUIRED if self.verify_clients else ssl.CERT_NONE
        self.trusted = self.ca.read_bytes()
        return context

    def reload(self) -> str:
        """SIGHUP: new connections see the new files; broken ones change nothing (tls-rotation). Returns what was wrong."""
        try:
            self.context = self._read()
        except (OSError, ValueError) as error:
            return str(error)
        self.on_load(self)
        return ""

    def knows_agents(self) -> bool:
        """Would the server still let its client agents in?"""
        if self.agents is None or not self.verify_clients:
            return True
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature

        agent = x509.load_pem_x509_certificate(self.agents.read_bytes())
        for ca in x509.load_pem_x509_certificates(self.trusted):
            with contextlib.suppress(ValueError, TypeError, InvalidSignature):
                agent.verify_directly_issued_by(ca)
                return True
        return False

    def secure(self, plain: socket.socket) -> ssl.SSLSocket | None:
        """The handshake; None where there was none."""
        plain.settimeout(PATIENCE)
        try:
            if plain.recv(1, socket.MSG_PEEK) not in (HANDSHAKE, b""):
                self._say_plain(plain)
                return None
            secured = self.context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=True)
        except OSError:
            return None
        secured.settimeout(None)
        return secured

    @staticmethod
    def _say_plain(plain: Any) -> None:
        plain.recv(65536)
        plain.sendall(PLAIN)
        with contextlib.suppress(OSError):
            plain.shutdown(socket.SHUT_WR)
