# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an address leads: asked without following, without credentials, and without a proxy of the environment."""

from __future__ import annotations

import http.client
import ssl
from typing import Optional
from urllib.parse import urlsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Unreachable

PATIENCE = 10.0  # s


def redirect_of(url: str, timeout: float = PATIENCE) -> str:
    """The address that the answer redirects to; empty where it is no redirect. Whose certificate it is, others judge. Raises Unreachable."""
    parts = urlsplit(url)
    path = parts.path or "/"
    try:
        connection = _connection(parts.scheme, parts.hostname or "", parts.port, timeout)
        try:
            connection.request("GET", f"{path}?{parts.query}" if parts.query else path)
            answer = connection.getresponse()
            return (answer.getheader("Location") or "") if 300 <= answer.status < 400 else ""
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unreachable(f"{url} does not answer: {getattr(error, 'strerror', None) or type(error).__name__}") from None


def _connection(scheme: str, host: str, port: Optional[int], timeout: float) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
