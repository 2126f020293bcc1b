"""Answers of Google, above all its errors: the two ways in which its services write them, and the one of its token service."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
# Code: the status of gRPC (https://cloud.google.com/apis/design/errors), the reason of Cloud Storage
# (https://cloud.google.com/storage/docs/json_api/v1/status-codes).
WORDS = {
    400: ("INVALID_ARGUMENT", "invalid"),
    401: ("UNAUTHENTICATED", "authError"),
    403: ("PERMISSION_DENIED", "forbidden"),
    404: ("NOT_FOUND", "notFound"),
    409: ("ALREADY_EXISTS", "conflict"),
    412: ("FAILED_PRECONDITION", "conditionNotMet"),
    429: ("RESOURCE_EXHAUSTED", "rateLimitExceeded"),
    500: ("INTERNAL", "backendError"),
    503: ("UNAVAILABLE", "backendError"),
}


@dataclass
class Asked:
    """A request, and who asks (None: nobody known)."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    member: str | None = None

    @property
    def json(self) -> Json:
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Said(400, "Invalid JSON payload received.")
        return found


@dataclass
class Answer:
    """A status and a text, JSON as a rule."""

    status: int
    body: bytes
    kind: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)


class Said(Exception):
    """An error to be answered; `status` is the word of gRPC where it is another than usual."""

    def __init__(self, code: int, message: str, status: str = "", details: list[Json] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.details = code, message, status or WORDS[code][0], details or []


def ok(body: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body).encode())


def error(said: Said, storage: bool) -> Answer:
    """As Cloud Storage writes it, or as the others do."""
    if storage:
        entry = {"message": said.message, "domain": "global", "reason": WORDS[said.code][1]}
        return ok({"error": {"code": said.code, "message": said.message, "errors": [entry]}}, said.code)
    more = {"details": said.details} if said.details else {}
    return ok({"error": {"code": said.code, "message": said.message, "status": said.status, **more}}, said.code)


def grant_error(words: str, code: str = "invalid_grant", status: int = 400) -> Answer:
    """As the token service writes it."""
    return ok({"error": code, "error_description": words}, status)
