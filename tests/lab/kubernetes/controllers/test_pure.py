"""The pure parts of the controllers: a container's life, room on nodes, counters, conditions. Tables of plain values."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

import pytest

from lab.kubernetes.controllers import containers, podstatus, rollouts, scheduling
from lab.kubernetes.controllers.containers import Container
from lab.kubernetes.controllers.images import Image, Images
from lab.kubernetes.controllers.quantities import amount, requested

Json = dict[str, Any]


def lived(image: Image, seconds: float, policy: str = "Always") -> tuple[Container, list[str], list[float]]:
    """A container after so long, what the kubelet said, and when it was started."""
    one, said, starts = Container("app", "x", phase="creating"), [], []
    while (due := containers.due(one, image)) is not None and due <= seconds:
        one, told = containers.advance(one, image, policy, due)
        said += told
        if "Started" in told:
            starts.append(due)
    return one, said, starts


def test_it_starts_and_becomes_ready() -> None:
    image = Image(pull=2, start=1, ready_after=5)
    assert lived(image, 2.9)[0].phase == "creating"
    one, said, _starts = lived(image, 3.0)
    assert (one.phase, one.ready, said) == ("running", False, ["Pulled", "Created", "Started"])
    assert not lived(image, 7.9)[0].ready and lived(image, 8.0)[0].ready
    assert not lived(Image(ready_after=None), 1e6)[0].ready


def test_a_crash_loop_waits_longer_each_time_up_to_five_minutes() -> None:
    image = Image(pull=0, start=0, ready_after=None, run_for=1, exit_code=1)
    one, said, starts = lived(image, 2000)
    assert [round(later - earlier) for earlier, later in zip(starts, starts[1:])][:8] == [1, 11, 21, 41, 81, 161, 301, 301]
    assert one.restarts == len(starts) - 1 and "BackOff" in said
    told = containers.status(lived(image, 900)[0], image, lambda at: f"at {at:g}", "x")
    assert told["restartCount"] == 7 and told["lastState"]["terminated"]["exitCode"] == 1 and told["ready"] is False
    assert told["state"]["waiting"] == {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=app pod=x"}


def test_who_ran_long_is_started_again_at_once() -> None:
    starts = lived(Image(pull=0, start=0, run_for=700, exit_code=1), 3000)[2]
    assert [later - earlier for earlier, later in zip(starts, starts[1:])] == [700, 700, 700, 700]


@pytest.mark.parametrize(
    ("policy", "code", "oom", "ends"),
    [
        ("Never", 0, False, (0, "Completed")),
        ("Never", 3, False, (3, "Error")),
        ("Never", 0, True, (137, "OOMKilled")),
        ("OnFailure", 0, False, (0, "Completed")),
    ],
)
def test_what_is_over_stays_over(policy: str, code: int, oom: bool, ends: tuple[int, str]) -> None:
    one = lived(Image(run_for=2, exit_code=code, oom=oom), 1e5, policy)[0]
    assert (one.phase, one.exit, one.restarts) == ("ended", ends, 0)


def test_a_pull_that_fails_is_tried_again_and_may_succeed_later() -> None:
    bad = Image(pull_error="manifest unknown")
    one, said, _starts = lived(bad, 60)
    state = containers.status(one, bad, str, "x")["state"]["waiting"]
    assert state == {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'} and said[0] == "Failed"
    first = containers.status(lived(bad, 1.5)[0], bad, str, "x")["state"]["waiting"]
    assert first == {"reason": "ErrImagePull", "message": "manifest unknown"}
    good, said = containers.advance(one, Image(), "Always", 100.0)
    assert good.phase == "running" and "Started" in said


def pod(cpu: str = "", memory: str = "", **spec: Any) -> Json:
    requests = {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "resources": {"requests": requests}}], **spec}, "status": {}}


def node(name: str = "n1", cpu: str = "2", pods: str = "3", labels: Json | None = None, **spec: Any) -> Json:
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": spec, "status": {"allocatable": {"cpu": cpu, "memory": "4Gi", "pods": pods}}}


TAINT = {"key": "only", "value": "builds", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("what", "where", "there", "why"),
    [
        (pod(), node(), [], ""),
        (pod("2"), node(), [], ""),
        (pod("2500m"), node(), [], "1 Insufficient cpu"),
        (pod("1"), node(), [pod("1500m", nodeName="n1")], "1 Insufficient cpu"),
        (pod("1"), node(), [{**pod("1500m", nodeName="n1"), "status": {"phase": "Succeeded"}}], ""),
        (pod(memory="5Gi"), node(), [], "1 Insufficient memory"),
        (pod("9", "9Gi"), node(), [], "1 Insufficient cpu, 1 Insufficient memory"),
        (pod(), node(pods="1"), [pod(nodeName="n1")], "1 Too many pods"),
        (pod(nodeSelector={"lab": "x"}), node(), [], "1 node(s) didn't match Pod's node affinity/selector"),
        (pod(nodeSelector={"lab": "x"}), node(labels={"lab": "x"}), [], ""),
        (pod(), node(unschedulable=True), [], "1 node(s) were unschedulable"),
        (pod(tolerations=[{"operator": "Exists"}]), node(unschedulable=True, taints=[TAINT]), [], ""),
        (pod(), node(taints=[TAINT]), [], "1 node(s) had untolerated taint {only: builds}"),
        (pod(tolerations=[{"key": "only", "operator": "Equal", "value": "builds", "effect": "NoSchedule"}]), node(taints=[TAINT]), [], ""),
        (pod(tolerations=[{"key": "only", "value": "others"}]), node(taints=[TAINT]), [], "1 node(s) had untolerated taint {only: builds}"),
    ],
)
def test_room(what: Json, where: Json, there: list[Json], why: str) -> None:
    name, words = scheduling.choose(what, [where], there)
    assert (name == "n1") == (not why)
    assert words.startswith(f"0/1 nodes are available: {why}. preemption:") if why else words == ""


def test_the_node_with_the_fewest_pods_wins() -> None:
    nodes = [node("n1"), node("n2"), node("n3")]
    assert scheduling.choose(pod(), nodes, [pod(nodeName="n1"), pod(nodeName="n2")])[0] == "n3"
    assert scheduling.choose(pod(), [], [])[1] == "no nodes available to schedule pods"


@pytest.mark.parametrize(("text", "value"), [("250m", 0.25), ("2", 2), ("1Gi", 2**30), ("512Mi", 2**29), (3, 3), ("1.5", 1.5), ("2k", 2000)])
def test_amounts(text: Any, value: float) -> None:
    assert amount(text) == value


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1GiB", "-1"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        amount(text)


def test_an_init_container_counts_where_it_wants_more() -> None:
    spec = {**pod("1", "1Gi")["spec"], "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "3"}}}]}
    assert requested(spec) == {"cpu": 3.0, "memory": 2.0**30}


@pytest.mark.parametrize(
    ("replicas", "surge", "missing", "found"),
    [(2, "25%", "25%", (1, 0)), (8, "25%", "25%", (2, 2)), (1, "25%", "25%", (1, 0)), (3, 0, 0, (0, 1)), (10, "50%", 1, (5, 1)), (0, "25%", "25%", (0, 1))],
)
def test_surge_is_rounded_up_and_what_may_be_missing_down(replicas: int, surge: Any, missing: Any, found: tuple[int, int]) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": missing}}
    assert rollouts.limits({"spec": {"replicas": replicas, "strategy": strategy}}) == found


def test_phases() -> None:
    def one(phase: str, init: bool = False, code: int | None = None) -> Container:
        return Container("a", "x", init, phase, exit=None if code is None else (code, "x"))

    assert podstatus.phase([one("creating")], "Always") == "Pending"
    assert podstatus.phase([one("running"), one("creating")], "Always") == "Pending"
    assert podstatus.phase([one("running")], "Always") == "Running"
    assert podstatus.phase([one("back-off", code=1)], "Always") == "Running"
    assert podstatus.phase([one("ended", code=0)], "Never") == "Succeeded"
    assert podstatus.phase([one("ended", code=0), one("ended", code=2)], "Never") == "Failed"
    assert podstatus.phase([one("ended", True, 1), one("queued")], "Never") == "Failed"
    assert podstatus.phase([one("running", True), one("queued")], "Never") == "Pending"


def test_a_condition_that_stands_keeps_its_time() -> None:
    ready = Container("a", "x", phase="running", ready=True)
    first = podstatus.conditions([ready], [], "t1")
    assert [one["type"] for one in first] == ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
    later = podstatus.conditions([Container("a", "x", phase="running")], first, "t2")
    assert [(one["status"], one["lastTransitionTime"]) for one in later] == [("True", "t1"), ("False", "t2"), ("False", "t2"), ("True", "t1")]
    assert later[1]["reason"] == "ContainersNotReady" and later[1]["message"] == "containers with unready status: [a]"


def test_the_longest_name_of_an_image_counts() -> None:
    images, told = Images(), []
    images.told.append(lambda: told.append(1))
    images.set("registry.example/app", exit_code=1)
    images.set("registry.example/app:2", exit_code=2)
    assert [images.of(f"registry.example/app{tag}").exit_code for tag in (":1", ":2", ":2.1")] == [1, 2, 2]
    assert images.of("registry.example/other").exit_code == 0 and len(told) == 2
