# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of velero_location_check, against a Kubernetes and a store on the loopback: the cause is named, and nothing stays behind."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import AwsWish, aws_policy
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.s3_client import S3Store
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.velero.location_probe import STEM, probe_name
from unit.plugins.modules.indoors import check_options, module, process, returned

from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.store.store import Store
from lab.velero.crds import definitions
from lab.velero.profile import profile_of

NAME = "velero_location_check"
CANARY = "canary/secret+key=9a1"
TOKEN = "canary-token-77"
RUN = "0" * 32
OTHERS = {"velero/backups/one/velero-backup.json": 2, "velero/kopia/x": 1}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.start() as running:
        running.bucket("backups", "eu-west-1")
        yield running


@pytest.fixture
def cluster(store: Store) -> Iterator[State]:
    state = State()
    state.users[TOKEN] = ADMIN
    for body in definitions(profile_of("1.14.0")):
        state.put("customresourcedefinitions.apiextensions.k8s.io", "", body["metadata"]["name"], body)
    state.put("backupstoragelocations.velero.io", "velero", "default", store.location("backups", "velero", "eu-west-1"))
    credentials(state, f"[default]\naws_access_key_id=AKIALAB\naws_secret_access_key={CANARY}\n")
    for key, size in OTHERS.items():
        store.write("backups", key, "x" * size)
    server = Server(state)
    state.lab_url = server.url  # type: ignore[attr-defined]
    yield state
    server.stop()
    store.faults()
    store.clock(0)
    store.enforce(False)
    for key in store.objects("backups"):
        store.remove("backups", key)


def credentials(state: State, text: str) -> None:
    state.put("secrets", "velero", "cloud-credentials", {"data": {"cloud": base64.b64encode(text.encode()).decode()}})


def edit(state: State, **spec: Any) -> None:
    body = state.get("backupstoragelocations.velero.io", "velero", "default")
    assert body
    state.put("backupstoragelocations.velero.io", "velero", "default", {**body, "spec": {**body["spec"], **spec}})


def params_for(state: State, **params: Any) -> dict[str, Any]:
    return {"host": state.lab_url, "api_key": TOKEN, **params}  # type: ignore[attr-defined]


def check(state: State, dry: bool = False, **params: Any) -> dict[str, Any]:
    """The result as the door would give it, `msg` empty where it did not fail."""
    door = module(NAME).DOOR
    full = {name: option.get("default") for name, option in door.options.items()} | params_for(state, **params)
    try:
        result = door.probe(full, dry, SystemClock())
    except CollectionError as error:
        result = {"failure": str(error), "steps": []}
    assert CANARY not in repr(result) and TOKEN not in repr(result)
    return {**result, "failed": bool(result["failure"]), "msg": result["failure"]}


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_a_location_that_works_is_usable_and_left_as_it_was(cluster: State, store: Store) -> None:
    store.calls()
    result = check(cluster)
    assert (result["msg"], result["changed"], result["verdict"], result["cause"]) == ("", False, "usable", None)
    assert result["steps"] == [{"step": "write"}, {"step": "read"}, {"step": "delete"}]
    assert (result["bucket"], result["prefix"], result["region"], result["left_behind"]) == ("backups", "velero", "eu-west-1", [])
    assert store.objects("backups") == OTHERS
    calls = store.calls()
    assert [call["method"] for call in calls] == ["GET", "PUT", "GET", "DELETE", "GET"]
    assert {call["key"] for call in calls} == {"AKIALAB"}, "Velero's own key"
    assert calls[1]["path"].startswith(f"/backups/velero/{STEM}"), "an object below the prefix: a folder would spoil the location"
    assert set(result) - {"changed", "failed", "msg", "failure"} == set(returned(NAME))


def test_as_a_process_it_ends_well_or_fails_with_all_it_knows(cluster: State, store: Store) -> None:
    clean = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    result = process(NAME, clean, **params_for(cluster))
    assert (result.get("failed", False), result["changed"], result["verdict"]) == (False, False, "usable")
    assert "failure" not in result
    dry = process(NAME, clean, _ansible_check_mode=True, **params_for(cluster))
    assert dry["steps"] == result["steps"]
    store.faults({"answer": "AccessDenied", "method": "PUT"})
    result = process(NAME, clean, **params_for(cluster))
    assert (result["failed"], result["cause"], result["verdict"]) == (True, "access_denied", "unusable")
    assert CANARY not in str(result)


def test_check_mode_lists_and_writes_nothing(cluster: State, store: Store) -> None:
    store.calls()
    result = check(cluster, dry=True)
    assert (result["changed"], result["verdict"]) == (False, "usable")
    assert result["steps"] == check(cluster)["steps"]
    assert [call["method"] for call in store.calls()][:1] == ["GET"]


def test_check_mode_tells_a_cause_too(cluster: State, store: Store) -> None:
    edit(cluster, objectStorage={"bucket": "nowhere"})
    assert check(cluster, dry=True)["cause"] == "bucket_missing"


def test_a_leftover_of_a_killed_run_is_swept_and_a_running_one_s_is_not(cluster: State, store: Store) -> None:
    old, new = "velero/" + probe_name(time.time() - 600, RUN), "velero/" + probe_name(time.time() - 60, RUN)
    for key in (old, new):
        store.write("backups", key, "x")
    foreseen = check(cluster, dry=True)
    assert store.objects("backups", f"velero/{STEM}") == {old: 1, new: 1}
    result = check(cluster)
    assert result["changed"] is foreseen["changed"] is True
    assert result["steps"] == foreseen["steps"] == [{"step": "sweep", "object": old}, {"step": "write"}, {"step": "read"}, {"step": "delete"}]
    assert store.objects("backups", f"velero/{STEM}") == {new: 1}
    assert check(cluster)["changed"] is False


@pytest.mark.parametrize(
    ("fault", "cause", "verdict"),
    [
        ({"answer": "AccessDenied"}, "access_denied", "unusable"),
        ({"answer": "AccessDenied", "method": "PUT"}, "access_denied", "unusable"),
        ({"answer": "SignatureDoesNotMatch"}, "wrong_signature", "unusable"),
        ({"answer": "RequestTimeTooSkewed"}, "clock_skew", "unusable"),
        ({"answer": "NoSuchBucket"}, "bucket_missing", "unusable"),
        ({"answer": "PermanentRedirect"}, "wrong_region", "unusable"),
        ({"answer": "SlowDown", "method": "PUT"}, "busy", "unknown"),
        ({"answer": "reset"}, "unreachable", "unknown"),
        ({"answer": "reset", "method": "PUT"}, "unreachable", "unknown"),
        ({"answer": "garbled", "method": "GET", "path": f"/backups/velero/{STEM}"}, "unfinished", "unusable"),
    ],
)
def test_what_does_not_work_is_named_and_nothing_stays(cluster: State, store: Store, fault: dict[str, Any], cause: str, verdict: str) -> None:
    store.faults(fault)
    result = check(cluster)
    assert (result["failed"], result["changed"], result["cause"], result["verdict"]) == (True, False, cause, verdict)
    assert result["evidence"] and result["remedy"] and result["remedy"] in result["msg"]
    assert store.objects("backups") == OTHERS


def test_an_object_that_may_not_be_deleted_is_named(cluster: State, store: Store) -> None:
    store.faults({"answer": "AccessDenied", "method": "DELETE"})
    result = check(cluster)
    assert (result["failed"], result["cause"]) == (True, "access_denied")
    assert [*store.objects("backups", f"velero/{STEM}")] == result["left_behind"]
    assert result["left_behind"][0] in result["msg"]


def test_the_key_s_rights_count(cluster: State, store: Store) -> None:
    lists = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::backups"}
    key = store.user("lister", {"Version": "2012-10-17", "Statement": [lists]})
    store.enforce()
    assert check(cluster, cloud=key)["cause"] == "access_denied"
    assert check(cluster, cloud={**key, "secret_key": "none-such"})["cause"] == "wrong_signature"
    assert check(cluster)["cause"] == "unknown_key", "Velero's own key is none of this store's"


def test_the_least_policy_is_enough_here_and_nowhere_else(cluster: State, store: Store) -> None:
    key = store.user("velero", aws_policy(AwsWish("backups", "velero")))
    store.enforce()
    assert check(cluster, cloud=key)["verdict"] == "usable"
    edit(cluster, objectStorage={"bucket": "backups", "prefix": "velero-other"})
    result = check(cluster, cloud=key)
    assert (result["cause"], "PutObject" in result["evidence"]) == ("access_denied", True), "moto knows no condition on s3:prefix, so it lists"


def test_the_wrong_region_and_the_store_s_clock(cluster: State, store: Store) -> None:
    result = check(cluster, cloud={"region": "us-east-2", "access_key": "A", "secret_key": CANARY})
    assert (result["cause"], "eu-west-1" in result["evidence"]) == ("wrong_region", True)
    store.clock(3600)
    assert check(cluster)["cause"] == "clock_skew"


def test_a_read_only_location_is_listed_only(cluster: State, store: Store) -> None:
    edit(cluster, accessMode="ReadOnly")
    store.calls()
    result = check(cluster)
    assert (result["verdict"], result["steps"]) == ("read_only", [])
    assert [call["method"] for call in store.calls()] == ["GET"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"location": "none"}, "location is none, which namespace velero does not have: there are default"),
        ({"namespace": "elsewhere"}, "there is none; is Velero installed there?"),
        ({"location": ""}, "location is empty"),
        ({"cloud": {"access_key": "A"}}, "cloud has only one of access_key and secret_key"),
    ],
)
def test_what_cannot_be_is_told_before_the_store_is_asked(cluster: State, store: Store, params: dict[str, Any], words: str) -> None:
    store.calls()
    result = check(cluster, **params)
    assert result["failed"] and words in result["msg"] and result["steps"] == []
    assert store.calls() == []


@pytest.mark.parametrize(
    ("text", "words"), [(f"aws_secret_access_key={CANARY}", "no AWS credentials file"), (f"[other]\naws_secret_access_key={CANARY}", "no profile [default]")]
)
def test_a_secret_that_is_none_is_told_without_it(cluster: State, text: str, words: str) -> None:
    credentials(cluster, text)
    assert words in check(cluster)["msg"]


def test_without_a_secret_and_without_cloud_the_remedy_is_named(cluster: State) -> None:
    cluster.remove("secrets", "velero", "cloud-credentials")
    assert "give cloud, with a key or a profile" in check(cluster)["msg"]
    cluster.put("secrets", "velero", "cloud-credentials", {"data": {"other": ""}})
    assert "has no key cloud" in check(cluster)["msg"]


@pytest.mark.parametrize("act", ["put", "get", "delete"])
def test_killed_anywhere_the_next_run_leaves_nothing(cluster: State, store: Store, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The death is a KeyboardInterrupt after the call took effect; what it leaves is swept once it is old."""
    whole = getattr(S3Store, act)

    def dies(self: S3Store, *given: Any) -> Any:
        whole(self, *given)
        raise KeyboardInterrupt

    monkeypatch.setattr(S3Store, act, dies)
    params = params_for(cluster, cloud={"access_key": "A", "secret_key": "B"})
    with pytest.raises(KeyboardInterrupt):
        module(NAME).DOOR.probe(params, False, TenMinutesAgo())
    monkeypatch.undo()
    check(cluster)
    assert store.objects("backups") == OTHERS


class TenMinutesAgo(SystemClock):
    """What began then is old now."""

    def wall(self) -> datetime:
        return super().wall() - timedelta(minutes=10)
