"""What no recording shows: daemon sets, init containers, memory, claims, load balancers, lost nodes, pods without room, images that change."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

import pytest

from lab.kubernetes.api import Api, Request
from lab.kubernetes.controllers.control import Control
from lab.kubernetes.controllers.podstatus import is_ready
from lab.kubernetes.state import ADMIN, State
from lab.kubernetes.status import Response

Json = dict[str, Any]


@pytest.fixture
def control() -> Control:
    made = Control(State(users={"admin-token": ADMIN}))
    for name in ("n1", "n2", "n3"):
        made.node(name, cpu="2", memory="4Gi")
    return made


def template(image: str = "a", cpu: str = "100m", **spec: Any) -> Json:
    containers = [{"name": "app", "image": image, "resources": {"requests": {"cpu": cpu}}}]
    return {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": containers, **spec}}


def workload(control: Control, resource: str, name: str = "x", **spec: Any) -> None:
    control.state.put(resource, "lab", name, {"metadata": {}, "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template(), **spec}})


def pods(control: Control) -> list[Json]:
    return control.state.all("pods", "lab")


def wait(control: Control, seconds: float = 10.0) -> None:
    control.state.clock.sleep(seconds)


def status(control: Control, resource: str, name: str = "x") -> Json:
    return dict((control.state.get(resource, "lab", name) or {})["status"])


def events(control: Control, about: str = "") -> list[str]:
    return [one["reason"] for one in control.state.all("events", "lab") if one["involvedObject"]["name"].startswith(about)]


# --- DaemonSet ---
def test_one_pod_for_each_node_that_it_tolerates(control: Control) -> None:
    node = control.state.get("nodes", "", "n3") or {}
    control.state.put("nodes", "", "n3", {**node, "spec": {"taints": [{"key": "only", "value": "builds", "effect": "NoSchedule"}]}})
    workload(control, "daemonsets.apps")
    wait(control)
    assert sorted(pod["spec"]["nodeName"] for pod in pods(control)) == ["n1", "n2"] and all(map(is_ready, pods(control)))
    told = status(control, "daemonsets.apps")
    assert (told["desiredNumberScheduled"], told["numberReady"], told["numberAvailable"]) == (2, 2, 2) and "numberUnavailable" not in told
    control.node("n4")
    wait(control)
    assert status(control, "daemonsets.apps")["numberReady"] == 3
    control.state.put("nodes", "", "n1", {**(control.state.get("nodes", "", "n1") or {}), "spec": {"unschedulable": True}})
    wait(control)
    assert status(control, "daemonsets.apps")["numberReady"] == 3, "agents stay on a cordoned node"


def test_an_agent_without_room_stays_pending_and_says_so(control: Control) -> None:
    workload(control, "deployments.apps", "big", replicas=3, template=template(cpu="1900m"))
    wait(control)
    workload(control, "daemonsets.apps", "agent", template=template(cpu="200m"))
    wait(control)
    told = status(control, "daemonsets.apps", "agent")
    assert (told["desiredNumberScheduled"], told["numberReady"], told["numberUnavailable"]) == (3, 0, 3)
    agents = [pod for pod in pods(control) if pod["metadata"]["name"].startswith("agent")]
    condition = agents[0]["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert condition["message"].startswith("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector.")
    assert "FailedScheduling" in events(control, "agent")
    big = control.state.get("deployments.apps", "lab", "big") or {}
    control.state.put("deployments.apps", "lab", "big", {**big, "spec": {**big["spec"], "replicas": 1}})
    wait(control)
    assert status(control, "daemonsets.apps", "agent")["numberReady"] == 2, "room has come"


def test_a_new_template_of_a_daemon_set_comes_node_by_node(control: Control) -> None:
    workload(control, "daemonsets.apps")
    wait(control)
    least = [3]
    control.state.controllers.append(lambda change: least.append(sum(map(is_ready, pods(control)))))
    workload(control, "daemonsets.apps", template=template("b"))
    wait(control, 60)
    assert {pod["spec"]["containers"][0]["image"] for pod in pods(control)} == {"b"} and min(least) == 2


# --- pods ---
def test_init_containers_run_one_after_the_other_and_the_rest_waits(control: Control) -> None:
    control.images.set("init", run_for=3.0)
    control.images.set("bad", run_for=1.0, exit_code=1)
    workload(control, "deployments.apps", replicas=1, template=template(initContainers=[{"name": "i1", "image": "init"}, {"name": "i2", "image": "init"}]))
    wait(control, 5)
    told = pods(control)[0]["status"]
    assert [next(iter(one["state"])) for one in told["initContainerStatuses"]] == ["terminated", "waiting"] and told["phase"] == "Pending"
    assert told["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert told["conditions"][0] | {"lastTransitionTime": ""} == {
        **{"type": "Initialized", "status": "False", "lastProbeTime": None, "lastTransitionTime": "", "reason": "ContainersNotInitialized"},
        "message": "containers with incomplete status: [i2]",
    }
    wait(control, 10)
    assert is_ready(pods(control)[0])
    workload(control, "deployments.apps", "y", replicas=1, template=template(initContainers=[{"name": "i", "image": "bad"}]))
    wait(control, 60)
    stuck = next(pod for pod in pods(control) if pod["metadata"]["name"].startswith("y-"))
    assert stuck["status"]["initContainerStatuses"][0]["restartCount"] >= 2 and stuck["status"]["phase"] == "Pending"


def test_a_container_that_is_killed_starts_again_and_its_end_is_remembered(control: Control) -> None:
    workload(control, "deployments.apps", replicas=1)
    wait(control)
    name = pods(control)[0]["metadata"]["name"]
    control.kubelet.kill("lab", name)
    assert not is_ready(pods(control)[0])
    wait(control)
    one = pods(control)[0]["status"]["containerStatuses"][0]
    assert is_ready(pods(control)[0]) and (one["restartCount"], one["lastState"]["terminated"]["reason"], one["lastState"]["terminated"]["exitCode"]) == (
        1,
        "OOMKilled",
        137,
    )
    with pytest.raises(KeyError, match="no pod lab/nobody"):
        control.kubelet.kill("lab", "nobody")


def test_an_image_that_changes_its_ways_is_believed_at_once(control: Control) -> None:
    workload(control, "deployments.apps", replicas=2)
    wait(control)
    control.images.set("a", ready_after=None)
    wait(control, 1)
    assert not any(map(is_ready, pods(control))) and status(control, "deployments.apps")["unavailableReplicas"] == 2
    control.images.set("a", ready_after=1.0)
    wait(control, 2)
    assert all(map(is_ready, pods(control)))


@pytest.mark.parametrize(("stop", "grace", "takes"), [(1.0, 30, 1.0), (600.0, 5, 5.0)])
def test_a_pod_ends_when_it_has_stopped_or_with_its_grace(control: Control, stop: float, grace: int, takes: float) -> None:
    control.images.set("a", stop=stop)
    workload(control, "statefulsets.apps", replicas=1, template=template(terminationGracePeriodSeconds=grace))
    wait(control)
    uid = pods(control)[0]["metadata"]["uid"]
    control.state.end_pod("lab", "x-0")
    wait(control, takes - 0.1)
    assert pods(control)[0]["metadata"]["uid"] == uid and pods(control)[0]["metadata"]["deletionTimestamp"]
    wait(control, 0.2)
    assert all(pod["metadata"]["uid"] != uid for pod in pods(control))


# --- nodes ---
def test_a_lost_node_takes_its_pods_along_after_a_while_but_not_its_agents(control: Control) -> None:
    workload(control, "daemonsets.apps", "agent")
    workload(control, "deployments.apps", replicas=3)
    wait(control)
    control.scheduler.silence("n1")
    wait(control, 45)
    there = [pod for pod in pods(control) if pod["spec"]["nodeName"] == "n1"]
    assert there and not any(map(is_ready, there)) and all(pod["status"]["phase"] == "Running" for pod in there)
    wait(control, 400)
    going = {pod["metadata"]["name"][:2]: bool(pod["metadata"].get("deletionTimestamp")) for pod in pods(control) if pod["spec"]["nodeName"] == "n1"}
    assert going == {"ag": False, "x-": True}, "nobody is there who could end it"
    assert status(control, "deployments.apps")["readyReplicas"] == 3, "others stand for them"
    control.scheduler.speak("n1")
    wait(control, 5)
    assert status(control, "daemonsets.apps", "agent")["numberReady"] == 3
    assert not any(pod["metadata"].get("deletionTimestamp") for pod in pods(control))


# --- claims, services ---
def test_claims_come_first_and_outlive_their_pods(control: Control) -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"storageClassName": "gp2", "resources": {"requests": {"storage": "8Gi"}}}}
    workload(control, "statefulsets.apps", serviceName="x", replicas=2, volumeClaimTemplates=[claim])
    wait(control, 20)
    names = ["data-x-0", "data-x-1"]
    assert [one["metadata"]["name"] for one in control.state.all("persistentvolumeclaims", "lab")] == names and all(map(is_ready, pods(control)))
    assert len(control.state.all("persistentvolumes")) == 2
    control.state.remove("statefulsets.apps", "lab", "x")
    wait(control, 20)
    assert pods(control) == [] and len(control.state.all("persistentvolumeclaims", "lab")) == 2


@pytest.mark.parametrize(("kind", "words"), [("no-such-class", "unbound immediate"), ("gp2", "")])
def test_a_claim_of_no_known_class_keeps_its_pod_waiting(control: Control, kind: str, words: str) -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"storageClassName": kind}}
    workload(control, "statefulsets.apps", serviceName="x", replicas=1, volumeClaimTemplates=[claim])
    wait(control)
    condition = next(one for one in pods(control)[0]["status"]["conditions"] if one["type"] == "PodScheduled")
    assert (words in condition.get("message", "")) and is_ready(pods(control)[0]) == (not words)
    assert ("ProvisioningFailed" in events(control, "data")) == bool(words)


def test_a_load_balancer_gets_an_address_unless_the_cloud_gives_none(control: Control) -> None:
    control.state.put("services", "lab", "one", {"metadata": {}, "spec": {"type": "LoadBalancer"}})
    control.state.put("services", "lab", "inner", {"metadata": {}, "spec": {"type": "ClusterIP"}})
    wait(control)
    assert (control.state.get("services", "lab", "one") or {})["status"]["loadBalancer"]["ingress"]
    assert "status" not in (control.state.get("services", "lab", "inner") or {})
    control.storage.addresses = False
    control.state.put("services", "lab", "two", {"metadata": {}, "spec": {"type": "LoadBalancer"}})
    wait(control)
    assert "status" not in (control.state.get("services", "lab", "two") or {})


# --- jobs ---
def test_a_job_tries_again_until_it_has_failed_too_often(control: Control) -> None:
    control.images.set("a", run_for=1.0, exit_code=1)
    control.state.put("jobs.batch", "lab", "j", {"metadata": {}, "spec": {"backoffLimit": 2, "template": template(restartPolicy="Never")}})
    wait(control, 200)
    told = status(control, "jobs.batch", "j")
    assert told["failed"] == 3 and [one["type"] for one in told["conditions"]] == ["FailureTarget", "Failed"] and "BackoffLimitExceeded" in events(control, "j")


def test_the_log_of_a_container_and_of_its_run_before(control: Control) -> None:
    control.images.set("a", run_for=1.0, exit_code=1, log=("oops",))
    workload(control, "deployments.apps", replicas=1)
    api = Api(control.state)

    def log(**query: str) -> Response:
        answer = api.handle(
            Request("GET", f"/api/v1/namespaces/lab/pods/{pods(control)[0]['metadata']['name']}/log", query, {"authorization": "Bearer admin-token"}, b"")
        )
        assert isinstance(answer, Response)
        return answer

    wait(control, 0.5)
    assert log().status == 400, "it waits to start"
    wait(control, 30)
    assert log(previous="true").text == b"oops\n"
