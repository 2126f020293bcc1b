# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of the VM service in Compute Engine: those of some labels in one zone. Paths: https://cloud.google.com/compute/docs/reference/rest/v1/instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import google_is_there
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.errors import cut, from_google
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.google_client import TIMEOUT, google_message, google_session
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.location import google_key
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import GcpKey
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import Vm, VmSpec, vm_from_gce

ADDRESS = "https://compute.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/compute"
GOOGLE = "Compute Engine"


class Gce:
    """One zone of one project; the session is made when it is first asked."""

    def __init__(self, spec: VmSpec, cloud: Mapping[str, Any]) -> None:
        self._spec, self._cloud = spec, cloud
        self._made: Any = None
        self._at = str(cloud.get("endpoint_url") or ADDRESS).rstrip("/")

    def vms(self) -> list[Vm]:
        """All that carry the labels."""
        query = {"filter": " AND ".join(f"labels.{key}={value}" for key, value in sorted(self._spec.marks.items()))}
        found: list[Vm] = []
        with doing(f"list the machines of the VM service in {self._spec.zone}"):
            while True:
                answer = self._ask("GET", self._path, query)
                found += [vm_from_gce(one) for one in answer.get("items") or ()]
                if not answer.get("nextPageToken"):
                    return sorted(found, key=lambda vm: (vm.launched, vm.id))
                query["pageToken"] = str(answer["nextPageToken"])

    def terminate(self, vm: str) -> None:
        """Delete one; one that is gone is no failure."""
        try:
            with doing(f"delete {vm}"):
                self._ask("DELETE", f"{self._path}/{quote(vm, safe='')}", {})
        except NotFound:
            pass

    @property
    def _path(self) -> str:
        return f"/compute/v1/projects/{quote(self._spec.project, safe='')}/zones/{quote(self._spec.zone, safe='')}/instances"

    def _ask(self, method: str, path: str, query: Mapping[str, str]) -> Json:
        import requests
        from google.auth.exceptions import GoogleAuthError

        try:
            answer = self._session().request(method, self._at + path, params=dict(query), timeout=TIMEOUT, allow_redirects=False)
        except (GoogleAuthError, requests.exceptions.RequestException) as error:
            raise from_google(error, GOOGLE) from None
        if answer.status_code // 100 != 2:
            raise _refusal(answer.status_code, google_message(answer))
        try:
            return dict(answer.json())
        except ValueError:
            raise Refused("the answer is no JSON of Google's; look at cloud.endpoint_url and at what stands between here and Google") from None

    def _session(self) -> Any:
        if self._made is None:
            google_is_there(GOOGLE)
            self._made = google_session(_key(self._cloud), SCOPE, GOOGLE)
        return self._made


def _key(cloud: Mapping[str, Any]) -> Optional[GcpKey]:
    contents, file = cloud.get("service_account_contents"), cloud.get("service_account_file")
    if contents:
        return GcpKey(contents=google_key(Secret(contents), "cloud.service_account_contents"))
    return GcpKey(file=file) if file else None


def _refusal(status: int, message: str) -> CollectionError:
    words = f"Google answers {status}: {cut(message)}"
    if status in (401, 403):
        return NotPermitted(words)
    if status == 404:
        return NotFound(words)
    return Unreachable(words) if status in (408, 429) or status >= 500 else Refused(words)
