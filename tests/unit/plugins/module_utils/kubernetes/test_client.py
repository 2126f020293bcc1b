# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects: what goes out for each act, and what comes back, by recorded answers where there are any."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import kinds, refusals
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP, DEPLOYMENT, JOB, NODE, POD, Kind
from unit.plugins.module_utils.kubernetes.scripted import Answer, Asked, recorded, replayed, scripted

BACKUP = Kind("velero.io", "v1", "backups", "Backup")
LINES = {(line.get("note"), line["request"]["method"]): line for name in ("crud", "lists", "gone-410") for line in recorded(name) if "request" in line}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (POD.path("lab", "a", "log"), "/api/v1/namespaces/lab/pods/a/log"),
        (POD.path(), "/api/v1/pods"),
        (NODE.path("ignored", "n"), "/api/v1/nodes/n"),
        (BACKUP.path("velero"), "/apis/velero.io/v1/namespaces/velero/backups"),
        (POD.path("../x", "a/b?c"), "/api/v1/namespaces/..%2Fx/pods/a%2Fb%3Fc"),
    ],
)
def test_where_a_kind_is_kept(path: str, expected: str) -> None:
    assert path == expected


def test_the_kinds_are_those_of_the_recorded_cluster() -> None:
    ours = [one for one in vars(kinds).values() if isinstance(one, Kind)]
    assert len(ours) >= 17 and len({(one.group, one.plural) for one in ours}) == len(ours)
    paths = {line["request"]["path"] for name in ("crud", "crd", "auth", "lists", "no-kubelet", "discovery") for line in recorded(name) if "request" in line}
    for one in (POD, NODE, kinds.SECRET, CONFIG_MAP, kinds.CRD, kinds.ACCESS_REVIEW, kinds.ROLE):
        assert any(path.startswith((one.path(), one.path("lab"))) for path in paths), one


def test_an_object_for_people() -> None:
    assert BACKUP.words("velero", "a") == "backups.velero.io velero/a" and BACKUP.words("velero") == "backups.velero.io in namespace velero"
    assert NODE.words("", "n") == "nodes n" and POD.words() == "pods"


def test_an_object_that_is_not_there_is_none_and_a_kind_that_is_not_served_is_not() -> None:
    missing = next(line for line in recorded("crud") if line.get("response", {}).get("status") == 404 and line["request"]["method"] == "GET")
    client, _asked = scripted(replayed(missing), replayed(missing), Answer(404, "404 page not found\n"))
    assert client.find(CONFIG_MAP, "lab", "missing") is None
    with pytest.raises(NotFound) as caught:
        client.get(CONFIG_MAP, "lab", "missing")
    assert not isinstance(caught.value, refusals.NotServed)
    with pytest.raises(refusals.NotServed):
        client.find(BACKUP, "velero", "a")


def pages(*bodies: Any) -> tuple[Any, list[Asked]]:
    return scripted(*(body if isinstance(body, Answer) else Answer(200, body) for body in bodies))


def page(names: str, version: int, token: str = "") -> dict[str, Any]:
    return {"kind": "ConfigMapList", "metadata": {"resourceVersion": str(version), "continue": token}, "items": [{"metadata": {"name": one}} for one in names]}


def test_a_list_is_read_page_by_page_as_of_one_version() -> None:
    client, asked = pages(page("ab", 7, "t1"), page("cd", 7, "t2"), page("e", 7))
    found = client.list(CONFIG_MAP, "lab", labels="a=b", fields="metadata.name!=x")
    assert [item["metadata"]["name"] for item in found.items] == list("abcde") and found.version == "7"
    assert [one.query.get("continue") for one in asked] == [None, "t1", "t2"]
    assert all(one.query["labelSelector"] == "a=b" and one.query["fieldSelector"] == "metadata.name!=x" and one.query["limit"] == "500" for one in asked)
    assert {(item["kind"], item["apiVersion"]) for item in found.items} == {("ConfigMap", "v1")}


def test_a_list_whose_rest_is_forgotten_begins_anew_and_holds_nothing_twice() -> None:
    gone = next(replayed(line) for line in recorded("gone-410") if line.get("response", {}).get("status") == 410)
    client, asked = pages(page("ab", 7, "t1"), gone, page("abc", 9, "t2"), page("d", 9))
    found = client.list(CONFIG_MAP, "lab")
    assert [item["metadata"]["name"] for item in found.items] == list("abcd") and found.version == "9" and len(asked) == 4


def test_a_list_that_is_forgotten_again_and_again_is_asked_for_whole() -> None:
    def script(asked: Asked) -> Answer:
        if "continue" in asked.query:
            return Answer(410, {"kind": "Status", "reason": "Expired", "message": "too old", "metadata": {"continue": "x"}})
        return Answer(200, page("ab", 7, "t") if "limit" in asked.query else page("abc", 8))

    client, asked = scripted(script=script)
    assert len(client.list(CONFIG_MAP, "lab").items) == 3 and "limit" not in asked[-1].query and len(asked) == 7


def test_the_recorded_lists_are_understood() -> None:
    lines = [line for line in recorded("lists") if line.get("response", {}).get("status") == 200 and isinstance(line["response"].get("body"), dict)]
    lists = [line for line in lines if "items" in line["response"]["body"]]
    assert len(lists) > 5
    for line in lists:
        body = {**line["response"]["body"], "metadata": {"resourceVersion": "1"}}
        client, _asked = pages(body)
        assert len(client.list(CONFIG_MAP, "lab").items) == len(body["items"] or ())


def test_a_create_goes_to_the_manifests_namespace_and_names_its_kind_and_us() -> None:
    client, asked = scripted(script=lambda _asked: Answer(201, {"kind": "Backup"}))
    manifest = {"metadata": {"name": "a", "namespace": "velero"}, "spec": {}}
    client.create(BACKUP, manifest)
    client.create(BACKUP, manifest, "other", dry_run=True)
    assert [one.path for one in asked] == [BACKUP.path("velero"), BACKUP.path("other")] and {one.method for one in asked} == {"POST"}
    assert asked[0].body == {"apiVersion": "velero.io/v1", "kind": "Backup", **manifest} and asked[0].query == {"fieldManager": "serverops.circleci"}
    assert asked[1].query["dryRun"] == "All"


def test_an_apply_never_carries_what_the_server_sets() -> None:
    client, asked = scripted(script=lambda _asked: Answer(200, {"kind": "Deployment"}))
    meta = {"name": "web", "namespace": "lab", "labels": {"a": "b"}}
    served = {"uid": "u", "resourceVersion": "5", "managedFields": [{}], "creationTimestamp": "t", "generation": 3, "selfLink": "s"}
    read = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**meta, **served}, "spec": {"replicas": 1}, "status": {"replicas": 1}}
    client.apply(DEPLOYMENT, read)
    client.apply(DEPLOYMENT, read, force=True, dry_run=True)
    assert asked[0].body == {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 1}}
    assert (asked[0].method, asked[0].path, asked[0].headers["Content-Type"]) == ("PATCH", DEPLOYMENT.path("lab", "web"), "application/apply-patch+yaml")
    assert asked[0].query == {"fieldManager": "serverops.circleci", "force": "false"}
    assert asked[1].query == {"fieldManager": "serverops.circleci", "force": "true", "dryRun": "All"}
    assert read["metadata"]["uid"] == "u", "the caller's own stays as it was"


def test_the_recorded_apply_conflict_names_who_and_what() -> None:
    line = next(line for line in recorded("server-side-apply") if line.get("response", {}).get("status") == 409)
    client, _asked = scripted(replayed(line))
    with pytest.raises(refusals.ApplyConflict, match=r"\.data\.a of one") as caught:
        client.apply(CONFIG_MAP, {"metadata": {"name": "ssa", "namespace": "lab"}})
    assert caught.value.owners == (("one", ".data.a"),)


def test_a_patch_is_a_merge_patch() -> None:
    client, asked = scripted(Answer(200, {"kind": "ConfigMap"}))
    client.patch(CONFIG_MAP, "lab", "a", {"metadata": {"resourceVersion": "5"}, "data": {"x": None}})
    assert (asked[0].method, asked[0].headers["Content-Type"]) == ("PATCH", "application/merge-patch+json")
    assert asked[0].body == {"metadata": {"resourceVersion": "5"}, "data": {"x": None}}


def test_a_delete_may_name_the_very_object_and_its_grace() -> None:
    client, asked = scripted(script=lambda _asked: Answer(200, {"kind": "Status"}))
    client.delete(JOB, "lab", "a")
    client.delete(POD, "lab", "a", uid="u-1", grace=0.0)
    assert asked[0].body == {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    assert asked[1].body["preconditions"] == {"uid": "u-1"} and asked[1].body["gracePeriodSeconds"] == 0


def test_a_log_is_text_of_the_last_lines() -> None:
    client, asked = scripted(Answer(200, "one\ntwo \u2713\n"), Answer(200, ""))
    assert client.log("lab", "p", "app", lines=2, previous=True) == "one\ntwo \u2713\n" and client.log("lab", "p") == ""
    assert asked[0].path == POD.path("lab", "p", "log")
    assert {name: asked[0].query[name] for name in ("tailLines", "container", "previous")} == {"tailLines": "2", "container": "app", "previous": "true"}
    assert asked[1].query["tailLines"] == "200" and "previous" not in asked[1].query and "container" not in asked[1].query


@pytest.mark.parametrize(("params", "words"), [({"host": "api.example"}, "host is no http"), ({"kubeconfig": "/no/such/file"}, "kubeconfig is /no/such/file")])
def test_options_that_cannot_be_are_refused_before_anything_is_asked(params: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        client_from_params(params)


def test_every_option_of_the_group_reaches_the_connection() -> None:
    from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

    given = {
        "host": "https://api.example:6443",
        "api_key": "k-1",
        "validate_certs": False,
        "proxy": "http://p:1",
        "impersonate_user": "someone",
        "context": "c",
    }
    connection = client_from_params(given).connection
    assert set(KUBERNETES_OPTIONS) == set(vars(connection))
    assert connection.api_key and connection.api_key.reveal() == "k-1"
    assert {name: getattr(connection, name) for name in given if name != "api_key"} == {name: value for name, value in given.items() if name != "api_key"}


def test_who_we_are_and_as_whom_we_act() -> None:
    client = client_from_params({"host": "https://api.example:6443/", "api_key": "k-1", "impersonate_user": "someone"})
    headers = client.calls._link.headers()
    assert headers["authorization"] == "Bearer k-1" and headers["Impersonate-User"] == "someone" and client.place == "api.example:6443"
