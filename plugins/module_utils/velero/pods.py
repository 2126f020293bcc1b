# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods, Deployments and DaemonSets of Velero as the installation sees them: how far they are, and why a pod does not run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import Pod, Rollout
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import epoch_of

OVERLAP = 5.0  # s in which a server of before may still have said the last word: it stops within moments of being told to
CALM = ("ContainerCreating", "PodInitializing")  # what every pod says on its way


def pods_of(items: Iterable[Any], label: str, value: str) -> tuple[Pod, ...]:
    """The pods with that label, by name, without those that are on their way out."""
    mine = [one for one in items if (one["metadata"].get("labels") or {}).get(label) == value and not one["metadata"].get("deletionTimestamp")]
    return tuple(sorted((pod_from_api(one) for one in mine), key=lambda pod: pod.name))


def pod_from_api(data: Any) -> Pod:
    """One pod."""
    status = data.get("status") or {}
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or ())
    return Pod(
        name=str(data["metadata"]["name"]),
        node=str((data.get("spec") or {}).get("nodeName") or ""),
        ready=ready,
        trouble="" if ready else _trouble(status),
        started=_started(status),
    )


def _started(status: Any) -> Optional[float]:
    """When the container began that runs now: a restart inside the pod begins a new server too."""
    for one in status.get("containerStatuses") or ():
        running = (one.get("state") or {}).get("running") or {}
        if running.get("startedAt"):
            return epoch_of(running["startedAt"])
    return None


def _trouble(status: Any) -> str:
    """Why it does not run, in words; empty for what is on its way."""
    if status.get("phase") == "Failed":
        return f"failed: {status.get('reason') or ''} {status.get('message') or ''}".strip()
    for one in status.get("conditions") or ():
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            return f"no node has room for it ({one.get('message') or one.get('reason') or 'no reason told'})"
    for one in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waits = (one.get("state") or {}).get("waiting") or {}
        if waits.get("reason") and waits["reason"] not in CALM:
            return f"{one.get('name')}: {waits['reason']}{_of(one, waits)}"
    return ""


def _of(container: Any, waits: Any) -> str:
    """The message, and how the container's last life ended."""
    last = ((container.get("lastState") or {}).get("terminated") or {}).get("reason")
    exit_code = ((container.get("lastState") or {}).get("terminated") or {}).get("exitCode")
    parts = [str(waits.get("message") or "")] + ([f"last ended by {last} ({exit_code})"] if last else [])
    text = "; ".join(" ".join(part.split())[:200] for part in parts if part)
    return f" ({text})" if text else ""


def earliest_word(server: Optional[Any], pods: Iterable[Any]) -> Optional[float]:
    """From when on (epoch seconds) a location's verdict is that of the server that runs now; None where none runs.

    One of an older template works on until it has gone, after the new one began: until its grace is over as long as its pod is there. Times are whole
    seconds. A first template has none before it.
    """
    mine = [one for one in pods if (one["metadata"].get("labels") or {}).get("deploy") == "velero"]
    going = [epoch_of(one["metadata"]["deletionTimestamp"]) or 0.0 for one in mine if one["metadata"].get("deletionTimestamp")]
    began = max((pod.started or 0.0 for pod in pods_of(mine, "deploy", "velero") if pod.ready), default=None)
    if server is None or began is None:
        return None
    overlap = OVERLAP if int(server["metadata"].get("generation") or 0) > 1 else 0.0
    return max([began + overlap, *going])


def deployment_rollout(data: Optional[Any], pods: tuple[Pod, ...]) -> Rollout:
    """How far the server is."""
    if data is None:
        return Rollout()
    status, wanted = data.get("status") or {}, int(data["spec"].get("replicas", 1))
    seen = int(status.get("observedGeneration") or 0) >= int(data["metadata"].get("generation") or 0)
    current = seen and int(status.get("updatedReplicas") or 0) >= wanted and int(status.get("replicas") or 0) <= wanted
    return Rollout(True, current, wanted, int(status.get("availableReplicas") or 0), pods)


def daemon_set_rollout(data: Optional[Any], pods: tuple[Pod, ...]) -> Rollout:
    """How far the agents are: one on each node that its scheduler wants one on."""
    if data is None:
        return Rollout(wanted=0)
    status = data.get("status") or {}
    seen = int(status.get("observedGeneration") or 0) >= int(data["metadata"].get("generation") or 0)
    wanted = int(status.get("desiredNumberScheduled") or 0)
    current = seen and int(status.get("updatedNumberScheduled") or 0) >= wanted
    return Rollout(True, current, wanted, int(status.get("numberReady") or 0), pods)
