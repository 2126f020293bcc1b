# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero's server and agents out of their Deployment, DaemonSet and pods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Agents, Server
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import epoch_of


def server_from_api(deployment: Any, pods: Sequence[Any]) -> Server:
    """The server. Its version is the tag of its image, where that is one."""
    ready = [pod for pod in pods if is_ready(pod)]
    began = [moment for moment in map(_began, ready) if moment is not None]
    words = ", ".join(f"{pod['metadata']['name']} ({state_of(pod)})" for pod in pods) or "there is none"
    return Server(True, _tag(deployment), bool(ready), max(began, default=None), words)


def agents_from_api(daemon_set: Any, pods: Sequence[Any]) -> Agents:
    """The agents; `desired` counts the nodes that are to have one."""
    nodes = [str(pod["spec"].get("nodeName") or "") for pod in pods if is_ready(pod)]
    desired = int((daemon_set.get("status") or {}).get("desiredNumberScheduled") or 0)
    return Agents(str(daemon_set["metadata"]["name"]), desired, len(nodes), frozenset(node for node in nodes if node))


def is_ready(pod: Any) -> bool:
    """Running, Ready and not on its way out."""
    status = pod.get("status") or {}
    conditions = {one.get("type"): one.get("status") for one in status.get("conditions") or ()}
    return status.get("phase") == "Running" and conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")


def _began(pod: Any) -> Optional[float]:
    """When its containers began: a container begins anew in a pod that stays."""
    status = pod.get("status") or {}
    running = [((one.get("state") or {}).get("running") or {}).get("startedAt") for one in status.get("containerStatuses") or ()]
    begun = [moment for moment in map(epoch_of, running) if moment is not None]
    return max(begun) if begun else epoch_of(status.get("startTime")) or epoch_of(pod["metadata"].get("creationTimestamp"))


def state_of(pod: Any) -> str:
    """A pod's state in a word: why a container waits, else the phase."""
    status = pod.get("status") or {}
    for one in status.get("containerStatuses") or ():
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return str(waiting["reason"])
    return str(status.get("reason") or status.get("phase") or "unknown")


def _tag(deployment: Any) -> str:
    containers = ((deployment["spec"].get("template") or {}).get("spec") or {}).get("containers") or ()
    image = next((str(one.get("image") or "") for one in containers if one.get("name") == "velero"), "")
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2].removeprefix("v")
    return tag if tag[:1].isdigit() else ""
