"""The API where the recordings do not reach: definitions as two versions of Velero have them, rights by objects, deletion, pages, controllers."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
from typing import Any

import pytest

from lab.kubernetes.api import Request
from lab.kubernetes.asking import Cluster
from lab.kubernetes.kinds import CRDS
from lab.kubernetes.state import Change
from lab.kubernetes.status import Response

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
PHASES = ["New", "InProgress", "Completed", "Failed"]


def definition(plural: str, kind: str, status: bool) -> dict[str, Any]:
    """A kind of velero.io, with or without a path for its status."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"ttl": {"type": "string"}, "labels": {"type": "object", "additionalProperties": {"type": "string"}}}},
            "status": {"type": "object", "properties": {"phase": {"type": "string", "enum": PHASES}}},
        },
    }
    version: dict[str, Any] = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if status:
        version["subresources"] = {"status": {}}
    names = {"plural": plural, "kind": kind}
    spec = {"group": "velero.io", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": f"{plural}.velero.io"}, "spec": spec}


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    made.post(CRD_PATH, definition("backups", "Backup", status=False))
    made.post(CRD_PATH, definition("locations", "Location", status=True))
    return made


BACKUPS = "/apis/velero.io/v1/namespaces/default/backups"
LOCATIONS = "/apis/velero.io/v1/namespaces/default/locations"


# --- definitions ---
def test_without_a_path_of_its_own_status_is_like_any_field(cluster: Cluster) -> None:
    made = cluster.post(BACKUPS, {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "b"}, "status": {"phase": "Completed"}})
    assert made["status"] == {"phase": "Completed"}
    assert cluster.patch(f"{BACKUPS}/b", {"status": {"phase": "Failed"}})["metadata"]["generation"] == 2
    cluster.patch(f"{BACKUPS}/b/status", {"status": {"phase": "New"}}, 404)


def test_with_one_the_main_path_drops_it_and_the_other_drops_the_rest(cluster: Cluster) -> None:
    made = cluster.post(LOCATIONS, {"metadata": {"name": "l"}, "spec": {"ttl": "1h"}, "status": {"phase": "New"}})
    assert "status" not in made
    cluster.patch(f"{LOCATIONS}/l", {"status": {"phase": "New"}})
    assert "status" not in cluster.get(f"{LOCATIONS}/l")
    found = cluster.patch(f"{LOCATIONS}/l/status", {"status": {"phase": "New"}, "spec": {"ttl": "2h"}})
    assert (found["status"], found["spec"], found["metadata"]["generation"]) == ({"phase": "New"}, {"ttl": "1h"}, 1)


def test_a_phase_that_the_schema_does_not_know_is_refused(cluster: Cluster) -> None:
    cluster.post(BACKUPS, {"metadata": {"name": "b"}})
    words = cluster.patch(f"{BACKUPS}/b", {"status": {"phase": "Splendid"}}, 422)
    allowed = ", ".join(f'"{phase}"' for phase in PHASES)
    assert words["details"]["causes"] == [
        {"reason": "FieldValueNotSupported", "message": f'Unsupported value: "Splendid": supported values: {allowed}', "field": "status.phase"}
    ]
    assert 'spec.ttl in body must be of type string: "integer"' in cluster.patch(f"{BACKUPS}/b", {"spec": {"ttl": 3}}, 422)["message"]


def test_a_definition_that_goes_takes_its_objects_along_once_nothing_holds_them(cluster: Cluster) -> None:
    cluster.post(BACKUPS, {"metadata": {"name": "b", "finalizers": ["velero.io/hold"]}})
    cluster.delete(f"{CRD_PATH}/backups.velero.io")
    cluster.state.clock.sleep(3)
    assert cluster.get(f"{BACKUPS}/b")["metadata"]["deletionTimestamp"]
    cluster.patch(f"{BACKUPS}/b", {"metadata": {"finalizers": []}})
    cluster.state.clock.sleep(2)
    assert cluster.get(f"{BACKUPS}/b", 404) == "404 page not found\n"
    assert cluster.state.get(CRDS, "", "backups.velero.io") is None and cluster.state.all("backups.velero.io") == []


def test_all_kinds_of_the_table_can_be_made_and_listed(cluster: Cluster) -> None:
    for kind in list(cluster.state.kinds.values()):
        if kind.custom or kind.qualified in (CRDS, "events.events.k8s.io"):
            continue
        root = f"/apis/{kind.group}/{kind.version}" if kind.group else "/api/v1"
        path = f"{root}/namespaces/default/{kind.name}" if kind.namespaced else f"{root}/{kind.name}"
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template} if kind.group in ("apps", "batch") else {}
        body: dict[str, Any] = {"metadata": {"name": "x"}, **({"spec": spec or template["spec"]} if "status" in kind.subs else {})}
        made = cluster.post(path, body)
        assert (made["kind"], made["metadata"].get("generation")) == (kind.kind, 1 if kind.generation else None), kind
        assert [one["metadata"]["name"] for one in cluster.get(path)["items"] if one["metadata"]["name"] == "x"] == ["x"]
        cluster.delete(f"{path}/x", gracePeriodSeconds=0)


# --- rights ---
def role(cluster: Cluster, kind: str, name: str, *rules: dict[str, Any]) -> None:
    where = f"{RBAC}/clusterroles" if kind == "ClusterRole" else f"{RBAC}/namespaces/default/roles"
    cluster.post(where, {"metadata": {"name": name}, "rules": list(rules)})


def bind(cluster: Cluster, role_kind: str, name: str, subject: dict[str, str], namespace: str = "") -> None:
    where = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": name}
    cluster.post(where, {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})


READ = {"apiGroups": ["", "velero.io"], "resources": ["configmaps", "pods/log", "backups"], "verbs": ["get", "list"]}
ME = {"kind": "ServiceAccount", "name": "me", "namespace": "ops"}


def test_a_cluster_role_bound_in_a_namespace_holds_there_alone(cluster: Cluster) -> None:
    token = cluster.account("ops", "me")
    role(cluster, "ClusterRole", "reader", READ)
    bind(cluster, "ClusterRole", "reader", ME, "default")
    cluster.user = token
    cluster.get(CONFIG_MAPS)
    cluster.get(BACKUPS)
    cluster.get("/api/v1/configmaps", 403)
    cluster.get("/api/v1/namespaces/ops/configmaps", 403)
    cluster.post(CONFIG_MAPS, {"metadata": {"name": "x"}}, 403)
    cluster.get("/api/v1/namespaces/default/pods/p", 403)
    cluster.get("/api/v1/namespaces/default/pods/p/log", 404)


def test_a_cluster_role_binding_holds_everywhere_and_ends_when_it_is_deleted(cluster: Cluster) -> None:
    token = cluster.account("ops", "me")
    role(cluster, "ClusterRole", "reader", READ)
    bind(cluster, "ClusterRole", "reader", {"kind": "Group", "name": "system:serviceaccounts:ops"})
    cluster.user = token
    cluster.get("/api/v1/configmaps")
    cluster.user = "admin"
    cluster.delete(f"{RBAC}/clusterrolebindings/reader")
    cluster.user = token
    cluster.get("/api/v1/configmaps", 403)


def test_a_binding_keeps_its_role(cluster: Cluster) -> None:
    role(cluster, "Role", "reader", READ)
    bind(cluster, "Role", "reader", ME, "default")
    words = cluster.patch(f"{RBAC}/namespaces/default/rolebindings/reader", {"roleRef": {"name": "other"}}, 422)
    assert "cannot change roleRef" in words["message"]


def test_who_may_not_know_is_not_told_what_is_missing(cluster: Cluster) -> None:
    cluster.user = cluster.account("ops", "me")
    for path in ("/api/v1/namespaces/none/pods", "/apis/none.example/v1/things", "/api/v1/nodes/none", f"{BACKUPS}/none"):
        cluster.get(path, 403)
    cluster.user = "nobody's"
    cluster.get("/version", 401)


# --- deletion ---
def test_a_namespace_goes_with_its_pods_when_their_grace_is_over(cluster: Cluster) -> None:
    cluster.post("/api/v1/namespaces", {"metadata": {"name": "app"}})
    cluster.state.add_pod("app", "p", {}, grace=30)
    cluster.delete("/api/v1/namespaces/app")
    cluster.state.clock.sleep(20)
    assert cluster.get("/api/v1/namespaces/app/pods/p")["metadata"]["deletionGracePeriodSeconds"] == 30
    remaining = {one["type"]: one["message"] for one in cluster.get("/api/v1/namespaces/app")["status"]["conditions"]}
    assert remaining["NamespaceContentRemaining"] == "Some resources are remaining: pods. has 1 resource instances"
    cluster.state.clock.sleep(30)
    cluster.get("/api/v1/namespaces/app", 404)
    cluster.state.put("pods", "app", "late", {"metadata": {}})  # a controller that is late makes no namespace
    cluster.get("/api/v1/namespaces/app", 404)


def test_a_controller_that_takes_the_last_finalizer_lets_it_go(cluster: Cluster) -> None:
    cluster.post(BACKUPS, {"metadata": {"name": "b", "finalizers": ["velero.io/hold"]}})

    def release(change: Change) -> None:
        if change.key[0] == "backups.velero.io" and change.type == "MODIFIED" and change.object["metadata"].get("deletionTimestamp"):
            body = copy.deepcopy(change.object)
            body["metadata"]["finalizers"] = []
            cluster.state.put(*change.key, body)

    cluster.state.controllers.append(release)
    seen = cluster.watch(BACKUPS, resourceVersion=cluster.state.version)
    cluster.delete(f"{BACKUPS}/b")
    assert [event["type"] for event in seen.poll()] == ["MODIFIED", "DELETED"]
    cluster.get(f"{BACKUPS}/b", 404)


def test_foreground_holds_an_owner_of_something(cluster: Cluster) -> None:
    owner = cluster.post(CONFIG_MAPS, {"metadata": {"name": "owner"}})["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner}
    cluster.post(CONFIG_MAPS, {"metadata": {"name": "child", "ownerReferences": [reference]}})
    left = cluster.delete(f"{CONFIG_MAPS}/owner", propagationPolicy="Foreground")
    assert left["metadata"]["finalizers"] == ["foregroundDeletion"] and left["metadata"]["deletionTimestamp"]


# --- pages and watches ---
def test_pages_are_all_of_one_version(cluster: Cluster) -> None:
    for number in range(5):
        cluster.post(CONFIG_MAPS, {"metadata": {"name": f"c{number}"}, "data": {"a": "1"}})
    first = cluster.get(CONFIG_MAPS, limit=2)
    cluster.patch(f"{CONFIG_MAPS}/c3", {"data": {"a": "2"}})
    cluster.delete(f"{CONFIG_MAPS}/c4")
    cluster.post(CONFIG_MAPS, {"metadata": {"name": "c25"}})
    rest = cluster.get(CONFIG_MAPS, limit=9, **{"continue": first["metadata"]["continue"]})
    assert [(one["metadata"]["name"], one["data"]["a"]) for one in rest["items"]] == [("c2", "1"), ("c3", "1"), ("c4", "1")]
    assert rest["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}
    cluster.state.forget(cluster.state.version)
    expired = cluster.get(CONFIG_MAPS, 410, limit=9, **{"continue": first["metadata"]["continue"]})
    again = cluster.get(CONFIG_MAPS, **{"continue": expired["metadata"]["continue"]})
    assert [one["metadata"]["name"] for one in again["items"]] == ["c2", "c25", "c3"]


def test_bookmarks_keep_a_quiet_watch_young(cluster: Cluster) -> None:
    seen = cluster.watch(BACKUPS, allowWatchBookmarks="true", timeoutSeconds=300, resourceVersion=cluster.state.version)
    cluster.post(CONFIG_MAPS, {"metadata": {"name": "other"}})
    cluster.state.clock.sleep(61)
    (event,) = seen.poll()
    assert event["type"] == "BOOKMARK" and event["object"]["metadata"]["resourceVersion"] == str(cluster.state.version)


def test_a_write_that_changes_nothing_is_no_event(cluster: Cluster) -> None:
    made = copy.deepcopy(cluster.post(BACKUPS, {"metadata": {"name": "b"}, "spec": {"ttl": "1h"}}))
    seen = cluster.watch(BACKUPS, resourceVersion=made["metadata"]["resourceVersion"])
    cluster.put(f"{BACKUPS}/b", made)
    cluster.patch(f"{BACKUPS}/b", {"spec": {"ttl": "1h"}})
    cluster.apply(f"{BACKUPS}/b", {"apiVersion": "velero.io/v1", "kind": "Backup", "spec": {"ttl": "1h"}}, "me")
    (event,) = seen.poll()  # the apply alone: it owns the field now
    assert event["object"]["metadata"]["managedFields"][0]["manager"] == "me"


# --- pods ---
def test_logs(cluster: Cluster) -> None:
    cluster.state.add_pod("default", "p", {})
    cluster.state.logs["default", "p", "app"] = "one\ntwo\nthree\n"
    path = "/api/v1/namespaces/default/pods/p/log"
    assert cluster.get(path, tailLines=2) == "two\nthree\n"
    assert cluster.get(path, limitBytes=5) == "one\nt"
    assert "previous terminated container" in cluster.get(path, 400, previous="true")["message"]
    cluster.state.logs["default", "p", "app/previous"] = "it died\n"
    assert cluster.get(path, previous="true") == "it died\n"


def test_a_pod_is_changed_in_its_image_alone(cluster: Cluster) -> None:
    cluster.post("/api/v1/namespaces/default/pods", {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "app", "image": "a:1"}]}})
    change = [{"op": "replace", "path": "/spec/containers/0/image", "value": "a:2"}]
    cluster.patch("/api/v1/namespaces/default/pods/p", change, kind="application/json-patch+json")
    cluster.patch("/api/v1/namespaces/default/pods/p", {"spec": {"hostNetwork": True}}, 422)


def test_secrets_take_strings_and_keep_bytes(cluster: Cluster) -> None:
    made = cluster.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "stringData": {"key": "word"}})
    assert (made["data"], made["type"], "stringData" in made) == ({"key": "d29yZA=="}, "Opaque", False)


def test_scale(cluster: Cluster) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    body = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    path = "/apis/apps/v1/namespaces/default/deployments"
    cluster.post(path, body)
    assert cluster.patch(f"{path}/d/scale", {"spec": {"replicas": 0}})["spec"] == {}
    found = cluster.get(f"{path}/d")
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (0, 2)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0s"), (90, "90s"), (125, "2m"), (7300, "2h"), (200000, "2d")])
def test_a_table_tells_ages(cluster: Cluster, seconds: int, shown: str) -> None:
    cluster.post(CONFIG_MAPS, {"metadata": {"name": "c"}})
    cluster.state.clock.sleep(seconds)
    headers = {"authorization": "Bearer admin", "accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    answer = cluster.api.handle(Request("GET", CONFIG_MAPS, {}, headers))
    assert isinstance(answer, Response)
    assert [row["cells"] for row in answer.body["rows"]] == [["c", 0, shown]]


def test_what_a_test_put_there_is_patched_as_it_is(cluster: Cluster) -> None:
    cluster.state.add_pod("default", "p", {})
    cluster.state.put("deployments.apps", "default", "d", {"spec": {"replicas": 1}})
    for path in ("/api/v1/namespaces/default/pods/p", "/apis/apps/v1/namespaces/default/deployments/d"):
        before = copy.deepcopy(cluster.get(path))
        after = cluster.patch(path, {"metadata": {"annotations": {"a": "b"}}})
        assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], 1)
    assert cluster.patch("/apis/apps/v1/namespaces/default/deployments/d", {"spec": {"replicas": 0}})["metadata"]["generation"] == 2


def test_a_definition_is_called_by_plural_and_group(cluster: Cluster) -> None:
    body = definition("things", "Thing", status=False)
    body["metadata"]["name"] = "thing.velero.io"
    assert 'must be spec.names.plural+"."+spec.group' in cluster.post(CRD_PATH, body, 422)["message"]


def test_the_history_is_not_kept_for_ever(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.kubernetes.state.MOST", 20)
    since = cluster.state.version
    for number in range(30):
        cluster.post(CONFIG_MAPS, {"metadata": {"name": f"c{number}"}})
    assert len(cluster.state.history) <= 20
    (event,) = cluster.watch(CONFIG_MAPS, resourceVersion=since).poll()
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
