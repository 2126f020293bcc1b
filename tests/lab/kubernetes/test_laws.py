"""Whatever is asked in whatever order: a watch tells what a list shows, versions rise with changes alone, pages make up the list, nothing fails with 500."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.kubernetes.asking import Cluster
from lab.kubernetes.patches import APPLY, JSON_PATCH, MERGE, STRATEGIC

MAPS = "/api/v1/namespaces/default/configmaps"
NAMES = ("a", "b", "c")
VALUES = st.sampled_from(["1", "2", None])
METADATA = st.fixed_dictionaries(
    {}, optional={"labels": st.just({"w": "1"}) | st.just({"w": "2"}) | st.none(), "finalizers": st.sampled_from([["x.example/y"], [], None])}
)
BODIES = st.fixed_dictionaries({"metadata": METADATA, "data": st.dictionaries(st.sampled_from(["k", "l"]), VALUES, max_size=2)})
STEPS = st.tuples(st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "apply", "strategic", "json"]), st.sampled_from(NAMES), BODIES, st.booleans())


def step(cluster: Cluster, how: str, name: str, body: dict[str, Any], odd: bool) -> None:
    """`odd` is forced, or a dry run, or another manager."""
    path = f"{MAPS}/{name}"
    meta = {key: value for key, value in body["metadata"].items() if value is not None}
    whole = {"metadata": {**meta, "name": name}, "data": {key: value for key, value in body["data"].items() if value}}
    dry = {"dryRun": "All"} if odd else {}
    if how == "POST":
        cluster.ask("POST", MAPS, whole, **dry)
    elif how == "PUT":
        cluster.ask("PUT", path, whole, **dry)
    elif how == "DELETE":
        cluster.ask("DELETE", path, **dry)
    elif how == "apply":
        typed = {"apiVersion": "v1", "kind": "ConfigMap", **whole}
        cluster.ask("PATCH", path, typed, APPLY, fieldManager="odd" if odd else "even", force=str(odd).lower())
    elif how == "json":
        cluster.ask("PATCH", path, [{"op": "add", "path": "/data/k", "value": "3"}], JSON_PATCH, **dry)
    else:
        cluster.ask("PATCH", path, body, STRATEGIC if how == "strategic" else MERGE, **dry)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(STEPS, max_size=25))
def test_a_watch_tells_what_a_list_shows(steps: list[Any]) -> None:
    cluster = Cluster()
    since = cluster.state.version
    live = cluster.watch(MAPS, resourceVersion=since)
    chosen = cluster.watch(MAPS, resourceVersion=since, labelSelector="w=1")
    told: list[Any] = []
    picked: list[Any] = []
    for one in steps:
        version, before = cluster.state.version, versionless(cluster)
        step(cluster, *one)
        assert cluster.last.status < 500, (one, cluster.last.body)
        assert (cluster.state.version > version) == (versionless(cluster) != before), one
        told += live.poll()
        picked += chosen.poll()
    whole = cluster.get(MAPS)["items"]
    assert folded(told) == whole == folded(cluster.watch(MAPS, resourceVersion=since).poll())
    assert folded(picked) == cluster.get(MAPS, labelSelector="w=1")["items"]
    assert [event["object"]["metadata"]["resourceVersion"] for event in told] == sorted(
        {event["object"]["metadata"]["resourceVersion"] for event in told}, key=int
    )
    assert paged(cluster) == whole


def versionless(cluster: Cluster) -> list[Any]:
    items = copy.deepcopy(cluster.get(MAPS)["items"])
    for item in items:
        del item["metadata"]["resourceVersion"]
    return items


def folded(events: list[Any]) -> list[Any]:
    """What somebody knows who was told these events, and that each was right to come."""
    known: dict[str, Any] = {}
    for event in events:
        name = event["object"]["metadata"]["name"]
        assert (name in known) == (event["type"] != "ADDED"), event
        item = {key: value for key, value in event["object"].items() if key not in ("kind", "apiVersion")}
        known[name] = item
        if event["type"] == "DELETED":
            del known[name]
    return [item for _name, item in sorted(known.items())]


def paged(cluster: Cluster) -> list[Any]:
    items, more = [], {"limit": "1"}
    while True:
        page = cluster.get(MAPS, **more)
        items += page["items"]
        if not page["metadata"].get("continue"):
            return items
        more["continue"] = page["metadata"]["continue"]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), st.dictionaries(st.sampled_from("klm"), st.sampled_from("12"), max_size=3)), max_size=15))
def test_what_is_applied_holds_until_another_forces_it(steps: list[tuple[str, dict[str, str]]]) -> None:
    """After every apply: each field that a manager still owns has the value that it wanted last, and no field is nobody's."""
    cluster = Cluster()
    wanted: dict[str, dict[str, str]] = {}
    for manager, data in steps:
        force = len(data) == 1
        body = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
        got = cluster.ask("PATCH", f"{MAPS}/m", body, APPLY, fieldManager=manager, force=str(force).lower())
        if got.status == 409:
            assert not force
            continue
        assert got.status in (200, 201)
        wanted[manager] = data
        owned: set[str] = set()
        for entry in got.body["metadata"].get("managedFields", []):
            mine = {field[2:] for field in entry["fieldsV1"].get("f:data", {}) if field != "."}
            owned |= mine
            assert {key: got.body["data"][key] for key in mine} == {key: wanted[entry["manager"]][key] for key in mine}
        assert set(got.body.get("data") or {}) == owned
