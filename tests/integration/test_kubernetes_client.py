# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes client as its systems use it, against the lab's API and a real one: the same tests."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import client as client_file
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import refusals
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP, CRD, NAMESPACE, NODE, ROLE, ROLE_BINDING, SECRET, Kind
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.rights import Right
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.watch_client import Mirror
from integration.clusters.kube import LIMITED_TOKEN, NO_REAL, Api, LabApi, RealApi, binary

Json = dict[str, Any]
REAL = [pytest.mark.real, *([] if binary() else [pytest.mark.skip(reason=NO_REAL)])]
WIDGET = Kind("lab.example", "v1", "widgets", "Widget")


@pytest.fixture(scope="module", params=["lab", pytest.param("real", marks=REAL)])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    made: Api = LabApi() if request.param == "lab" else RealApi(binary(), tmp_path_factory.mktemp("real") / "api")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def admin(api: Api) -> KubernetesClient:
    return client_from_params(api.params())


@pytest.fixture
def space(admin: KubernetesClient) -> str:
    """A namespace of the test's own."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    admin.create(NAMESPACE, {"metadata": {"name": name}})
    return name


def config(name: str, space: str, **data: str) -> Json:
    return {"metadata": {"name": name, "namespace": space}, "data": data}


def test_the_life_of_an_object(admin: KubernetesClient, space: str) -> None:
    assert admin.find(CONFIG_MAP, space, "a") is None
    made = admin.create(CONFIG_MAP, config("a", space, n="1"))
    with pytest.raises(refusals.AlreadyExists):
        admin.create(CONFIG_MAP, config("a", space))
    changed = admin.patch(CONFIG_MAP, space, "a", {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"n": "2"}})
    with pytest.raises(refusals.Conflict):
        admin.patch(CONFIG_MAP, space, "a", {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"n": "3"}})
    assert admin.get(CONFIG_MAP, space, "a")["data"] == {"n": "2"} and changed["metadata"]["uid"] == made["metadata"]["uid"]
    with pytest.raises(refusals.Conflict):
        admin.delete(CONFIG_MAP, space, "a", uid=str(uuid.uuid4()))
    admin.delete(CONFIG_MAP, space, "a", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        admin.get(CONFIG_MAP, space, "a")
    with pytest.raises(NotFound):
        admin.delete(CONFIG_MAP, space, "a")
    with pytest.raises(NotFound, match="namespaces"):
        admin.create(CONFIG_MAP, config("a", "no-such-namespace"))


def test_an_apply_makes_keeps_and_respects_other_managers(admin: KubernetesClient, space: str) -> None:
    first = admin.apply(CONFIG_MAP, config("a", space, mine="1"))
    again = admin.apply(CONFIG_MAP, {**first, "metadata": {**first["metadata"]}})
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"], "the same again, from what was read, changes nothing"
    dry = admin.apply(CONFIG_MAP, config("a", space, mine="2"), dry_run=True)
    assert dry["data"]["mine"] == "2" and admin.get(CONFIG_MAP, space, "a")["data"] == {"mine": "1"}
    other = {"fieldManager": "someone-else", "force": "true"}
    call = client_file.Call("PATCH", CONFIG_MAP.path(space, "a"), tuple(other.items()), client_file.sent(CONFIG_MAP, config("a", space, mine="theirs")))
    admin.calls.write(client_file.Call(call.method, call.path, call.query, call.body, client_file.APPLY))
    with pytest.raises(refusals.ApplyConflict, match="someone-else") as caught:
        admin.apply(CONFIG_MAP, config("a", space, mine="3"))
    assert caught.value.owners == (("someone-else", ".data.mine"),)
    assert admin.apply(CONFIG_MAP, config("a", space, mine="3"), force=True)["data"]["mine"] == "3"


def test_an_invalid_object_and_one_that_is_being_deleted(admin: KubernetesClient, space: str) -> None:
    with pytest.raises(refusals.Invalid, match=r"metadata\.name") as caught:
        admin.create(CONFIG_MAP, config("Not_A_Name", space))
    assert caught.value.causes[0][0] == "metadata.name"
    held = config("held", space)
    held["metadata"]["finalizers"] = ["lab.example/hold"]
    admin.create(CONFIG_MAP, held)
    ending = admin.delete(CONFIG_MAP, space, "held")
    assert ending["kind"] == "ConfigMap" and ending["metadata"]["deletionTimestamp"]
    with pytest.raises(refusals.BeingDeleted):
        admin.create(CONFIG_MAP, held)
    admin.patch(CONFIG_MAP, space, "held", {"metadata": {"finalizers": None}})
    assert admin.find(CONFIG_MAP, space, "held") is None


def test_a_kind_is_served_once_it_is_defined(admin: KubernetesClient, space: str) -> None:
    with pytest.raises(refusals.NotServed):
        admin.list(WIDGET, space)
    with pytest.raises(refusals.NotServed):
        admin.create(WIDGET, {"metadata": {"name": "w", "namespace": space}})
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "lab.example", "scope": "Namespaced", "names": names, "versions": [version]}
    with Mirror(admin, CRD, fields="metadata.name=widgets.lab.example") as defined:
        defined.items()
        admin.apply(CRD, {"metadata": {"name": "widgets.lab.example"}, "spec": spec})
        until = time.monotonic() + 10
        while time.monotonic() < until and not established(defined):
            defined.wait(1.0)
        assert established(defined)
    with Mirror(admin, WIDGET, space) as widgets:
        assert widgets.items() == ()
        admin.create(WIDGET, {"metadata": {"name": "w", "namespace": space}, "spec": {"size": 1, "colour": "red"}})
        assert widgets.wait(5.0) and [item["spec"] for item in widgets.items()] == [{"size": 1}]
    assert any("colour" in text for text in admin.warnings), "unknown fields are warned of"
    with pytest.raises(refusals.Invalid, match=r"spec\.size"):
        admin.patch(WIDGET, space, "w", {"spec": {"size": "large"}})
    admin.delete(CRD, "", "widgets.lab.example")


def established(mirror: Mirror) -> bool:
    conditions = [one for item in mirror.items() for one in (item.get("status") or {}).get("conditions") or ()]
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def test_rights_are_told_before_they_are_missed(api: Api, admin: KubernetesClient, space: str) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    admin.create(ROLE, {"metadata": {"name": "reader", "namespace": space}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited"}
    admin.create(ROLE_BINDING, {"metadata": {"name": "reader", "namespace": space}, "roleRef": role, "subjects": [subject]})
    limited = client_from_params(api.params(LIMITED_TOKEN))
    has = [Right("list", CONFIG_MAP, space), Right("watch", CONFIG_MAP, space)]
    lacks = [Right("create", CONFIG_MAP, space), Right("list", CONFIG_MAP), Right("get", SECRET, space, "a"), Right("list", NODE)]
    ends = time.monotonic() + 10
    while limited.missing_rights(has) and time.monotonic() < ends:  # the API takes a moment to see a binding
        time.sleep(0.1)
    assert limited.missing_rights([*lacks[:2], *has, *lacks[2:]]) == tuple(lacks) and admin.missing_rights(lacks) == ()
    with pytest.raises(refusals.Forbidden) as caught:
        limited.create(CONFIG_MAP, config("a", space))
    assert (caught.value.verb, caught.value.resource, caught.value.namespace) == ("create", "configmaps", space)
    with Mirror(limited, CONFIG_MAP, space) as mirror:
        assert mirror.items() is not None
    with pytest.raises(NotPermitted, match="401"):
        client_from_params(api.params("no-such-token")).list(CONFIG_MAP, space)
    as_limited = client_from_params({**api.params(), "impersonate_user": "limited"})
    assert as_limited.missing_rights(lacks) == tuple(lacks), "the rights of whom we act as"


def test_a_long_list_comes_page_by_page(admin: KubernetesClient, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_file, "PAGE", 2)
    for number in range(5):
        made = config(f"c-{number}", space)
        made["metadata"]["labels"] = {"side": "odd" if number % 2 else "even"}
        admin.create(CONFIG_MAP, made)
    assert [item["metadata"]["name"] for item in admin.list(CONFIG_MAP, space, labels="side").items] == [f"c-{number}" for number in range(5)]
    assert len(admin.list(CONFIG_MAP, space, labels="side=odd").items) == 2 and len(admin.list(CONFIG_MAP, space, fields="metadata.name=c-3").items) == 1


def test_changes_wake_a_wait_within_a_tenth_of_a_second(admin: KubernetesClient, space: str) -> None:
    lags = []
    with Mirror(admin, CONFIG_MAP, space) as mirror:
        mirror.items()
        for number in range(10):
            told: list[float] = []
            thread = threading.Thread(
                target=lambda number=number, told=told: (admin.apply(CONFIG_MAP, config("a", space, n=str(number))), told.append(time.monotonic()))
            )  # type: ignore[misc]
            thread.start()
            assert mirror.wait(5.0)
            woken = time.monotonic()
            thread.join()
            lags.append(woken - told[0])
            while [item["data"] for item in mirror.items() if item["metadata"]["name"] == "a"] != [{"n": str(number)}]:
                assert mirror.wait(1.0)
    assert sorted(lags)[len(lags) // 2] < 0.1, lags


def test_a_mirror_outlives_a_restart_of_the_api_and_misses_nothing(api: Api, admin: KubernetesClient, space: str) -> None:
    admin.create(CONFIG_MAP, config("before", space))
    with Mirror(admin, CONFIG_MAP, space) as mirror:
        mirror.items()
        api.stop()
        time.sleep(1.0)
        assert len(mirror.items()) >= 1, "the last known, for a while"
        api.start()
        other = client_from_params(api.params())
        other.create(CONFIG_MAP, config("after", space))
        other.delete(CONFIG_MAP, space, "before")
        ends = time.monotonic() + 20
        while {item["metadata"]["name"] for item in mirror.items()} & {"before", "after"} != {"after"} and time.monotonic() < ends:
            mirror.wait(1.0)
        assert mirror.items() == mirror.fresh()


def test_the_servers_time_is_that_of_its_stamps(admin: KubernetesClient, space: str) -> None:
    from datetime import datetime

    made = admin.create(CONFIG_MAP, config("a", space))
    stamp = datetime.fromisoformat(made["metadata"]["creationTimestamp"].replace("Z", "+00:00")).timestamp()
    assert abs(admin.server_time() - stamp) <= 2
