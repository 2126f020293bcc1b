# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud Storage by its JSON API, with the session of google-auth. Paths: https://cloud.google.com/storage/docs/json_api/v1."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.errors import from_google, google_answer, is_object_missing
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.google_client import TIMEOUT, google_message, google_session
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import StoreSpec
from ansible_collections.serverops.circleci.plugins.module_utils.transport.files import kept_file

ADDRESS = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


class GcsStore:
    """One bucket of Cloud Storage."""

    def __init__(self, spec: StoreSpec) -> None:
        self.spec = spec
        self._made: Any = None
        self._at = (spec.endpoint or ADDRESS).rstrip("/")

    def list(self, prefix: str) -> dict[str, int]:
        """Whole names and sizes in bytes of all objects whose name begins so."""
        found: dict[str, int] = {}
        page = {"prefix": prefix, "fields": "items(name,size),nextPageToken"}
        while True:
            answer = json.loads(self._ask("GET", f"/storage/v1/b/{self._bucket}/o", params=page))
            found.update({item["name"]: int(item["size"]) for item in answer.get("items", ())})
            if not answer.get("nextPageToken"):
                return found
            page["pageToken"] = answer["nextPageToken"]

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self._ask("POST", f"/upload/storage/v1/b/{self._bucket}/o", params={"uploadType": "media", "name": key}, data=data)

    def get(self, key: str) -> bytes:
        """Read an object."""
        return self._ask("GET", f"/storage/v1/b/{self._bucket}/o/{quote(key, safe='')}", params={"alt": "media"})

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no failure."""
        self._ask("DELETE", f"/storage/v1/b/{self._bucket}/o/{quote(key, safe='')}", gone=True)

    def region(self) -> str:
        """Where the bucket is, such as EUROPE-WEST1 or EU. Needs storage.buckets.get, which Velero does not."""
        return str(json.loads(self._ask("GET", f"/storage/v1/b/{self._bucket}", params={"fields": "location"}))["location"])

    @property
    def _bucket(self) -> str:
        return quote(self.spec.bucket, safe="")

    def _ask(self, method: str, path: str, gone: bool = False, **more: Any) -> bytes:
        import requests
        from google.auth.exceptions import GoogleAuthError

        try:
            answer = self._session().request(method, self._at + path, timeout=TIMEOUT, allow_redirects=False, **more)
        except (GoogleAuthError, requests.exceptions.RequestException) as error:
            raise from_google(error, self.spec.place) from None
        if answer.status_code // 100 == 2 or (gone and answer.status_code == 404 and is_object_missing(google_message(answer))):
            return bytes(answer.content)
        raise google_answer(answer.status_code, google_message(answer), self.spec.place)

    def _session(self) -> Any:
        if self._made is None:
            ca = self.spec.ca_path or (kept_file(self.spec.ca_text) if self.spec.ca_text else "")
            self._made = google_session(self.spec.gcp, SCOPE, self.spec.place, (ca or True) if self.spec.validate else False)
        return self._made
