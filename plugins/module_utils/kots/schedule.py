# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an installation is backed up by itself, and how long backups are kept: compared in kotsadm's own units, changed only where they differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.durations import checked_cron
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import Plan

ITEM = "schedule"
# Seconds of kotsadm's units: a month is 720 h, a year 8766 h. "month" and the like it does not take back (recorded).
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800, "months": 2592000, "years": 31557600}
SHORT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks", "mo": "months", "y": "years"}
LONGEST = 20 * UNITS["years"]


@dataclass(frozen=True)
class ScheduleSpec:
    """What is wanted; None: as it is. `retention` is a number and one of kotsadm's units."""

    enabled: bool = True
    cron: Optional[str] = None
    retention: Optional[tuple[int, str]] = None

    @property
    def seconds(self) -> Optional[int]:
        """The retention in seconds."""
        return self.retention[0] * UNITS[self.retention[1]] if self.retention else None


@dataclass(frozen=True)
class SetSchedule:
    """Switch the schedule on with this cron, or off."""

    cron: str
    enabled: bool
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "schedule", "id": ITEM, "enabled": self.enabled, "cron": self.cron if self.enabled else None}


@dataclass(frozen=True)
class SetRetention:
    """Keep backups from now on so long; those that are there keep their time."""

    value: int
    unit: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "retention", "id": ITEM, "value": self.value, "unit": self.unit}


ScheduleLook = Look[ScheduleSpec, Plan]


def schedule_spec(params: Mapping[str, Any]) -> ScheduleSpec:
    """What is wanted; raises BadInput with the first value that kotsadm would not take."""
    cron, retention = params.get("cron"), params.get("retention")
    return ScheduleSpec(
        enabled=bool(params["enabled"]),
        cron=checked_cron(" ".join(cron.split()), "cron") if cron is not None else None,
        retention=checked_retention(retention) if retention is not None else None,
    )


def checked_retention(text: str) -> tuple[int, str]:
    """Number and unit of such as 30d, 12h, 6mo or "30 days"."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*([a-z]+)\s*", str(text).lower())
    unit = SHORT.get(found.group(2), found.group(2)) if found else ""
    if found is None or unit not in UNITS:
        raise BadInput(f"retention is {text!r}, which is no number with a unit; give such as 12h, 30d, 8w, 6mo or 1y")
    value = int(found.group(1))
    if not 0 < value * UNITS[unit] <= LONGEST:
        raise BadInput(f"retention is {text!r}, but it must be more than 0 and at most 20 years")
    return value, unit


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: ScheduleLook) -> list[str]:
    """On needs a cron, and kotsadm forgets the one it had when it is switched off."""
    if look.spec.enabled and not look.spec.cron and not look.state.cron:
        return ["the schedule is off, and kotsadm has forgotten its cron; give cron to switch it on"]
    return []


def decide(look: ScheduleLook) -> dict[str, Decision]:
    """Send what differs. Off, the cron is not compared."""
    if refusals(look):
        return {ITEM: stuck(refusals(look)[0])}
    steps = _steps(look.spec, look.state)
    return {ITEM: act("the schedule differs", *steps) if steps else settled("the schedule is as wanted")}


def effect(state: Plan, step: Any) -> Plan:
    """The plan after a step."""
    if isinstance(step, SetSchedule):
        return replace(state, enabled=step.enabled, cron=step.cron if step.enabled else "")
    return replace(state, retention=float(step.value * UNITS[step.unit]), retention_words=f"{step.value} {step.unit}")


def assume(look: ScheduleLook, _item: str) -> Plan:
    """Nothing is ever waited for."""
    return look.state


def remember(look: ScheduleLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: ScheduleLook) -> dict[str, Json]:
    """The plan."""
    return {ITEM: plan_view(look.state)}


def view(look: ScheduleLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    return {"schedule": plan_view(look.state), "reason": decisions[ITEM].reason}


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: ScheduleLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[ITEM].reason


def plan_view(plan: Plan) -> Json:
    """For results. The retention in seconds, and as kotsadm words it."""
    return {"enabled": plan.enabled, "cron": plan.cron or None, "retention": plan.retention, "retention_words": plan.retention_words or None}


def _steps(spec: ScheduleSpec, plan: Plan) -> list[Any]:
    steps: list[Any] = []
    cron = spec.cron or plan.cron
    if spec.enabled != plan.enabled or (spec.enabled and cron != plan.cron):
        steps.append(SetSchedule(cron or "0 0 * * MON", spec.enabled))
    if spec.retention and spec.seconds != plan.retention:
        steps.append(SetRetention(*spec.retention))
    return steps
