"""The things a Nomad server keeps: nodes, jobs, allocations, evaluations."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
import math
import re
from dataclasses import dataclass, field
from typing import Any

SEC = 10**9
TERMINAL = ("complete", "failed", "lost")
LOST = "alloc is lost since its node is down"
UNKNOWN = "alloc is unknown since its node is disconnected"


@dataclass
class Strategy:
    """A drain under way."""

    deadline: int  # ns; 0 none, below 0 at once
    ignore_system: bool
    started: float
    force: float | None  # seconds on the clock


@dataclass
class Node:
    """A client as the server knows it."""

    id: str
    name: str
    number: int
    node_class: str = "linux-64bit"
    datacenter: str = "dc1"
    version: str = ""
    instance_id: str | None = None
    memory: int = 24105
    pool: str = "default"
    address: str = ""  # of its agent's API; "": as in the shape
    cpu: int = 4000
    status: str = "initializing"
    status_at: float = 0.0
    was_down: bool = False  # before it registered again
    eligible: bool = True
    drain: bool = False
    strategy: Strategy | None = None
    last_drain: dict[str, Any] | None = None
    watched: set[str] = field(default_factory=set)  # jobs whose end the drainer notices here
    events: list[dict[str, Any]] = field(default_factory=list)
    create: int = 0
    modify: int = 0
    text: dict[str, bytes] = field(default_factory=dict)  # JSON by form, until the next change

    @property
    def open(self) -> bool:
        return self.status == "ready" and self.eligible and not self.drain


@dataclass(frozen=True)
class Work:
    """What a task does: how long, how it ends, how long it takes to stop."""

    seconds: float | None = None  # None: until stopped
    exit_code: int = 0
    stop_seconds: float = 0.0
    kill_timeout: float = 5.0
    says: tuple[str, str] = ("", "")  # on stdout and stderr at the start
    ends_with: str = ""  # on stdout at its own end

    @property
    def stop_takes(self) -> float:
        return min(self.stop_seconds, self.kill_timeout)


def work_of(task: dict[str, Any]) -> Work:
    """Read a task: Meta lab_seconds, lab_stop_seconds, lab_exit; else the few shell scripts that tests use."""
    meta = task.get("Meta") or {}
    script = " ".join(str(part) for part in (task.get("Config") or {}).get("args") or [])
    seconds: float | None = None
    if found := re.search(r"exec sleep (\d+)", script) or re.search(r"for i in \$\(seq (\d+)\)", script):
        seconds = float(found[1])
    stop, code = 0.0, 0
    if re.fullmatch(r"-c echo [^;]*", script):
        seconds = 0.05
    if found := re.search(r"exit (\d+)$", script):
        code = int(found[1])
        seconds = seconds or 0.05
    if "trap ''" in script:
        stop = math.inf
    elif found := re.search(r"trap '[^']*sleep (\d+)", script):
        stop = float(found[1]) + 0.05
    if "lab_seconds" in meta:
        seconds = float(meta["lab_seconds"])
    stop = float(meta.get("lab_stop_seconds", stop))
    code = int(meta.get("lab_exit", code))
    kill = task.get("KillTimeout") or 5 * SEC
    return Work(seconds, code, stop, kill / SEC, *spoken(script, meta))


def spoken(script: str, meta: dict[str, Any]) -> tuple[tuple[str, str], str]:
    """What a task prints: Meta lab_stdout, lab_stderr and lab_last; else the echoes of its script before and after its sleep."""
    before, _sleep, after = re.sub("trap '[^']*'", "", script).partition("for i in")
    echoes = re.findall(r"echo (\w+)( >&2)?", before)
    first = "".join(word + "\n" for word, aside in echoes if not aside)
    aside = "".join(word + "\n" for word, aside in echoes if aside)
    last = "".join(word + "\n" for word in re.findall(r"done; echo (\w+)", after))
    return (meta.get("lab_stdout", first), meta.get("lab_stderr", aside)), meta.get("lab_last", last)


@dataclass
class Job:
    """A registered job with one task group."""

    id: str
    spec: dict[str, Any]  # the whole JSON, without what changes
    type: str
    count: int
    create: int
    modify: int
    job_modify: int
    submit: int
    namespace: str = "default"
    priority: int = 50
    status: str = "pending"
    stop: bool = False
    purged: bool = False
    version: int = 0
    queued: int = 0
    summary_create: int = 0
    summary_modify: int = 0
    allocations: list["Allocation"] = field(default_factory=list)
    deployment: str = ""
    deployed: bool = False  # its allocations have all been healthy once: no more a deployment
    blocked: "Evaluation | None" = None
    children: list["Job"] = field(default_factory=list)  # of a parameterized job
    parent: "Job | None" = None
    token: str = ""  # the idempotency token it was dispatched with
    children_lost: bool = False  # a restarted 0.5.6 writes Children null (server-killed)
    snapshot: bytes = b""  # the job's JSON inside its allocations, as it was when they were made
    text: dict[str, bytes] = field(default_factory=dict)

    @property
    def group(self) -> dict[str, Any]:
        group: dict[str, Any] = self.spec["TaskGroups"][0]
        return group

    @property
    def task(self) -> dict[str, Any]:
        task: dict[str, Any] = self.group["Tasks"][0]
        return task

    @property
    def memory(self) -> int:
        return int((self.task.get("Resources") or {}).get("MemoryMB") or 10)

    @property
    def parameterized(self) -> bool:
        return self.spec.get("ParameterizedJob") is not None and self.parent is None

    @property
    def is_plugin(self) -> bool:
        return bool(self.task.get("CSIPluginConfig"))

    @property
    def system(self) -> bool:
        """Runs on every node that fits, for ever or once."""
        return self.type in ("system", "sysbatch")

    @property
    def may_be_away(self) -> float:
        """Seconds that its client may be cut off before its allocations count as lost; 0: none."""
        old, new = self.group.get("MaxClientDisconnect") or 0, (self.group.get("Disconnect") or {}).get("LostAfter") or 0
        return float(old or new) / SEC

    @property
    def cpu(self) -> int:
        return int((self.task.get("Resources") or {}).get("CPU") or 20)

    @property
    def pool(self) -> str:
        return self.spec.get("NodePool") or "default"

    def fits(self, node: Node) -> bool:
        """Datacenter, pool and constraints."""
        return node.datacenter in self.spec.get("Datacenters", ["dc1"]) and self.pool in ("all", node.pool) and not self.unmet(node)

    def unmet(self, node: Node) -> str:
        """The first constraint that the client does not meet, in the scheduler's words; "" where it meets all."""
        rules = list(self.spec.get("Constraints") or []) + list(self.group.get("Constraints") or [])
        for rule in rules:
            value = {
                "${node.unique.name}": node.name,
                "${node.class}": node.node_class,
                "${node.unique.id}": node.id,
                "${node.datacenter}": node.datacenter,
            }.get(rule.get("LTarget"), "")
            wanted, operand = rule.get("RTarget", ""), rule.get("Operand", "=")
            good = bool(re.search(wanted, value)) if operand == "regexp" else value == wanted
            if operand == "!=":
                good = value != wanted
            if not good:
                return f"{rule.get('LTarget')} {operand} {wanted}"
        return ""


@dataclass
class TaskRun:
    """A task's state as the client reports it."""

    state: str = "pending"
    failed: bool = False
    started: str | None = None
    finished: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def copy(self) -> "TaskRun":
        return TaskRun(self.state, self.failed, self.started, self.finished, list(self.events))


@dataclass
class Allocation:
    """One run of a job on a node, as the server knows it."""

    id: str
    job: Job
    node_id: str
    node_name: str
    evaluation: str
    create: int
    modify: int
    alloc_modify: int
    create_time: int
    modify_time: int
    index: int = 0  # in the group's name
    desired: str = "run"
    desired_text: str = ""
    client: str = "pending"
    client_text: str = ""
    migrate: bool = False
    reschedule: bool = False
    previous: str = ""
    next: str = ""
    task: TaskRun | None = None
    deployment: str = ""
    health: dict[str, Any] | None = None
    unknown_since: float | None = None
    states: list[dict[str, Any]] = field(default_factory=list)  # changes of ClientStatus to and from unknown
    job_text: bytes = b""
    job_version: int = 0
    text: dict[str, bytes] = field(default_factory=dict)

    @property
    def client_terminal(self) -> bool:
        return self.client in TERMINAL

    @property
    def terminal(self) -> bool:
        """As the server counts: a wish to stop is an end."""
        return self.desired != "run" or self.client in TERMINAL

    @property
    def succeeded(self) -> bool:
        return self.client == "complete" and self.task is not None and not self.task.failed


@dataclass
class Evaluation:
    """A piece of work for the scheduler."""

    id: str
    job_id: str
    type: str
    trigger: str
    create: int
    modify: int
    time: int
    status: str = "pending"
    text: str = ""
    node_id: str = ""
    previous: str = ""
    blocked: str = ""
    queued: int | None = None
    job_modify: int = 0
    priority: int = 50
    failed: bool = False
    metrics: dict[str, Any] | None = None  # why nothing was placed
    deployment: str = ""
    counts: dict[str, int] = field(default_factory=dict)  # what the plan did: Place, Stop, Migrate


def overlay(shape: Any, given: Any) -> Any:
    """What a server keeps of a job: its own defaults under what was given."""
    if isinstance(shape, dict) and isinstance(given, dict):
        out = dict(shape)
        for key, value in given.items():
            if value is not None:
                out[key] = overlay(shape.get(key), value)
        return out
    return copy.deepcopy(given)


def complete_spec(given: dict[str, Any], shapes: dict[str, Any]) -> dict[str, Any]:
    """The whole JSON of a job that somebody registers."""
    given = {**given, "Constraints": given.get("Constraints") or None}
    types = shapes["types"]
    kind = types.get(given.get("Type") or "service", types["system"])
    base = {**shapes["job"], "Constraints": None, "Meta": None, "Update": kind["update"], "ParameterizedJob": None}
    spec: dict[str, Any] = overlay(base, {k: v for k, v in given.items() if k != "TaskGroups" and k in base})
    spec["Type"] = given.get("Type") or "service"
    groups = []
    for group in given.get("TaskGroups") or []:
        whole = overlay(
            kind["group"], {k: v for k, v in group.items() if k in kind["group"] or k in ("Migrate", "Update", "MaxClientDisconnect", "Disconnect")}
        )
        tasks = [overlay({**kind["task"], "Meta": None, "Config": None}, {k: v for k, v in t.items() if k in kind["task"]}) for t in group.get("Tasks") or []]
        groups.append({**whole, "Tasks": tasks})
    spec["TaskGroups"] = groups
    return spec
