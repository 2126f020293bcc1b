# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's store and what asks it: every fault gives its cause, and nothing but the fault does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.causes import StoreDenied, StoreError, StoreMissing, StoreRefused, StoreSilent
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import ObjectStore, store_of

from lab.store.store import Store

KEY = {"access_key": "AKIALAB", "secret_key": "canary-secret"}


@pytest.fixture(scope="module")
def running() -> Iterator[Store]:
    with Store.start() as store:
        store.bucket("backups", "eu-west-1")
        store.bucket("elsewhere")
        yield store


@pytest.fixture
def store(running: Store) -> Iterator[Store]:
    yield running
    running.faults()
    running.clock(0)
    running.enforce(False)
    for key in running.objects("backups"):
        running.remove("backups", key)


def asked(store: Store, bucket: str = "backups", region: str = "eu-west-1", **cloud: Any) -> ObjectStore:
    return store_of(store.location(bucket, "velero", region), cloud={**KEY, **cloud})


def test_what_is_written_is_there_and_can_be_read_and_deleted(store: Store) -> None:
    way = asked(store)
    way.put("velero/backups/one/x", b"12345")
    store.write("backups", "other/x", "1")
    assert store.objects("backups") == {"velero/backups/one/x": 5, "other/x": 1}
    assert way.list("velero/") == {"velero/backups/one/x": 5}
    assert way.get("velero/backups/one/x") == b"12345"
    assert way.region() == "eu-west-1"
    way.delete("velero/backups/one/x")
    way.delete("velero/backups/one/x")
    assert way.list("velero/") == {}


def test_a_fault_of_iam_is_said_as_iam_says_it_and_lets_pass_what_comes_before(store: Store) -> None:
    iam = boto3.client("iam", endpoint_url=store.url, region_name="us-east-1", aws_access_key_id="lab", aws_secret_access_key="lab")
    iam.create_user(UserName="one")
    store.fault("NoSuchEntity", action="GetUser", after=1, times=1)
    assert iam.list_users()["Users"] and iam.get_user(UserName="one")["User"]
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName="one")
    assert iam.get_user(UserName="one")["User"] and [call["action"] for call in store.calls()][-1] == "GetUser"
    iam.delete_user(UserName="one")


def test_more_objects_than_one_page_has(store: Store) -> None:
    for number in range(1003):
        store.write("backups", f"velero/{number:04}", "1")
    assert len(asked(store).list("velero/")) == 1003


@pytest.mark.parametrize(
    ("answer", "cause", "kind"),
    [
        ("AccessDenied", "access_denied", StoreDenied),
        ("SignatureDoesNotMatch", "wrong_signature", StoreDenied),
        ("InvalidAccessKeyId", "unknown_key", StoreDenied),
        ("ExpiredToken", "expired_token", StoreDenied),
        ("RequestTimeTooSkewed", "clock_skew", StoreRefused),
        ("NoSuchBucket", "bucket_missing", StoreMissing),
        ("PermanentRedirect", "wrong_region", StoreRefused),
        ("AuthorizationHeaderMalformed", "wrong_region", StoreRefused),
        ("SlowDown", "busy", StoreSilent),
        ("InternalError", "busy", StoreSilent),
        ("reset", "unreachable", StoreSilent),
    ],
)
def test_each_answer_has_its_cause(store: Store, answer: str, cause: str, kind: type[StoreError]) -> None:
    store.fault(answer)
    with pytest.raises(kind) as caught:
        asked(store).list("velero/")
    assert caught.value.cause == cause
    assert "bucket backups" in str(caught.value)
    assert "canary-secret" not in str(caught.value)


@pytest.mark.parametrize("answer", ["SlowDown", "reset"])
def test_what_passes_is_tried_again(store: Store, answer: str) -> None:
    store.fault(answer, times=2)
    assert asked(store).list("velero/") == {}


def test_a_slow_answer_is_an_answer(store: Store) -> None:
    store.fault("slow", seconds=0.5)
    assert asked(store).list("velero/") == {}


def test_a_bucket_elsewhere_is_not_followed_and_its_region_is_named(store: Store) -> None:
    with pytest.raises(StoreRefused, match="Region: us-east-1") as caught:
        asked(store, "elsewhere").list("velero/")
    assert caught.value.cause == "wrong_region"


def test_no_such_bucket(store: Store) -> None:
    with pytest.raises(StoreMissing) as caught:
        asked(store, "nowhere").put("velero/x", b"")
    assert caught.value.cause == "bucket_missing"


def test_no_such_object(store: Store) -> None:
    with pytest.raises(StoreMissing) as caught:
        asked(store).get("velero/none")
    assert caught.value.cause == "object_missing"


@pytest.mark.parametrize("offset", [-1000, 1000])
def test_a_clock_that_is_off_is_told_with_both_times(store: Store, offset: int) -> None:
    store.clock(offset)
    with pytest.raises(StoreRefused, match=r"ServerTime: .*RequestTime: |RequestTime: .*ServerTime: ") as caught:
        asked(store).list("velero/")
    assert caught.value.cause == "clock_skew"


def test_a_clock_a_little_off_is_none(store: Store) -> None:
    store.clock(600)
    assert asked(store).list("velero/") == {}


def test_nobody_is_there() -> None:
    location = {"metadata": {"name": "x"}, "spec": {"provider": "aws", "objectStorage": {"bucket": "backups"}, "config": {"s3Url": "http://127.0.0.1:1"}}}
    with pytest.raises(StoreSilent) as caught:
        store_of(location, cloud=KEY).list("")
    assert caught.value.cause == "unreachable"


def test_no_tls_where_tls_is_asked_for(store: Store) -> None:
    location = store.location("backups")
    location["spec"]["config"]["s3Url"] = store.url.replace("http:", "https:")
    with pytest.raises(StoreSilent) as caught:
        store_of(location, cloud=KEY).list("")
    assert caught.value.cause == "bad_certificate"


def test_a_profile_that_is_nowhere(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(StoreDenied) as caught:
        store_of(store.location("backups"), cloud={"profile": "none-such"}).list("")
    assert caught.value.cause == "no_credentials"


def test_keys_and_policies_count_once_they_are_enforced(store: Store) -> None:
    reads = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["arn:aws:s3:::backups", "arn:aws:s3:::backups/velero/*"]}
    key = store.user("reader", {"Version": "2012-10-17", "Statement": [reads]})
    store.write("backups", "velero/x", "1")
    store.write("backups", "other/x", "1")
    store.enforce()
    way = asked(store, **key)
    assert way.get("velero/x") == b"1"
    for act in (lambda: way.put("velero/y", b""), lambda: way.get("other/x"), lambda: way.delete("velero/x")):
        with pytest.raises(StoreDenied) as caught:
            act()
        assert caught.value.cause == "access_denied"
    for wrong, cause in (({"secret_key": "wrong"}, "wrong_signature"), ({"access_key": "AKIANONE"}, "unknown_key")):
        with pytest.raises(StoreDenied) as caught:
            asked(store, **{**key, **wrong}).get("velero/x")
        assert caught.value.cause == cause


def test_a_fault_that_there_is_not_is_told(store: Store) -> None:
    with pytest.raises(OSError, match="400"):
        store.fault("Nonsense")


def test_the_calls_are_recorded(store: Store) -> None:
    store.calls()
    asked(store).list("velero/")
    assert [(call["method"], call["path"], call["status"], call["key"]) for call in store.calls()] == [("GET", "/backups", 200, "AKIALAB")]
