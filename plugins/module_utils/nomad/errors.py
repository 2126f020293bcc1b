# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of Nomad's that is not 200 means: final, or worth another try. Texts as recorded on servers 0.5.6 to 1.11.3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, NotFound, NotPermitted, Refused, Unreachable

LOG_TEXTS = ("Unknown allocation", "unknown allocation ID", "failed to list entries")  # also 500, to a token that may not read the job too
BUSY = (429, 502, 503, 504)
FINAL_TEXTS = ("node not found", "UUID must be", "node lookup failed", "while it is draining", "invalid scheduling eligibility")
# About tokens, with 403, 404 or 500 by version.
TOKEN_TEXTS = ("Permission denied", "ACL token not found", "ACL token expired", "acl token lookup failed", "failed to parse signed token")
LONGEST_TEXT = 160


def error_from_answer(status: int, text: str, headers: Mapping[str, str], place: str) -> CollectionError:
    """The failure that an answer other than 200 means. `text` is cut: it may be a whole page."""
    said = " ".join((text or "").split())[:LONGEST_TEXT]
    if 300 <= status < 400:
        return Refused(f"{place} answered with a redirect ({status}) to {_location(headers)}; give the address of the Nomad API itself in nomad_url")
    if status == 403 or any(part in said for part in TOKEN_TEXTS):
        return NotPermitted(f"{place} refused ({status}: {said or TOKEN_TEXTS[0]}); nomad_token is missing, unknown or lacks node:write, node:read or read-job")
    if status == 404:
        return NotFound(f"{place} does not know it (404: {said})")
    if status in BUSY:
        return Unreachable(f"{place} is busy or its proxy cannot reach it ({status}: {said})", after=_retry_after(headers))
    if "No path to region" in said:
        return BadInput(f"nomad_region names a region that {place} does not know ({said}); leave it out for the server's own")
    if status >= 500 and status != 501 and not any(part in said for part in FINAL_TEXTS + LOG_TEXTS):
        return Unreachable(f"{place} could not answer ({status}: {said})")
    return Refused(f"{place} refused ({status}: {said})")


def error_from_exception(cause: Any, place: str) -> CollectionError:
    """The failure that an exception of requests means, by its type: python-nomad wraps them all in one."""
    from requests import exceptions

    if isinstance(cause, (exceptions.InvalidURL, exceptions.MissingSchema, exceptions.InvalidSchema)):
        return BadInput(f"nomad_url is no address that can be asked ({place}); give http(s)://host:port")
    if isinstance(cause, exceptions.InvalidHeader):  # its text is the header's value
        return BadInput("nomad_token cannot be sent as a header; give the id alone")
    if isinstance(cause, exceptions.SSLError):
        return Unreachable(f"TLS with {place} failed ({_reason(cause)}); see nomad_ca_path, nomad_client_cert, nomad_tls_server_name", retry=False)
    if isinstance(cause, exceptions.ConnectTimeout):
        return Unreachable(f"{place} did not take the connection in time (nomad_timeout)")
    if isinstance(cause, exceptions.Timeout):
        return Unreachable(f"{place} did not answer in time (nomad_timeout)")
    return Unreachable(f"the connection to {place} failed ({_reason(cause)})")


def _reason(cause: BaseException) -> str:
    """The innermost words of a wrapped exception, without the URL and the object addresses of the outer ones."""
    inner: BaseException = cause
    while True:
        deeper = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    words = str(inner).rpartition(">: ")[2] or type(inner).__name__
    return words[:LONGEST_TEXT]


def _location(headers: Mapping[str, str]) -> str:
    """Where a redirect leads, without the query: a log-in page's may carry a token."""
    return (headers.get("Location") or "an unnamed place").partition("?")[0][:LONGEST_TEXT]


def _retry_after(headers: Mapping[str, str]) -> Optional[float]:
    text = headers.get("Retry-After") or ""
    return float(text) if text.isdigit() else None
