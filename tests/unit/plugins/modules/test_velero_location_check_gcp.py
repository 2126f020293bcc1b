# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of velero_location_check for a location of Google Cloud, against the simulated one: with just the rights that the role gives."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import gcp_permissions
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from unit.plugins.modules.indoors import module

from lab.google.google import Google
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.velero.crds import definitions
from lab.velero.profile import profile_of

BUCKET, EMAIL, TOKEN = "ci-backups", "velero@lab-project.iam.gserviceaccount.com", "canary-token-78"


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with Google.start() as running:
        running.ask("bucket", name=BUCKET)
        running.ask("account", name="velero")
        token = running.ask("token", member="serviceAccount:operator@lab-project.iam.gserviceaccount.com")["token"]
        roles, headers = f"{running.url}/v1/projects/lab-project/roles", {"Authorization": f"Bearer {token}"}
        for permission in gcp_permissions()["bucket"]:  # a role for each, to be without one
            name = "only_" + permission.rpartition(".")[2]
            body = {"roleId": name, "role": {"includedPermissions": [permission], "stage": "GA"}}
            requests.post(roles, json=body, headers=headers, timeout=10).raise_for_status()
        yield running


def cluster(google: Google, without: str = "") -> tuple[State, str]:
    """A cluster whose Velero has a key of its own, and all rights on the bucket but one; and that key's secret."""
    running_policy = google.ask("policy", resource=f"buckets/{BUCKET}")
    mine = {one["role"].rpartition("_")[2] for one in running_policy if f"serviceAccount:{EMAIL}" in one["members"]}
    assert not mine or not without, "a right cannot be taken back here"
    for permission in gcp_permissions()["bucket"]:
        verb = permission.rpartition(".")[2]
        if permission != without and verb not in mine:
            google.ask("grant", resource=f"buckets/{BUCKET}", role=f"projects/lab-project/roles/only_{verb}", member=f"serviceAccount:{EMAIL}")
    contents = google.ask("key", email=EMAIL)["contents"]
    state = State()
    state.users[TOKEN] = ADMIN
    for body in definitions(profile_of("1.14.0")):
        state.put("customresourcedefinitions.apiextensions.k8s.io", "", body["metadata"]["name"], body)
    state.put("backupstoragelocations.velero.io", "velero", "default", google.location(BUCKET, "velero"))
    state.put("secrets", "velero", "cloud-credentials", {"data": {"cloud": base64.b64encode(contents.encode()).decode()}})
    return state, json.loads(contents)["private_key"].splitlines()[1]


def check(state: State, secret: str, dry: bool = False, **params: Any) -> dict[str, Any]:
    door, server = module("velero_location_check").DOOR, Server(state)
    full = {name: option.get("default") for name, option in door.options.items()} | {"host": server.url, "api_key": TOKEN, **params}
    try:
        result = dict(door.probe(full, dry, SystemClock()))
    except CollectionError as error:
        result = {"failure": str(error), "steps": []}
    finally:
        server.stop()
    assert secret not in repr(result)
    return result


def test_first_each_right_that_is_missing_is_named(google: Google) -> None:
    state, secret = cluster(google, without="storage.objects.delete")
    result = check(state, secret)
    assert (result["verdict"], result["cause"]) == ("unusable", "access_denied") and "storage.objects.delete" in result["evidence"]
    assert len(result["left_behind"]) == 1


def test_with_the_rights_of_the_role_it_works_and_what_was_left_goes_when_it_is_old(google: Google) -> None:
    state, secret = cluster(google)
    before = google.ask("objects", bucket=BUCKET)
    dry = check(state, secret, dry=True)
    assert google.ask("objects", bucket=BUCKET) == before
    google.ask("calls")
    result = check(state, secret)
    assert (result["failure"], result["verdict"], result["steps"]) == ("", "usable", dry["steps"])
    assert google.ask("objects", bucket=BUCKET) == before
    calls = [call for call in google.ask("calls") if call["path"] != "/token"]
    assert {call["member"] for call in calls} == {f"serviceAccount:{EMAIL}"} and {call["status"] for call in calls} == {200, 204}


def test_without_a_secret_a_key_of_the_task_s_is_taken(google: Google) -> None:
    """Workload identity: there is no Secret in the cluster."""
    state, secret = cluster(google)
    state.remove("secrets", "velero", "cloud-credentials")
    assert "has no Secret to take credentials from" in check(state, secret)["failure"]
    contents = google.ask("key", email=EMAIL)["contents"]
    assert check(state, secret, cloud={"service_account_contents": contents})["verdict"] == "usable"


@pytest.mark.parametrize(
    ("spec", "cause"),
    [({"objectStorage": {"bucket": "nowhere-at-all"}}, "bucket_missing"), ({"config": {"storeEndpoint": "http://127.0.0.1:1/storage/v1/"}}, "unreachable")],
)
def test_what_is_wrong_with_the_location_is_named(google: Google, spec: dict[str, Any], cause: str) -> None:
    state, secret = cluster(google)
    body = google.location(BUCKET, "velero")
    state.put("backupstoragelocations.velero.io", "velero", "default", {**body, "spec": {**body["spec"], **spec}})
    assert check(state, secret)["cause"] == cause
