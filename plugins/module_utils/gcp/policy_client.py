# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of a project, a bucket and a service account: each service has its own way to them."""

from __future__ import annotations

from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import IAM, PROJECTS, STORAGE, GcpClient
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.errors import NotYet

# With an older one conditions come as roles that there are not: https://cloud.google.com/iam/docs/policies#versions
VERSION = 3


class Policies:
    """By place: project, account, bucket NAME."""

    def __init__(self, client: GcpClient, email: str) -> None:
        self._client = client
        self._account = f"/v1/projects/{quote(client.project, safe='')}/serviceAccounts/{email}"
        self._project = f"/v3/projects/{quote(client.project, safe='')}"

    def read(self, place: str, must: bool = False) -> Json:
        """The policy as it is. Of a bucket or an account that is not there, it is empty, unless it `must` be there."""
        try:
            return self._read(place)
        except NotFound as error:
            if not must:
                return {}
            if place == "account":  # it was seen a moment ago, by another part of Google
                raise NotYet(str(error)) from None
            raise

    def _read(self, place: str) -> Json:
        if place == "project":
            return self._client.read("POST", PROJECTS, f"{self._project}:getIamPolicy", {"options": {"requestedPolicyVersion": VERSION}})
        if place == "account":
            return self._client.read("POST", IAM, f"{self._account}:getIamPolicy", query={"options.requestedPolicyVersion": str(VERSION)})
        return self._client.read("GET", STORAGE, _bucket(place), query={"optionsRequestedPolicyVersion": str(VERSION)})

    def write(self, place: str, policy: Json) -> None:
        """The whole policy, over the version that its etag names."""
        given = {**policy, "version": VERSION}
        if place == "project":
            self._client.write("POST", PROJECTS, f"{self._project}:setIamPolicy", {"policy": given})
        elif place == "account":
            self._client.write("POST", IAM, f"{self._account}:setIamPolicy", {"policy": given})
        else:
            self._client.write("PUT", STORAGE, _bucket(place), given)


def _bucket(place: str) -> str:
    return f"/storage/v1/b/{quote(place.partition(' ')[2], safe='')}/iam"
