"""Recorded exchanges: loading them, and cutting our answers down to what the recordings kept."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "recordings" / "nomad"
WHOLE = ("agent-self", "node-read", "node-allocations", "job-read", "allocation-read", "acl-more")
FEW_HEADERS = ("acl-more",)  # only Content-Type was kept
DROPPED = frozenset(
    "Resources NodeResources ReservedResources Reserved AllocatedResources TaskResources SharedResources Metrics LogConfig RestartPolicy "
    "ReschedulePolicy EphemeralDisk Update Drivers Templates Artifacts Services Affinities Spreads DispatchPayload Vault Networks "
    "CSIControllerPlugins CSINodePlugins HostNetworks HostVolumes Links ComputedClass".split()
)
ATTRIBUTES = (
    "cpu.arch",
    "driver.raw_exec",
    "kernel.name",
    "nomad.version",
    "platform.aws.instance-type",
    "unique.hostname",
    "unique.platform.aws.instance-id",
    "unique.platform.aws.local-hostname",
)
SLIM_JOB = ("ID", "Name", "Namespace", "Type", "ParentID", "NodePool", "Status", "Stop", "Version", "Dispatched")
SLIM_OUT = frozenset(
    "NetworkStatus PreemptedAllocations PreemptedByAllocation SigningKeyID NextAllocation FollowupEvalID DesiredDescription CreateTime EvalID".split()
)


@cache
def load(version: str, name: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [json.loads(line) for line in (FOLDER / version / f"{name}.jsonl").read_text().splitlines()]
    for line in lines:
        answer = line.get("response", {})
        if "body_of_line" in answer:
            answer["body"] = lines[answer["body_of_line"]]["response"]["body"]
    return lines


def names(version: str) -> list[str]:
    return sorted(path.stem for path in (FOLDER / version).glob("*.jsonl"))


MORE = frozenset("dispatch no-room operator-calls node-gc purge-busy".split())  # made later, slim on every version


def is_slim(version: str, name: str) -> bool:
    """From 1.2 on all but the whole files; before, those that leave out what repeats itself."""
    new = tuple(int(part) for part in version.split(".")) >= (1, 2)
    return name not in WHOLE and (new or name in MORE or any("until" in line for line in load(version, name)))


def cut(value: Any) -> Any:
    """Without the bulky keys."""
    if isinstance(value, list):
        return [cut(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        if key in DROPPED:
            continue
        chosen = {name: item[name] for name in ATTRIBUTES if name in item} if key == "Attributes" and isinstance(item, dict) else item
        out[key] = cut(chosen)
    return out


def slim(value: Any) -> Any:
    if isinstance(value, list):
        return [slim(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    allocation = "ClientStatus" in value and "JobID" in value
    for key, item in value.items():
        if allocation and key in SLIM_OUT:
            continue
        kept = item
        if allocation and key == "Job" and isinstance(item, dict):
            kept = {name: item[name] for name in SLIM_JOB if name in item}
        elif key == "Events" and isinstance(item, list) and "FinishedAt" in value:
            kept = [{name: event[name] for name in ("Type", "Time", "DisplayMessage") if name in event} for event in item[-1:]]
        elif key == "Meta" and isinstance(item, dict):
            kept = {name: text for name, text in item.items() if not name.startswith("connect.")}
        out[key] = slim(kept)
    return out


def as_recorded(value: Any, name: str, slimmed: bool) -> Any:
    if name not in WHOLE:
        value = cut(value)
    return slim(value) if slimmed else value
