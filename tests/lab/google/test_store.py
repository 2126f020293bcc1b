# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud Storage as Velero's location is reached, on the simulated Google: each refusal has its cause, and nothing but what is wrong does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.causes import StoreDenied, StoreError, StoreMissing, StoreRefused, StoreSilent
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import ObjectStore, store_of
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

from lab.google.google import Google
from lab.google.pairs import pair

BUCKET = "my-bucket"  # a name that holds the word by which a missing bucket was once told from a missing object
ROLE = "projects/lab-project/roles/velero_objects"
OBJECTS = [f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")]


@pytest.fixture(scope="module")
def running() -> Iterator[Google]:
    with Google.start() as google:
        google.ask("bucket", name=BUCKET)
        email = google.ask("account", name="velero")["email"]
        token = google.ask("token", member="serviceAccount:operator@lab-project.iam.gserviceaccount.com")["token"]
        body = {"roleId": "velero_objects", "role": {"includedPermissions": OBJECTS, "stage": "GA"}}
        requests.post(f"{google.url}/v1/projects/lab-project/roles", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=10).raise_for_status()
        google.ask("grant", resource=f"buckets/{BUCKET}", role=ROLE, member=f"serviceAccount:{email}")
        yield google


@pytest.fixture
def google(running: Google) -> Iterator[Google]:
    yield running
    running.fault()
    running.ask("clock", offset=0)


@pytest.fixture(scope="module")
def key(running: Google) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(running.ask("key", email="velero@lab-project.iam.gserviceaccount.com")["contents"])
    return found


def asked(google: Google, key: dict[str, Any], bucket: str = BUCKET) -> ObjectStore:
    """By Velero's own Secret."""
    return store_of(google.location(bucket, "velero"), secret=Secret(json.dumps(key)))


def test_what_is_written_is_there_and_can_be_read_and_deleted(google: Google, key: dict[str, Any]) -> None:
    way = asked(google, key)
    name = "velero/backups/one two/ä+%2F&x"
    way.put(name, b"12345")
    way.put(name, b"123456")
    assert way.list("velero/") == {name: 6} and way.get(name) == b"123456"
    way.delete(name)
    way.delete(name)
    assert way.list("velero/") == {}


def test_more_objects_than_one_page_has(google: Google, key: dict[str, Any]) -> None:
    google.ask("bucket", name="many-objects")
    google.ask("grant", resource="buckets/many-objects", role=ROLE, member="serviceAccount:velero@lab-project.iam.gserviceaccount.com")
    for number in range(1003):
        google.ask("write", bucket="many-objects", key=f"velero/{number:04}")
    google.ask("calls")
    assert len(asked(google, key, "many-objects").list("velero/")) == 1003
    assert [call["path"] for call in google.ask("calls")] == ["/token", *["/storage/v1/b/many-objects/o"] * 2]


def test_where_it_is_takes_a_right_that_velero_has_not(google: Google, key: dict[str, Any]) -> None:
    with pytest.raises(StoreDenied) as caught:
        asked(google, key).region()
    assert caught.value.cause == "access_denied" and "storage.buckets.get" in caught.value.evidence
    location = google.location(BUCKET)
    assert store_of(location, cloud={"service_account_contents": google.contents}).region() == "EUROPE-WEST1"


@pytest.mark.parametrize(
    ("spoil", "cause", "kind", "words"),
    [
        (lambda google: google.fault("denied"), "other", StoreRefused, ""),
        (lambda google: google.fault("denied", match="/storage/"), "access_denied", StoreDenied, "Permission denied"),
        (lambda google: google.fault("busy", match="/storage/"), "busy", StoreSilent, "429"),
        (lambda google: google.fault("unavailable", match="/storage/"), "busy", StoreSilent, "503"),
        (lambda google: google.fault("reset"), "unreachable", StoreSilent, ""),
        (lambda google: google.ask("clock", offset=7200), "clock_skew", StoreRefused, "reasonable timeframe"),
        (lambda google: google.ask("clock", offset=-7200), "clock_skew", StoreRefused, "reasonable timeframe"),
    ],
)
def test_each_trouble_has_its_cause(
    google: Google, key: dict[str, Any], spoil: Callable[[Google], Any], cause: str, kind: type[StoreError], words: str
) -> None:
    spoil(google)
    with mock.patch("google.auth._exponential_backoff.time.sleep"), pytest.raises(kind) as caught:
        asked(google, key).list("velero/")
    assert caught.value.cause == cause and words in caught.value.evidence
    assert f"bucket {BUCKET} at http://127.0.0.1:" in str(caught.value) and "/storage/v1" not in caught.value.args[0].partition(" (")[0]
    assert key["private_key"].splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"private_key": pair(50)[0]}, "wrong_signature"),
        ({"private_key_id": "0" * 40}, "wrong_signature"),
        ({"client_email": "none@lab-project.iam.gserviceaccount.com"}, "unknown_key"),
    ],
)
def test_a_key_that_is_no_good(google: Google, key: dict[str, Any], wrong: dict[str, Any], cause: str) -> None:
    with pytest.raises(StoreDenied) as caught:
        asked(google, {**key, **wrong}).list("velero/")
    assert caught.value.cause == cause


def test_no_such_bucket_and_no_such_object(google: Google, key: dict[str, Any]) -> None:
    with pytest.raises(StoreMissing) as caught:
        asked(google, key).get("velero/none")
    assert caught.value.cause == "object_missing"
    for act in (lambda way: way.list(""), lambda way: way.delete("x"), lambda way: way.put("x", b"")):
        with pytest.raises(StoreMissing) as caught:
            act(asked(google, key, "nowhere-at-all"))
        assert caught.value.cause == "bucket_missing"


def test_a_token_that_ends_in_the_middle_is_got_again(google: Google, key: dict[str, Any]) -> None:
    way = asked(google, key)
    assert way.list("velero/") == {}
    google.ask("clock", offset=3650)  # the token is over at Google's; here nobody knows
    google.ask("calls")
    assert way.list("velero/") == {}
    assert "/token" in [call["path"] for call in google.ask("calls")]


def test_the_secret_may_be_any_key_file_and_nothing_else(google: Google) -> None:
    with pytest.raises(BadInput, match="Velero's Secret is no key of a Google service account"):
        store_of(google.location(BUCKET), secret=Secret("[default]"))
