"""How the recorded clusters with controllers stood, and what was done in them besides the recorded requests: by kubectl, or on the side."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.kubernetes.controllers import podstatus
from lab.kubernetes.controllers.containers import Container
from lab.kubernetes.controllers.images import Image
from lab.kubernetes.controllers.playing import Play, Step
from lab.kubernetes.controllers.rollouts import condition, is_complete

Json = dict[str, Any]
D = "/apis/apps/v1/namespaces/lab/deployments"
N = "/api/v1/nodes/node-2"
QUICK = Image(pull=0.0, start=0.02, ready_after=0.0, stop=0.05)  # as kwok plays them
ASKED = "2026-11-23T00:00:00Z"
CRASHES = 0.01  # s of an image that crashes


def deployment(name: str) -> Json:
    pod = {"containers": [{"name": "app", "image": "registry.example/app:1"}], "terminationGracePeriodSeconds": 5}
    template = {"metadata": {"labels": {"app": name}}, "spec": {**pod, "nodeSelector": {"lab": "kwok"}, "tolerations": [{"operator": "Exists"}]}}
    spec = {"replicas": 2, "progressDeadlineSeconds": 6, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def nodes(play: Play) -> None:
    """Two nodes, and containers as quick as kwok's."""
    play.state.put("serviceaccounts", "lab", "default", {"metadata": {}})  # and with it the namespace
    play.control.images.default = QUICK
    for name in ("node-1", "node-2"):
        node = play.control.node(name, lab="kwok")
        annotated = {**node["metadata"], "labels": {"kubernetes.io/hostname": name, "lab": "kwok"}, "annotations": {"node.alpha.kubernetes.io/ttl": "0"}}
        play.state.put("nodes", "", name, {**node, "metadata": annotated, "status": {**node["status"], "conditions": [*node["status"]["conditions"], ROUTED]}})


ROUTED = {"type": "NetworkUnavailable", "status": "False", "reason": "RouteCreated", "message": "RouteController created a route"}


def with_web(play: Play) -> None:
    nodes(play)
    play.call("POST", D, deployment("web"))
    play.state.clock.sleep(5)


# --- rollout ---
def make(name: str) -> Any:
    return lambda play: play.call("POST", D, deployment(name))


def restart(kind: str, name: str, stamp: str) -> Any:
    body = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": stamp}}}}}
    return lambda play: play.merge(f"/apis/apps/v1/namespaces/lab/{kind}/{name}", body)


def scale(replicas: int) -> Any:
    return lambda play: play.merge(f"{D}/web", {"spec": {"replicas": replicas}})


def undo(play: Play) -> None:
    """kubectl rollout undo: the template of the revision before."""
    play.merge(f"{D}/web", {"spec": {"template": {"metadata": {"labels": {"lab-state": None}}}}})


def pause(play: Play) -> None:
    play.merge(f"{D}/web", {"spec": {"paused": True}})


def rolled_out(holds: bool) -> Any:
    """kubectl rollout status: exit 0 or not."""

    def check(play: Play) -> None:
        web = play.object("deployments.apps", "web") or {}
        play.check(f"web is {'not ' if holds else ''}rolled out", is_complete(web, web.get("status") or {}) == holds)

    return check


def too_late(play: Play) -> None:
    found = condition(play.object("deployments.apps", "web") or {}, "Progressing") or {}
    play.check(f"web's progress is {found}", (found.get("status"), found.get("reason")) == ("False", "ProgressDeadlineExceeded"))


def not_late(play: Play) -> None:
    found = condition(play.object("deployments.apps", "web") or {}, "Progressing") or {}
    play.check(f"web's progress is {found}", found.get("status") == "True")


ROLLOUT: list[Step] = [
    (0.33, rolled_out(True)),
    (2.703, scale(0)),
    (5.87, scale(2)),
    (6.05, rolled_out(True)),
    (9.298, rolled_out(False)),
    (9.3, not_late),
    (11.5, not_late),
    (13.14, too_late),
    (13.5, undo),
    (13.69, rolled_out(True)),
    (13.8, pause),
    (18.02, make("fg")),
    (18.26, make("orphaned")),
]


# --- pods ---
def pod(name: str, image: str, grace: int = 5, **spec: Any) -> Any:
    containers = [{"name": "app", "image": f"registry.example/{image}:1"}]
    body = {"metadata": {"name": f"p-{name}", "labels": {"app": "p"}}, "spec": {"terminationGracePeriodSeconds": grace, "containers": containers, **spec}}
    if name == "nowhere":
        body["metadata"] = {"name": "p-nowhere"}
    return lambda play: play.call("POST", "/api/v1/namespaces/lab/pods", {"apiVersion": "v1", "kind": "Pod", **body})


def behaviours(play: Play) -> None:
    """Images as the recorded containers behaved; the kubelets are made so quick that seven crashes fit in between."""
    nodes(play)
    play.control.images.pace = 1e-5
    images = play.control.images.known
    images["registry.example/crash"] = Image(pull=0, start=0, ready_after=None, run_for=CRASHES, exit_code=1)
    images["registry.example/missing"] = Image(pull_error="not found", pull=0, start=0)
    images["registry.example/slow"] = Image(pull=0, start=0, ready_after=None, stop=60)
    images["registry.example/once"] = Image(pull=0, start=0, ready_after=None, run_for=1)
    images["registry.example/big"] = Image(pull=0, start=0, ready_after=None, run_for=1, oom=True)


def pace(value: float) -> Any:
    def set_pace(play: Play) -> None:
        play.control.images.pace = value

    return set_pace


def delete_all(play: Play) -> None:
    """kubectl delete pod --all --now: a grace of one second, which nobody here needs."""
    for item in play.state.all("pods"):
        play.state.end_pod("lab", item["metadata"]["name"], 0)


PODS: list[Step] = [
    (0.019, pod("crashloop", "crash", nodeSelector={"lab": "kwok"})),
    (0.05, pace(1.0)),
    (0.06, pace(1e-5)),
    (0.065, pod("imagepull", "missing", nodeSelector={"lab": "kwok"})),
    (0.098, pod("unready", "slow", nodeSelector={"lab": "kwok"})),
    (0.133, pod("completed", "once", restartPolicy="Never", nodeSelector={"lab": "kwok"})),
    (0.165, pod("oom", "big", restartPolicy="Never", nodeSelector={"lab": "kwok"})),
    (0.2, pod("nowhere", "app", nodeSelector={"lab": "nowhere"})),
    (0.5, pace(1.0)),
    (2.2, pod("ready", "app", nodeSelector={"lab": "kwok"})),
    (13.0, lambda play: play.state.end_pod("lab", "p-ready", 0)),
    (13.6, delete_all),
]


# --- StatefulSet, Jobs ---
def job_pod_ends(job: str, ending: tuple[int, str]) -> Any:
    """What was written there by hand: the pod's container has ended."""

    def write(play: Play) -> None:
        item = next(one for one in play.state.all("pods", "lab") if one["metadata"]["labels"].get("job-name") == job)
        one = Container("app", "registry.example/app:1", phase="ended", exit=ending)
        told = {"phase": podstatus.phase([one], "Never"), "conditions": podstatus.conditions([one], (), play.state.stamp())}
        state = {"terminated": {"exitCode": ending[0], "reason": ending[1], "startedAt": ASKED, "finishedAt": ASKED}}
        statuses = [{"name": "app", "state": state, "lastState": {}, "ready": False, "restartCount": 0, "image": one.image, "imageID": ""}]
        play.control.world.status("pods", item, {**told, "containerStatuses": statuses})

    return write


def stateful_done(play: Play) -> None:
    status = (play.object("statefulsets.apps", "db") or {}).get("status") or {}
    done = status.get("updatedReplicas") == 2 == status.get("readyReplicas") and status.get("currentRevision") == status.get("updateRevision")
    play.check(f"db is not rolled out: {status}", done)


def job_is(job: str, kind: str) -> Any:
    def check(play: Play) -> None:
        conditions = ((play.object("jobs.batch", job) or {}).get("status") or {}).get("conditions") or ()
        play.check(f"{job} is not {kind}", any(one["type"] == kind and one["status"] == "True" for one in conditions))

    return check


STATEFUL: list[Step] = [
    (0.157, stateful_done),
    (0.32, restart("statefulsets", "db", "2026-11-23T00:00:01Z")),
    (1.47, stateful_done),
    (1.6, job_pod_ends("once", (0, "Completed"))),
    (5.8, job_pod_ends("fails", (137, "OOMKilled"))),
    (10.05, job_is("once", "Complete")),
    (13.0, job_is("fails", "Failed")),
]


# --- nodes ---
def cordon(closed: bool) -> Any:
    return lambda play: play.merge(N, {"spec": {"unschedulable": closed or None}})


def evict(count: int) -> Any:
    """kubectl drain: so many pods were evicted from the node."""

    def act(play: Play) -> None:
        there = [one for one in play.state.all("pods", "lab") if one["spec"].get("nodeName") == "node-2" and not one["metadata"].get("deletionTimestamp")]
        play.check(f"{len(there)} pods on node-2 for {count}", len(there) == count)
        for one in there:
            name = one["metadata"]["name"]
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
            play.call("POST", f"/api/v1/namespaces/lab/pods/{name}/eviction", body)

    return act


def silent(play: Play) -> None:
    """A node whose kubelet never spoke; the recorded answer to its making is the API's."""
    play.state.put("nodes", "", "silent", {"metadata": {"annotations": {"node.alpha.kubernetes.io/ttl": "0"}}, "spec": {}, "status": {}})


NODES: list[Step] = [
    (1.1, cordon(False)),
    (1.3, lambda play: play.check("node-2 is closed", not _closed(play))),
    (1.6, cordon(True)),
    (1.65, evict(1)),
    (2.75, evict(1)),
    (3.8, lambda play: play.check("a pod of web is missing", len(play.state.all("pods", "lab")) == 2)),
    (4.05, cordon(False)),
    (4.17, silent),
]


def _closed(play: Play) -> bool:
    spec = (play.state.get("nodes", "", "node-2") or {}).get("spec") or {}
    return bool(spec.get("unschedulable") or spec.get("taints"))


SCENES: dict[str, tuple[Any, list[Step]]] = {
    "rollout": (nodes, ROLLOUT),
    "pods-states": (behaviours, PODS),
    "statefulset": (nodes, STATEFUL),
    "nodes": (with_web, NODES),
}
