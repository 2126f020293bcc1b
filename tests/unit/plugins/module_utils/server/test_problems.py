# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod shows -> what we say of it: one row for each cause, and pods as the API tells them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.server.model import (
    Condition,
    Container,
    Event,
    Owner,
    Pod,
    Termination,
    epoch,
    events_from_api,
    pods_from_api,
    workload_from_api,
)
from ansible_collections.serverops.circleci.plugins.module_utils.server.pods import counts, to_log
from ansible_collections.serverops.circleci.plugins.module_utils.server.problems import problem_of

RECORDED = Path(__file__).parents[4] / "lab" / "recordings" / "kubernetes"
NOW = 1000.0
NOT_READY = (Condition("Ready", "False", "ContainersNotReady", "containers with unready status: [app]"), Condition("PodScheduled", "True"))


def pod(*containers: Container, phase: str = "Running", conditions: tuple[Condition, ...] = NOT_READY, **more: Any) -> Pod:
    return Pod("p", "u", 0.0, phase, node="n", conditions=conditions, containers=containers, **more)


def app(state: str = "running", reason: str = "", **more: Any) -> Container:
    return Container("app", "registry.example/app:1", more.pop("ready", False), more.pop("restarts", 0), state, reason, **more)


def unplaced(message: str) -> Pod:
    return pod(phase="Pending", conditions=(Condition("PodScheduled", "False", "Unschedulable", message),))


def told(reason: str, message: str, uid: str = "u") -> Event:
    return Event("p", uid, "Warning", reason, message, 1, "2026-11-23T00:00:00Z")


ERROR, OOM = Termination(1, "Error", ""), Termination(137, "OOMKilled", "")
ROWS: list[tuple[str, Pod, tuple[Event, ...], str | None]] = [
    ("ready", pod(app(ready=True), conditions=(Condition("Ready", "True"),)), (), None),
    ("completed", pod(app("terminated", "Completed"), phase="Succeeded"), (), None),
    ("ending in time", pod(app(), ends=NOW - 30), (), None),
    ("ending for too long", pod(app(), ends=NOW - 90), (), "ends_too_long"),
    ("no processors left", unplaced("0/3 nodes are available: 3 Insufficient cpu. preemption: none"), (), "no_room"),
    ("too many pods", unplaced("0/3 nodes are available: 3 Too many pods."), (), "no_room"),
    ("a claim that is not there", unplaced('0/3 nodes are available: persistentvolumeclaim "data-vault-0" not found.'), (), "claim_missing"),
    ("a claim that nobody serves", unplaced("0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."), (), "claim_unbound"),
    ("a volume in another zone", unplaced("0/3 nodes are available: 3 node(s) had volume node affinity conflict."), (), "volume_elsewhere"),
    ("cordoned nodes", unplaced("0/2 nodes are available: 2 node(s) were unschedulable."), (), "nodes_closed"),
    ("tainted nodes", unplaced("0/2 nodes are available: 2 node(s) had untolerated taint {only: builds}."), (), "nodes_closed"),
    ("a label that no node has", unplaced("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."), (), "no_such_node"),
    ("no nodes", unplaced("no nodes available to schedule pods"), (), "no_nodes"),
    ("words we do not know", unplaced("the moon is full"), (), "not_placed"),
    ("an image that is not there", pod(app("waiting", "ErrImagePull"), phase="Pending"), (told("Failed", "manifest unknown"),), "image"),
    ("an image again", pod(app("waiting", "ImagePullBackOff", message="Back-off"), phase="Pending"), (), "image"),
    ("a secret that is missing", pod(app("waiting", "CreateContainerConfigError", message='secret "x" not found'), phase="Pending"), (), "setup"),
    ("a crash loop", pod(app("waiting", "CrashLoopBackOff", last=ERROR, restarts=7)), (), "crashes"),
    ("out of memory again and again", pod(app("waiting", "CrashLoopBackOff", last=OOM, restarts=2)), (), "out_of_memory"),
    ("just crashed", pod(app("terminated", "Error", ended=ERROR)), (), "crashes"),
    ("failed", pod(app("terminated", "Error", ended=ERROR), phase="Failed"), (), "failed"),
    ("failed for memory", pod(app("terminated", "OOMKilled", ended=OOM), phase="Failed"), (), "out_of_memory"),
    ("put out by its node", pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."), (), "evicted"),
    ("an init container that runs", pod(app(init=True), app("waiting", "PodInitializing"), phase="Pending"), (), "init"),
    ("an init container that crashes", pod(app("waiting", "CrashLoopBackOff", init=True, last=ERROR)), (), "crashes"),
    ("a volume that hangs", pod(app("waiting", "ContainerCreating"), phase="Pending"), (told("FailedAttachVolume", "Multi-Attach error"),), "mount"),
    ("a probe that fails", pod(app()), (told("Unhealthy", "Readiness probe failed: 503"),), "probe"),
    ("another pod's probe", pod(app()), (told("Unhealthy", "Readiness probe failed: 503", "other"),), "not_ready"),
    ("running, not ready", pod(app()), (), "not_ready"),
    ("being created", pod(app("waiting", "ContainerCreating"), phase="Pending"), (), "starting"),
    ("nothing told yet", pod(phase="Pending", conditions=(Condition("PodScheduled", "True"),)), (), "starting"),
    ("a node that is silent", pod(app(ready=True), conditions=(Condition("Ready", "False"),)), (), "node"),
]


@pytest.mark.parametrize(("what", "shows", "events", "cause"), ROWS, ids=[row[0] for row in ROWS])
def test_cause(what: str, shows: Pod, events: tuple[Event, ...], cause: str | None) -> None:
    problem = problem_of(shows, events, NOW)
    assert (problem.cause if problem else None) == cause, what
    assert problem is None or (problem.evidence and problem.remedy and "\n" not in problem.evidence)


def recorded(name: str) -> list[Any]:
    lines = [json.loads(line) for line in (RECORDED / "pods-states.jsonl").read_text().splitlines()]
    return [
        line["response"]["body"] for line in lines if "request" in line and line["request"]["path"].endswith(f"/{name}") and line["response"]["status"] == 200
    ]


@pytest.mark.parametrize(
    ("name", "cause", "restarts"),
    [
        ("p-crashloop", "crashes", 7),
        ("p-imagepull", "image", 0),
        ("p-unready", "not_ready", 0),
        ("p-completed", None, 0),
        ("p-oom", "out_of_memory", 0),
        ("p-nowhere", "no_such_node", 0),
        ("p-ready", None, 0),
    ],
)
def test_pods_as_a_real_cluster_told_them(name: str, cause: str | None, restarts: int) -> None:
    made = [one for one in recorded(name) if not one["metadata"].get("deletionTimestamp")]
    one = pods_from_api(made[-1:])[0]
    problem = problem_of(one, (), one.created)
    assert (problem.cause if problem else None, one.restarts) == (cause, restarts)
    assert one.is_ready == (name == "p-ready") and one.is_completed == (name == "p-completed")


def test_owners() -> None:
    lines = [json.loads(line) for line in (RECORDED / "rollout.jsonl").read_text().splitlines()]
    web = next(pods_from_api(line["response"]["body"]["items"]) for line in lines if line.get("request", {}).get("path") == "/api/v1/namespaces/lab/pods")
    assert {one.owner for one in web} == {Owner("Deployment", "web")} and all(one.generated == "web-7b87cf958c-" for one in web)
    lines = [json.loads(line) for line in (RECORDED / "statefulset.jsonl").read_text().splitlines()]
    db = next(line["response"]["body"] for line in lines if line.get("request", {}).get("path", "").endswith("/pods/db-0"))
    assert pods_from_api([db])[0].owner == Owner("StatefulSet", "db") and pods_from_api([db])[0].is_stateful


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"kind": "Deployment", "spec": {}}, 1),
        ({"kind": "StatefulSet", "spec": {"replicas": 0}}, 0),
        ({"kind": "DaemonSet", "status": {"desiredNumberScheduled": 3}}, 3),
    ],
)
def test_how_many_a_workload_wants(data: Any, wanted: int) -> None:
    assert workload_from_api({"metadata": {"name": "x"}, **data}).wanted == wanted


def test_events_of_both_kinds_in_order() -> None:
    old = {
        "metadata": {},
        "involvedObject": {"name": "p", "uid": "u"},
        "reason": "BackOff",
        "message": "a\n b",
        "lastTimestamp": "2026-11-23T00:00:02Z",
        "count": 3,
    }
    new = {"metadata": {}, "involvedObject": {"name": "p", "uid": "u"}, "reason": "Scheduled", "lastTimestamp": None, "eventTime": "2026-11-23T00:00:01.5Z"}
    assert [(one.reason, one.message, one.count) for one in events_from_api([old, new])] == [("Scheduled", "", 1), ("BackOff", "a b", 3)]


def test_times() -> None:
    assert epoch("1970-01-01T00:01:00Z") == 60.0 == epoch("1970-01-01T00:01:00.999999Z")


def test_counts_and_whose_log_is_worth_reading() -> None:
    ready = pod(app(ready=True), conditions=(Condition("Ready", "True"),))
    crashed, done, going = pod(app("waiting", "CrashLoopBackOff", last=ERROR)), pod(phase="Succeeded"), pod(app(), ends=NOW)
    assert counts([ready, crashed, done, going]) == {"expected": 2, "ready": 1, "not_ready": 1, "completed": 1, "ending": 1}
    assert to_log(crashed) == (("app", True),) and to_log(ready) == () and to_log(pod(app())) == (("app", False),)
    assert to_log(pod(app("waiting", "ContainerCreating"))) == (), "it never ran"
