# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of the Kubernetes API that is none of success means, and what the official client raises. Texts as recorded on 1.33."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, NotFound, NotPermitted, Refused, Unreachable

LONGEST_TEXT = 200
BUSY = (408, 410, 429)


def error_from_status(status: int, message: str, place: str) -> CollectionError:
    """The failure that a status means; `message` is that of the API's Status object."""
    said = " ".join(message.split())[:LONGEST_TEXT]
    if status == 401:
        return NotPermitted(f"Kubernetes at {place} does not know us (401: {said}); the token or certificate is wrong or has ended: api_key, kubeconfig")
    if status == 403:
        return NotPermitted(f"Kubernetes at {place} refused (403: {said})")
    if status == 404:
        return NotFound(f"Kubernetes at {place} does not know it (404: {said})")
    if 300 <= status < 400:
        return Refused(f"Kubernetes at {place} answered with a redirect ({status}); give the address of the API itself in host or kubeconfig")
    if status >= 500 or status in BUSY:
        return Unreachable(f"Kubernetes at {place} could not do it now ({status}: {said})")
    return Refused(f"Kubernetes at {place} refused ({status}: {said})")


def error_from_exception(cause: Any, place: str) -> CollectionError:
    """The failure that an exception of the official client, or of urllib3 below it, means."""
    from kubernetes.client.exceptions import ApiException
    from urllib3 import exceptions

    if isinstance(cause, ApiException) and cause.status:
        return error_from_status(int(cause.status), message_of(cause.body), place)
    reason = getattr(cause, "reason", None) or cause
    if isinstance(reason, exceptions.LocationValueError):
        return BadInput(f"the address of the Kubernetes API cannot be used ({place}); see host and kubeconfig")
    if isinstance(reason, exceptions.SSLError):
        return Unreachable(f"TLS with Kubernetes at {place} failed ({_words(reason)}); see ca_cert, client_cert, validate_certs", retry=False)
    return Unreachable(f"Kubernetes at {place} does not answer ({_words(reason)})")


def message_of(body: Any) -> str:
    """The message of a Status object, or the text itself: an API group that is not served answers in plain words."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    try:
        told = json.loads(text)
    except ValueError:
        return text
    return str(told.get("message") or "") if isinstance(told, dict) else text


def _words(reason: BaseException) -> str:
    """The innermost words, without the objects and their addresses in the outer ones."""
    inner: Any = reason
    while getattr(inner, "args", ()) and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    words = re.sub(r"^.*(>|port=\d+\)): ", "", str(inner))
    return (words or type(inner).__name__)[:LONGEST_TEXT]
