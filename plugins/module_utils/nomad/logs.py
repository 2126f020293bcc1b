# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which log is meant, and what of it is told: all that can be decided without asking anybody."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, Server

MOST_LINES = 100_000
MOST_BYTES = 16 * 1024 * 1024
LINE = 256  # bytes that a line has, at a first guess
LEAST = 16 * 1024
_ROWS = re.compile(r"(?<=\n)")  # a progress bar's \r begins no line
_ALLOCATION = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")


@dataclass(frozen=True)
class LogSpec:
    """Whose log: of a job, or of one allocation; which stream, and how many lines of its end. `task` where an allocation has several."""

    job: Optional[str] = None
    allocation: Optional[str] = None
    stream: str = "stderr"
    tail: int = 100
    task: Optional[str] = None


def log_spec(params: Mapping[str, Any]) -> LogSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    spec = spec_from_params(LogSpec, params)
    if bool(spec.job) == bool(spec.allocation):
        both = "both job and allocation are given" if spec.job else "neither job nor allocation is given"
        raise BadInput(f"{both}; give one of them")
    if spec.allocation and not _ALLOCATION.fullmatch(spec.allocation.lower()):
        raise BadInput(f"allocation is {spec.allocation!r}, which is no id; give an allocation's id, or 8 or more hex digits of its beginning")
    if not 0 < spec.tail <= MOST_LINES:
        raise BadInput(f"tail is {spec.tail}, but it must be from 1 to {MOST_LINES}")
    return spec


def chosen(allocations: Sequence[Allocation]) -> Optional[Allocation]:
    """The allocation whose log a person means: the newest live one, else the newest; never just any."""
    return max(allocations, key=lambda one: (one.is_live, one.created, one.id), default=None)


def by_prefix(allocations: Sequence[Allocation], prefix: str) -> Allocation:
    """The one allocation whose id begins so; raises BadInput where none or several do."""
    found = [one for one in allocations if one.id.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise BadInput(f"allocation is {prefix!r}, but the servers know no allocation whose id begins so (ended ones are forgotten after some hours)")
    raise BadInput(f"allocation is {prefix!r}, which begins the ids of {len(found)} allocations; give more of it")


def tasks_of(allocation: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of an allocation's tasks, from its own object."""
    groups = (allocation.get("Job") or {}).get("TaskGroups") or []
    mine = [group for group in groups if group.get("Name") == allocation.get("TaskGroup")]
    names = [str(task["Name"]) for group in mine for task in group.get("Tasks") or []]
    return tuple(names or sorted(allocation.get("TaskStates") or {}))


def task_for(spec: LogSpec, allocation: Allocation, names: Sequence[str]) -> str:
    """The task whose log is meant; raises BadInput where that cannot be told, Refused where there is none yet."""
    told = ", ".join(names)
    if spec.task and spec.task not in names:
        raise BadInput(f"task is {spec.task!r}, but allocation {allocation.id} has {told or 'none'}")
    if not spec.task and len(names) > 1:
        raise BadInput(f"task is missing: allocation {allocation.id} has several ({told}); name one")
    if allocation.client == "pending" and not allocation.started:
        raise Refused(f"allocation {allocation.id} of job {allocation.job} has not started yet, so there is no log; ask again when it runs")
    if not names:
        raise Refused(f"allocation {allocation.id} of job {allocation.job} has no task, so there is no log")
    return spec.task or names[0]


def is_forwarded(server: Server) -> bool:
    """Whether the servers fetch a log from the client. Before, a server answers that it is no client (recorded on 0.5.6), and the client itself is asked."""
    return server.version >= (0, 9, 0)


def hides_refusals(server: Server) -> bool:
    """Whether a token without the right to logs gets 200 and nothing, as an empty log does (recorded on 0.9.3; an error from 0.11.3 on)."""
    return server.acl and server.version < (0, 11, 0)


@dataclass(frozen=True)
class Tail:
    """The end of a log. `whole`: nothing came before it."""

    text: str
    lines: int
    whole: bool


def first_size(lines: int) -> int:
    """How many bytes to ask for at first."""
    return min(MOST_BYTES, max(LEAST, lines * LINE))


def tail_of(data: bytes, asked: int, lines: int) -> Optional[Tail]:
    """The last `lines` lines of what came when `asked` bytes of the end were asked for; None where more must be asked for.

    Fewer bytes than asked for are the whole log. The first line of a part may be cut, so it does not count.
    """
    whole = len(data) < asked
    rows = [row for row in _ROWS.split(data.decode("utf-8", "replace")) if row]
    if not whole and len(rows) <= lines and asked < MOST_BYTES:
        return None
    kept = rows[-lines:] if whole else rows[1:][-lines:] or rows[-lines:]
    return Tail("".join(kept), len(kept), whole and len(kept) == len(rows))
