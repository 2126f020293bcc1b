# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The APIs of Google Cloud that are asked here, by the session of google-auth; readings are asked again, writes never."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import google_is_there
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.errors import from_google
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.google_client import TIMEOUT, google_message, google_session
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.location import google_key
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import GcpKey
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.errors import answer_error
from ansible_collections.serverops.circleci.plugins.module_utils.transport.retries import retried

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
STORAGE, IAM, PROJECTS = "https://storage.googleapis.com", "https://iam.googleapis.com", "https://cloudresourcemanager.googleapis.com"
COMPUTE = "https://compute.googleapis.com"
TOKENS = "https://oauth2.googleapis.com"
READ_BOUND = 30.0  # s


@dataclass(frozen=True)
class GcpConnection:
    """Which project, by which key. No key: what the machine itself is."""

    project: str
    key: Optional[GcpKey] = None
    endpoint: str = ""


class GcpClient:
    """One project."""

    def __init__(self, connection: GcpConnection, clock: Clock, session: Optional[Callable[[GcpConnection], Any]] = None) -> None:
        self.connection, self.clock = connection, clock
        self._open = session or _session
        self._made: Any = None

    @property
    def project(self) -> str:
        return self.connection.project

    @property
    def token_uri(self) -> str:
        """Where a key of ours is exchanged for a token."""
        return f"{self.connection.endpoint or TOKENS}/token"

    def find(self, service: str, path: str, **query: str) -> Optional[Json]:
        """What there is; None where it is not."""
        try:
            return self.read("GET", service, path, query=query)
        except NotFound:
            return None

    def read(self, method: str, service: str, path: str, body: Optional[Json] = None, query: Optional[Mapping[str, str]] = None) -> Json:
        """Asked again while no answer comes."""
        return retried(lambda: self.write(method, service, path, body, query), self.clock, READ_BOUND)

    def pages(self, service: str, path: str, **query: str) -> Iterator[Json]:
        """All pages of a list, one after the other."""
        token: dict[str, str] = {}
        while True:
            page = self.read("GET", service, path, query={**query, **token})
            yield page
            if not page.get("nextPageToken"):
                return
            token = {"pageToken": str(page["nextPageToken"])}

    def entries(self, service: str, path: str, key: str, **query: str) -> Iterator[Json]:
        """What all pages of a list have below `key`."""
        return (one for page in self.pages(service, path, **query) for one in page.get(key) or ())

    def write(self, method: str, service: str, path: str, body: Optional[Json] = None, query: Optional[Mapping[str, str]] = None) -> Json:
        """Asked once. Raises a CollectionError for every answer that is none of success."""
        import requests
        from google.auth.exceptions import GoogleAuthError

        address = (self.connection.endpoint or service) + path
        try:
            answer = self._session().request(method, address, json=body, params=dict(query or {}), timeout=TIMEOUT, allow_redirects=False)
        except (GoogleAuthError, requests.exceptions.RequestException) as error:
            raise from_google(error, "Google Cloud") from None
        if answer.status_code // 100 != 2:
            raise answer_error(answer.status_code, google_message(answer), _seconds(answer.headers.get("Retry-After")))
        return _json(answer.content)

    def _session(self) -> Any:
        if self._made is None:
            self._made = self._open(self.connection)
        return self._made


def _session(connection: GcpConnection) -> Any:
    return google_session(connection.key, SCOPE, "Google Cloud")


def client_from_params(params: Mapping[str, Any], clock: Clock, inside: str = "") -> GcpClient:
    """The way to the project that the options of the group name; they may stand `inside` another one. Raises BadInput where it cannot be gone."""
    google_is_there("Google Cloud")
    contents, file, token = params.get("service_account_contents"), params.get("service_account_file"), params.get("access_token")
    key = None
    if contents:
        key = GcpKey(contents=google_key(Secret(contents), f"{inside}service_account_contents"))
    elif file or token:
        key = GcpKey(file=file) if file else GcpKey(token=Secret(str(token)))
    return GcpClient(GcpConnection(params["project"], key, (params.get("endpoint_url") or "").rstrip("/")), clock)


def _json(content: bytes) -> Json:
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused("the answer is no JSON of Google's; look at endpoint_url and at what stands between here and Google")
    return found


def _seconds(text: Optional[str]) -> Optional[float]:
    return float(text) if text and text.isdigit() else None
