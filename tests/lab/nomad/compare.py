"""Is our answer the recorded one? Status, headers, shape and meaning; ids, indexes and times may differ, their relations not."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from datetime import datetime
from typing import Any

OPEN = frozenset(
    "Scores Attributes Meta Details Config Env Summary TaskStates TaskGroups FailedTGAllocs QueuedAllocations ClassEligibility "
    "ClassFiltered ConstraintFiltered Tags".split()
)
UNLIKE = re.compile(
    r"Index$|^Index|Time$|At$|^ID$|^EvalIDs?$|Eval$|ID$|Hash|Timestamp|^Deadline$|ForceDeadline|SnapshotIndex"
    r"|^exp$|^iat$|^nbf$|^jti$|AllocationTime|Nodes[A-Z]\w*|Score|HeartbeatTTL|^[Pp]ort$|^id$"
)
SECRET = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CLOSING = re.compile(r"grpc: the client connection is closing|context canceled")  # what of a stopped task's executor is said is a race (0.9, 0.11)
PORT = re.compile(r"(?<=127\.0\.0\.1):\d+")
RANK = {"Received": 0, "Reconnected": 2, "Task Setup": 1, "Started": 2, "Killing": 3, "Terminated": 4, "Not Restarting": 5, "Killed": 5}
Found = list[str]


def instant(text: str) -> float:
    whole, _dot, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + (float("0." + fraction) if fraction else 0.0)


# --- shape ---
def shape(ours: Any, theirs: Any, at: str = "") -> Found:
    """Keys and types; null fits anything, an empty list fits any list."""
    if ours is None or theirs is None:
        return []
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [f"{at}: {type(ours).__name__} for an object"]
        found = []
        if at.rsplit(".", 1)[-1] not in OPEN:
            missing, more = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
            if missing or more:
                found.append(f"{at}: keys missing {missing}, too many {more}")
        for key in theirs.keys() & ours.keys():
            found += shape(ours[key], theirs[key], f"{at}.{key}")
        return found
    if isinstance(theirs, list):
        if not isinstance(ours, list):
            return [f"{at}: {type(ours).__name__} for a list"]
        return shape(ours[0], theirs[0], at + "[0]") if ours and theirs else []
    number = (int, float)
    same = isinstance(ours, type(theirs)) or (isinstance(ours, number) and isinstance(theirs, number))
    return [] if same else [f"{at}: {type(ours).__name__} for {type(theirs).__name__}"]


def values(ours: Any, theirs: Any, at: str = "") -> Found:
    """Scalars that are not ids, indexes or times."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [text for key in theirs.keys() & ours.keys() if not UNLIKE.search(key) for text in values(ours[key], theirs[key], f"{at}.{key}")]
    if isinstance(theirs, list) and isinstance(ours, list):
        if len(ours) != len(theirs):
            return [f"{at}: {len(ours)} items for {len(theirs)}"]
        return [text for n, (a, b) in enumerate(zip(ours, theirs, strict=True)) for text in values(a, b, f"{at}[{n}]")]
    if isinstance(ours, str) and isinstance(theirs, str):
        ours, theirs = (SECRET.sub("id", PORT.sub(":0", text)) for text in (ours, theirs))
    return [] if ours == theirs else [f"{at}: {ours!r} for {theirs!r}"]


def gauges(ours: dict[str, Any], theirs: dict[str, Any]) -> Found:
    """How many clients there are and what is about the job; the others lag behind or depend on what ran before."""
    found = shape(ours, {**theirs, "Gauges": [], "Samples": []})
    steady = re.compile(r"heartbeat\.active$|job_summary\.")
    left, right = ({(g["Name"], g["Labels"].get("job")): g["Value"] for g in x["Gauges"]} for x in (ours, theirs))
    found += [f"{key}: {left[key]} for {value}" for key, value in right.items() if key in left and steady.search(key[0]) and left[key] != value]
    missing = [key for key in right if key not in left and not re.search(r"job_summary|blocked_evals\.|broker\.\w+\.", key[0])]
    return found + [f"gauge {key} is missing" for key in missing]


def in_order(value: Any) -> Any:
    """Evaluations come by their ids, dispatched jobs by a chance of their names: here by job and age."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return value
    if "TriggeredBy" in value[0]:
        return sorted(value, key=lambda e: (e["JobID"], e["CreateIndex"], e["ModifyIndex"]))
    return sorted(value, key=lambda j: j["ID"]) if "JobSummary" in value[0] else value


# --- nodes ---
def node_view(node: dict[str, Any], since: int) -> dict[str, Any]:
    """What a node says. Events and changes count only from index `since` on: before it other scenarios were at work."""
    names = ("ID", "Name", "Status", "StatusDescription", "Drain", "SchedulingEligibility", "NodeClass", "Datacenter")
    view = {key: node.get(key) for key in names}
    strategy, last = node.get("DrainStrategy"), node.get("LastDrain")
    if strategy:
        force = strategy["ForceDeadline"]
        force = None if force and force.startswith("0001") else force
        view["strategy"] = (strategy["Deadline"], strategy["IgnoreSystemJobs"], force is not None)
        if force and "StartedAt" in strategy:
            view["force after"] = round(instant(force) - instant(strategy["StartedAt"]), 1)
        view["last drain is this"] = last is None or instant(last["StartedAt"]) == int(instant(strategy["StartedAt"]))
    view["last"] = last and (last["Status"], last["Meta"], SECRET.sub("id", last["AccessorID"]))
    if node.get("Events") is not None:
        fresh = node["CreateIndex"] >= since
        events = [e for e in node["Events"] if e["CreateIndex"] >= since or fresh]
        view["events"] = [(e["Message"], e["Subsystem"], str(e["Details"] or "")) for e in events]
    return view


def same_node(ours: dict[str, Any], theirs: dict[str, Any]) -> Found:
    found = []
    for key in theirs.keys() | ours.keys():
        a, b = ours.get(key), theirs.get(key)
        close = key == "force after" and a is not None and b is not None and abs(a - b) <= 0.3
        if a != b and not close:
            found.append(f"node {key}: {a!r} for {b!r}")
    return found


# --- allocations ---
def allocation_key(items: list[dict[str, Any]]) -> dict[str, tuple[str, str, int]]:
    """Ids differ: an allocation is the n-th of its job on its node."""
    counts: dict[tuple[str, str], int] = {}
    keys = {}
    for item in sorted(items, key=lambda a: (a["CreateIndex"], a["ID"])):
        place = (item["JobID"], item["NodeID"])
        counts[place] = counts.get(place, 0) + 1
        keys[item["ID"]] = (*place, counts[place])
    return keys


def allocation_view(item: dict[str, Any]) -> dict[str, Any]:
    view = {key: item.get(key) for key in ("DesiredStatus", "ClientStatus", "ClientDescription", "DesiredDescription", "Name", "TaskGroup", "NodeName")}
    view["Name"] = re.sub(r"\[\d+\]", "[n]", view["Name"])  # which of several is which depends on their ids (drain-migrate-block)
    wish = item.get("DesiredTransition") or {}
    view["migrate"], view["reschedule"] = bool(wish.get("Migrate")), bool(wish.get("Reschedule"))
    view["health"] = (item.get("DeploymentStatus") or {}).get("Healthy")
    view["replaced"], view["replaces"] = bool(item.get("NextAllocation")), bool(item.get("PreviousAllocation"))
    tasks = item.get("TaskStates") or {}
    view["tasks"] = {name: (t["State"], t["Failed"]) for name, t in tasks.items()}
    view["events"] = [e["Type"] for t in tasks.values() for e in t["Events"] or []]
    view["said"] = [CLOSING.sub("closed", e.get("DisplayMessage") or "") for t in tasks.values() for e in t["Events"] or []]
    return view


# The server's wish, its marks and the client's report are written one after another: each must be one that was recorded near.
COLUMNS = (
    ("Name", "TaskGroup", "NodeName"),
    ("DesiredStatus", "DesiredDescription"),
    ("migrate",),
    ("reschedule",),
    ("replaced",),
    ("replaces",),
    ("health",),
    ("ClientStatus", "ClientDescription", "tasks"),
)


def same_allocation(ours: dict[str, Any], near: list[dict[str, Any] | None], slimmed: bool) -> Found:
    """Against the same allocation in the recorded answers near this moment (None: it was not there)."""
    seen = [view for view in near if view is not None]
    odd = [names for names in COLUMNS if not any(all(view[n] == ours[n] for n in names) for view in seen)]
    if odd:
        pending = ours["ClientStatus"] == "pending" and ours["DesiredStatus"] == "run" and not ours["tasks"]
        if pending and (None in near or any(v["ClientStatus"] == "pending" for v in seen)) and any(v["ClientStatus"] == "running" for v in seen):
            return []
        return [f"{n}: {ours[n]!r} for {[view[n] for view in seen][:3]!r}" for names in odd for n in names]
    if any(view["events"] == ours["events"] and view["said"] == ours["said"] for view in seen):
        return []
    if slimmed:
        ranks = [RANK[view["events"][-1]] for view in seen if view["events"]]
        mine = RANK[ours["events"][-1]] if ours["events"] else -1
        swapped = ours["events"][-1:] in (["Killing"], ["Killed"]) and RANK["Terminated"] in ranks  # of a re-attached task: at any time (client-killed)
        return [] if ranks and (min(ranks) <= mine <= max(ranks) or swapped) else [f"last event {ours['events']} for {[v['events'] for v in seen]}"]
    between = any(ours["events"] == view["events"][: len(ours["events"])] and ours["said"] == view["said"][: len(ours["said"])] for view in seen)
    enough = any(len(ours["events"]) >= len(view["events"]) for view in seen)
    return [] if between and enough else [f"events {ours['events']} for {[v['events'] for v in seen]}"]


# --- whole answers ---
def autopilot(body: dict[str, Any]) -> dict[str, Any]:
    """Who leads and who is healthy; ids, terms and moments are of that run."""
    servers = {s["Name"]: [s[key] for key in ("Leader", "Healthy", "Voter", "SerfStatus", "Version")] for s in body["Servers"]}
    leader = [s["Name"] for s in body["Servers"] if s["ID"] == body["Leader"]]
    return {"healthy": body["Healthy"], "tolerance": body["FailureTolerance"], "leaders": len(leader), "voters": len(body["Voters"]), **servers}


def relations(body: Any, index: str | None) -> dict[str, bool | int]:
    """How the index header stands to the indexes inside."""
    if index is None:
        return {}
    number = int(index)
    if isinstance(body, dict) and "ModifyIndex" in body and "JobModifyIndex" not in body:
        return {"index is ModifyIndex": number == body["ModifyIndex"]}
    if isinstance(body, dict) and "NodeModifyIndex" in body:
        evaluations = {"evals": bool(body["EvalCreateIndex"]), "eval ids": len(body["EvalIDs"] or [])}
        return {"header is Index": number == body["Index"], "none": number == 0, "node none": body["NodeModifyIndex"] == 0, **evaluations}
    if isinstance(body, list) and body and "AllocModifyIndex" in body[0]:
        return {"index is the highest": number == max(a["ModifyIndex"] for a in body)}
    if isinstance(body, list) and body and isinstance(body[0], dict) and "ModifyIndex" in body[0]:
        return {"index covers": number >= max(a["ModifyIndex"] for a in body)}
    return {"zero": number == 0}


def headers(ours: dict[str, str], theirs: dict[str, str]) -> Found:
    found = []
    for name in ("Content-Type", "X-Nomad-Index", "X-Nomad-Knownleader", "X-Nomad-Lastcontact"):
        a, b = ours.get(name), theirs.get(name)
        if name == "X-Nomad-Lastcontact" and a and b:  # a follower's is a moment old, or as old as the loss of its leader
            a = b if abs(int(a) - int(b)) <= (100 if int(b) < 100 else 1300) else a
        if (a is None) != (b is None) or (name != "X-Nomad-Index" and a != b):
            found.append(f"header {name}: {a!r} for {b!r}")
    return found
