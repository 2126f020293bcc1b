"""The simulated Google as the store of the lab's Velero: it asks over HTTP, by the key that stands in its own Secret, with the rights of that key."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
from typing import Any
from urllib.parse import quote

from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.service_account import Credentials
from requests import RequestException, Response

from lab.google.google import Google
from lab.kubernetes.state import State
from lab.velero.store import Access, Refused

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
CODES = {401: "InvalidAccessKeyId", 403: "AccessDenied"}


class GoogleStore:
    """`VeleroWorld(state, version, GoogleStore(google, state))`."""

    def __init__(self, google: Google, state: State) -> None:
        self.url, self._state = google.url, state

    def as_seen(self, _access: Access) -> "GoogleSeen":
        secret = self._state.get("secrets", "velero", "cloud-credentials") or {}
        return GoogleSeen(self.url, base64.b64decode((secret.get("data") or {}).get("cloud", "")))


class GoogleSeen:
    """One key's way."""

    def __init__(self, url: str, text: bytes) -> None:
        self._url = url
        try:
            self._session = AuthorizedSession(Credentials.from_service_account_info(json.loads(text), scopes=[SCOPE]))
        except ValueError:
            raise Refused("Init", "InvalidAccessKeyId", words="error parsing credentials file; should be JSON") from None

    def objects(self, bucket: str, prefix: str = "") -> dict[str, int]:
        found: dict[str, int] = {}
        query = {"prefix": prefix}
        while True:
            answer = self._ask("GET", "list", bucket, f"/storage/v1/b/{bucket}/o", params=query).json()
            found.update({item["name"]: int(item["size"]) for item in answer.get("items", ())})
            if not answer.get("nextPageToken"):
                return found
            query["pageToken"] = answer["nextPageToken"]

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._ask("POST", "insert", bucket, f"/upload/storage/v1/b/{bucket}/o", params={"uploadType": "media", "name": key}, data=data)

    def get(self, bucket: str, key: str) -> bytes:
        return bytes(self._ask("GET", "get", bucket, self._object(bucket, key), params={"alt": "media"}).content)

    def has(self, bucket: str, key: str) -> bool:
        try:
            self._ask("GET", "get", bucket, self._object(bucket, key))
        except Refused as refused:
            if refused.code == "NoSuchKey":
                return False
            raise
        return True

    def delete(self, bucket: str, key: str) -> None:
        self._ask("DELETE", "delete", bucket, self._object(bucket, key))

    def link(self, bucket: str, key: str) -> str:
        return f"{self._url}/{bucket}/{quote(key)}?X-Goog-Signature=lab"

    def _object(self, bucket: str, key: str) -> str:
        return f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}"

    def _ask(self, method: str, operation: str, bucket: str, path: str, **more: Any) -> Response:
        try:
            answer = self._session.request(method, self._url + path, timeout=5, **more)
        except (GoogleAuthError, RequestException) as error:
            code = "InvalidAccessKeyId" if "invalid_grant" in str(error) else ""
            raise Refused(operation, code, bucket, self._url + path, str(error)) from None
        if answer.ok:
            return answer
        words = answer.json()["error"]["message"]
        missing = "NoSuchKey" if words.startswith("No such object") else "NoSuchBucket"
        raise Refused(operation, missing if answer.status_code == 404 else CODES.get(answer.status_code, "AccessDenied"), bucket, self._url + path, words)
