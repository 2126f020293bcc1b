# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS spoken just far enough to see who is at the other end: the certificate that is served, and whether given authorities vouch for it. Names resolved."""

from __future__ import annotations

import socket
import ssl
import warnings
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Unreachable

PATIENCE = 10.0  # s for connecting, and for each step of the handshake


@dataclass(frozen=True)
class Vouched:
    """`reached`: there was somebody who spoke TLS. `why` is empty where the given authorities vouch for the name."""

    reached: bool
    why: str = ""


def served_certificate(host: str, port: int, name: str = "", timeout: float = PATIENCE) -> bytes:
    """The server's own certificate in DER, whatever it is worth; it is only looked at. Raises Unreachable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():  # who is to be told that a server is too old must be able to see its certificate
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    try:
        with socket.create_connection((host, port), timeout) as plain, context.wrap_socket(plain, server_hostname=name or host) as safe:
            found = safe.getpeercert(True)
    except (OSError, ValueError) as error:
        raise Unreachable(f"{host}:{port} shows no certificate: {_words(error)}") from None
    if not found:
        raise Unreachable(f"{host}:{port} shows no certificate")
    return found


def vouched(host: str, port: int, authorities: str, timeout: float = PATIENCE) -> Vouched:
    """Whether these authorities (PEM), and no others, vouch for what the server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authorities:
        context.load_verify_locations(cadata=authorities)
    try:
        with socket.create_connection((host, port), timeout) as plain, context.wrap_socket(plain, server_hostname=host):
            return Vouched(True)
    except ssl.SSLCertVerificationError as error:
        return Vouched(True, str(error.verify_message).rstrip("."))
    except (OSError, ValueError) as error:
        return Vouched(False, _words(error))


def addresses_of(name: str) -> tuple[str, ...]:
    """What the resolver of this machine says, sorted. Raises NotFound where there is no such name, Unreachable where no answer came."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)):
            raise NotFound(f"the resolver knows no address of {name}") from None
        raise Unreachable(f"the resolver gives no answer for {name}: {error.strerror}") from None
    except (UnicodeError, OSError):
        raise NotFound(f"{name!r} is no name that could be resolved") from None
    return tuple(sorted({str(entry[4][0]) for entry in found}))


def _words(error: Exception) -> str:
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "no answer came in time"
    if isinstance(error, ssl.SSLError):
        return f"it speaks no TLS that we speak ({error.reason or 'handshake failed'})"
    text: Optional[str] = getattr(error, "strerror", None)
    return text or type(error).__name__
