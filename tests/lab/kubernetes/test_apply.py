"""Server-side apply and the other patches, where the recordings do not reach: lists with keys, several managers, several conflicts."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
from typing import Any

import pytest

from lab.kubernetes.asking import Cluster
from lab.kubernetes.patches import JSON_PATCH, STRATEGIC

WEB = "/apis/apps/v1/namespaces/default/deployments/web"
MAP = "/api/v1/namespaces/default/configmaps/m"


def deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": list(containers)}}
    whole = {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": whole}


def one(name: str, image: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": image, **more}


def images(item: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["image"] for one in item["spec"]["template"]["spec"]["containers"]}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_each_manager_has_its_own_containers(cluster: Cluster) -> None:
    cluster.apply(WEB, deployment(one("app", "a:1")), "one", 201)
    both = cluster.apply(WEB, deployment(one("side", "s:1")), "two")
    assert images(both) == {"app": "a:1", "side": "s:1"}
    assert images(cluster.apply(WEB, deployment(one("app", "a:2")), "one")) == {"app": "a:2", "side": "s:1"}
    words = cluster.apply(WEB, deployment(one("app", "a:3"), one("side", "s:1")), "two", 409)
    assert words["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": '.spec.template.spec.containers[name="app"].image'}
    ]


def test_a_container_that_its_only_manager_leaves_out_is_gone(cluster: Cluster) -> None:
    cluster.apply(WEB, deployment(one("app", "a:1"), one("old", "o:1")), "one", 201)
    assert images(cluster.apply(WEB, deployment(one("app", "a:1")), "one")) == {"app": "a:1"}


def test_what_two_want_stays_when_one_leaves_it_out(cluster: Cluster) -> None:
    for manager, expected in (("one", 201), ("two", 200)):
        cluster.apply(WEB, deployment(one("app", "a:1"), one("both", "b:1")), manager, expected)
    assert images(cluster.apply(WEB, deployment(one("app", "a:1")), "one")) == {"app": "a:1", "both": "b:1"}
    assert images(cluster.apply(WEB, deployment(one("app", "a:1")), "two")) == {"app": "a:1"}


def test_several_conflicts_are_told_by_manager(cluster: Cluster) -> None:
    cluster.apply(MAP, {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1", "b": "1"}}, "one", 201)
    cluster.patch(MAP, {"data": {"c": "1"}}, fieldManager="hand")
    words = cluster.apply(MAP, {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "2", "b": "2", "c": "2"}}, "two", 409)
    assert words["message"] == ('Apply failed with 3 conflicts: conflicts with "hand" using v1:\n- .data.c\nconflicts with "one":\n- .data.a\n- .data.b')
    assert [cause["field"] for cause in words["details"]["causes"]] == [".data.a", ".data.b", ".data.c"]


def test_force_takes_the_fields_and_the_other_has_a_conflict_then(cluster: Cluster) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}
    cluster.apply(MAP, body, "one", 201)
    cluster.apply(MAP, {**body, "data": {"a": "2"}}, "two", force="true")
    assert 'conflict with "two"' in cluster.apply(MAP, body, "one", 409)["message"]


def test_a_hand_that_changes_an_applied_field_owns_it(cluster: Cluster) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}
    cluster.apply(MAP, body, "one", 201)
    found = cluster.patch(MAP, {"data": {"a": "by hand"}}, fieldManager="kubectl-edit")
    assert [(entry["manager"], entry["operation"]) for entry in found["metadata"]["managedFields"]] == [("kubectl-edit", "Update")]
    assert 'conflict with "kubectl-edit" using v1' in cluster.apply(MAP, body, "one", 409)["message"]


def test_an_apply_that_changes_nothing_makes_no_version_and_no_event(cluster: Cluster) -> None:
    first = copy.deepcopy(cluster.apply(WEB, deployment(one("app", "a:1")), "one", 201))
    seen = cluster.watch("/apis/apps/v1/namespaces/default/deployments", resourceVersion=cluster.state.version)
    cluster.state.clock.sleep(5)
    assert cluster.apply(WEB, deployment(one("app", "a:1")), "one") == first
    assert seen.poll() == []
    assert cluster.apply(WEB, deployment(one("app", "a:2")), "one", dryRun="All")["metadata"]["generation"] == 2
    assert cluster.get(WEB) == first


def test_defaults_are_nobodys_and_an_apply_may_set_them(cluster: Cluster) -> None:
    cluster.apply(WEB, deployment(one("app", "a:1")), "one", 201)
    assert cluster.get(WEB)["spec"]["replicas"] == 1
    assert cluster.apply(WEB, deployment(one("app", "a:1"), replicas=3), "two")["spec"]["replicas"] == 3


def test_ports_have_two_keys(cluster: Cluster) -> None:
    ports = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]
    cluster.apply(WEB, deployment(one("app", "a:1", ports=ports)), "one", 201)
    found = cluster.apply(WEB, deployment(one("app", "a:1", ports=[{"containerPort": 53, "name": "dns"}])), "two")
    assert found["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 53, "protocol": "TCP", "name": "dns"}, ports[0]]


def test_finalizers_and_labels_of_several_managers_add_up(cluster: Cluster) -> None:
    for manager, expected in (("one", 201), ("two", 200)):
        meta = {"labels": {manager: "yes"}, "finalizers": [f"lab.example/{manager}"]}
        cluster.apply(MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}, manager, expected)
    found = cluster.apply(MAP, {"apiVersion": "v1", "kind": "ConfigMap"}, "one")["metadata"]
    assert (found["labels"], found["finalizers"]) == ({"two": "yes"}, ["lab.example/two"])


def test_a_strategic_patch_merges_containers_by_name(cluster: Cluster) -> None:
    cluster.post(WEB.rpartition("/")[0], deployment(one("app", "a:1"), one("side", "s:1")))
    change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "a:2"}]}}}}
    assert images(cluster.patch(WEB, change, kind=STRATEGIC)) == {"app": "a:2", "side": "s:1"}
    change["spec"]["template"]["spec"]["containers"] = [{"name": "side", "$patch": "delete"}]
    assert images(cluster.patch(WEB, change, kind=STRATEGIC)) == {"app": "a:2"}
    assert images(cluster.patch(WEB, {"spec": {"template": {"spec": {"containers": [one("new", "n:1")]}}}})) == {"new": "n:1"}  # a merge patch replaces


def test_a_json_patch_is_all_or_nothing(cluster: Cluster) -> None:
    cluster.post(MAP.rpartition("/")[0], {"metadata": {"name": "m"}, "data": {"a": "1"}})
    steps = [{"op": "replace", "path": "/data/a", "value": "2"}, {"op": "test", "path": "/data/a", "value": "9"}]
    cluster.patch(MAP, steps, 422, kind=JSON_PATCH)
    assert cluster.get(MAP)["data"] == {"a": "1"}
    assert cluster.patch(MAP, steps[:1], kind=JSON_PATCH)["data"] == {"a": "2"}
