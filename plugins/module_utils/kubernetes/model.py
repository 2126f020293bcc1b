# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Kubernetes API says of pods, as values, and which pod to speak to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional


@dataclass(frozen=True)
class Pod:
    """A pod as a forward sees it."""

    name: str
    phase: str = ""
    ready: bool = False
    deleting: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether it answers, as far as the API knows. A node that is gone leaves its pods Running for a while, but not Ready."""
        return self.phase == "Running" and self.ready and not self.deleting

    @property
    def state(self) -> str:
        """For people."""
        if self.deleting:
            return "ending"
        return self.phase if self.phase != "Running" else "Running and Ready" if self.ready else "Running, not Ready"


def pods_from_api(body: Any) -> tuple[Pod, ...]:
    """The pods of a PodList, by name."""
    return tuple(sorted(map(_pod, body["items"] or ()), key=lambda pod: pod.name))


def _pod(data: Any) -> Pod:
    status = data.get("status") or {}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    deleting = bool(data["metadata"].get("deletionTimestamp"))
    return Pod(data["metadata"]["name"], status.get("phase") or "", conditions.get("Ready") == "True", deleting)


def usable_pod(pods: Sequence[Pod], last: str = "") -> Optional[Pod]:
    """The pod to speak to: the last one while it can be used, else the first that can."""
    found = [pod for pod in pods if pod.is_usable]
    return next((pod for pod in found if pod.name == last), found[0] if found else None)
