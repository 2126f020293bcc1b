# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a pod is not ready, in words: cause, evidence and remedy from its conditions, containers and events. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.server.model import Container, Event, Pod

OVERDUE = 60.0  # s beyond its grace after which a pod that ends is no longer ending
PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError")
SETUP = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
MOUNT = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")


class Problem(NamedTuple):
    """What keeps a pod from being ready."""

    cause: str
    evidence: str
    remedy: str

    def view(self, pod: str) -> Json:
        """As the result lists it."""
        return {"pod": pod, "cause": self.cause, "evidence": self.evidence, "remedy": self.remedy}


def problem_of(pod: Pod, events: Sequence[Event], now: float) -> Optional[Problem]:
    """The first cause found, the most telling first; None for one that is ready, has done its work, or is ending in time."""
    if pod.ends is not None:
        return _overdue(pod, now)
    if pod.is_ready or pod.is_completed:
        return None
    mine = [event for event in events if event.uid == pod.uid]
    for look in (_evicted, _unplaced, _pulls, _setup, _crashes, _init, _mounts):
        found = look(pod, mine)
        if found:
            return found
    return _unready(pod, mine)


def _overdue(pod: Pod, now: float) -> Optional[Problem]:
    if pod.ends is None or now <= pod.ends + OVERDUE:
        return None
    late = f"its grace was over {now - pod.ends:.0f} s ago, and it is still listed"
    return Problem(
        "ends_too_long", late, f"see whether node {pod.node or '(none)'} still answers; what a lost node holds goes when the node comes back or is deleted"
    )


def _evicted(pod: Pod, _events: Sequence[Event]) -> Optional[Problem]:
    if pod.phase != "Failed":
        return None
    if pod.reason == "Evicted":
        return Problem("evicted", pod.message or "its node put it out", "give its node more of what ran short, or set requests nearer to what the pod uses")
    dead = [one for one in pod.containers if one.ended and one.ended.exit_code]
    said = ", ".join(_ended(one) for one in dead) or pod.message or "it failed"
    if any(one.ended and one.ended.reason == "OOMKilled" for one in dead):
        return Problem("out_of_memory", said, "raise the memory limit of the container that was killed")
    return Problem("failed", said, "read its log (logs), and delete it where its work was done by another since")


UNPLACED: tuple[tuple[str, str, str], ...] = (
    (r"persistentvolumeclaim \"?\S+\"? not found", "claim_missing", "make the claim, or restore it from a backup, before its pod"),
    (r"unbound immediate PersistentVolumeClaims", "claim_unbound", "look at the claim's events: storage class, quota and zone decide whether a volume is made"),
    (r"volume node affinity conflict", "volume_elsewhere", "bring a node into the zone that its volume is in"),
    (r"Insufficient (cpu|memory)|Too many pods", "no_room", "add a node, or take pods off those there are; then it is placed by itself"),
    (r"untolerated taint|had taint|were unschedulable", "nodes_closed", "lift the cordon or the taint of a node, or add one"),
    (r"didn't match Pod's node affinity", "no_such_node", "add a node with the labels that it asks for, or change what it asks for"),
    (r"no nodes available", "no_nodes", "add nodes: the cluster has none"),
)


def _unplaced(pod: Pod, _events: Sequence[Event]) -> Optional[Problem]:
    told = next((one for one in pod.conditions if one.type == "PodScheduled" and one.status == "False"), None)
    if told is None:
        return None
    for pattern, cause, remedy in UNPLACED:
        if re.search(pattern, told.message):
            return Problem(cause, f"{told.reason}: {told.message}", remedy)
    return Problem("not_placed", f"{told.reason}: {told.message}", "read the scheduler's words: they name what each node lacks")


def _pulls(pod: Pod, events: Sequence[Event]) -> Optional[Problem]:
    bad = _waiting(pod, PULL)
    if bad is None:
        return None
    why = next((event.message for event in reversed(events) if event.reason == "Failed"), bad.message)
    return Problem(
        "image",
        f"container {bad.name}: {bad.reason}: {why}",
        f"see whether image {bad.image} exists, the registry answers from the node, and the pull secret is right",
    )


def _setup(pod: Pod, events: Sequence[Event]) -> Optional[Problem]:
    bad = _waiting(pod, SETUP)
    if bad is None:
        return None
    return Problem(
        "setup", f"container {bad.name}: {bad.reason}: {bad.message}", "make the Secret or ConfigMap that it names, or the key in it; it then starts by itself"
    )


def _crashes(pod: Pod, _events: Sequence[Event]) -> Optional[Problem]:
    bad = _first(pod, lambda one: one.reason == "CrashLoopBackOff" or (one.state == "terminated" and not one.init))
    if bad is None or not (bad.last or bad.ended):
        return None
    said = f"container {bad.name} restarted {bad.restarts} times; {_ended(bad)}"
    if (bad.ended or bad.last) and "OOMKilled" in _ended(bad):
        return Problem("out_of_memory", said, "raise its memory limit, or give it less to do")
    return Problem("crashes", said, "read the log of the run before (logs): it tells why it ended")


def _init(pod: Pod, _events: Sequence[Event]) -> Optional[Problem]:
    bad = _first(pod, lambda one: one.init and not one.ready and one.state != "terminated")
    if bad is None:
        return None
    return Problem(
        "init", f"init container {bad.name} is {bad.state} {bad.reason}".strip(), "read its log (logs): the others start only when it has ended well"
    )


def _mounts(pod: Pod, events: Sequence[Event]) -> Optional[Problem]:
    told = next((event for event in reversed(events) if event.reason in MOUNT), None)
    if told is None or any(one.state == "running" for one in pod.containers):
        return None
    return Problem(
        "mount",
        f"{told.reason}: {told.message}",
        "see whether its volume still hangs on another node, and whether the Secrets and ConfigMaps that it mounts exist",
    )


def _unready(pod: Pod, events: Sequence[Event]) -> Problem:
    told = next((one for one in pod.conditions if one.type == "Ready"), None)
    probe = next((event.message for event in reversed(events) if event.reason == "Unhealthy"), "")
    if probe:
        return Problem("probe", probe, "read its log (logs), and whether what it depends on is ready")
    if told is None or not pod.containers:
        return Problem("starting", f"phase {pod.phase}, nothing is told of its containers yet", "wait; where it lasts, see whether its node answers")
    if all(one.ready for one in pod.containers if not one.init):
        return Problem("node", f"Ready is {told.status}, though its containers are ready", f"see whether node {pod.node} still answers")
    running = all(one.state == "running" for one in pod.containers if not one.init)
    words = f"{told.reason}: {told.message}" if told.reason else f"Ready is {told.status}"
    return Problem("not_ready" if running else "starting", words, "give it time to start; where it lasts, read its log (logs)")


def _waiting(pod: Pod, reasons: Sequence[str]) -> Optional[Container]:
    return _first(pod, lambda one: one.state == "waiting" and one.reason in reasons)


def _first(pod: Pod, fits: Callable[[Container], bool]) -> Optional[Container]:
    return next((one for one in pod.containers if fits(one)), None)


def _ended(one: Container) -> str:
    end = one.ended or one.last
    return f"it last ended with code {end.exit_code} ({end.reason or 'no reason'})" if end else "it has not ended yet"
