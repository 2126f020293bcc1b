"""Why a job found no client, in the scheduler's own words: what it looked at, what did not fit, what was full."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lab.nomad.model import Job, Node


def shortage(job: Job, nodes: Iterable[Node], used: Mapping[str, tuple[int, int]], old: bool) -> dict[str, Any]:
    """The metrics of a failed placement (job-evaluations, no-room). `used`: cpu and memory taken on each client.

    Not recorded: full by cpu, and the words of 0.5.6 for full ("cpu exhausted"); they are those of its sources.
    """
    places = job.spec.get("Datacenters") or ["dc1"]
    here = [node for node in nodes if node.open and node.datacenter in places and job.pool in ("all", node.pool)]
    filtered, classes, full, full_classes = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for node in here:
        rule = job.unmet(node)
        cpu, memory = used.get(node.id, (0, 0))
        if rule:
            filtered[rule] += 1
            classes[node.node_class] += 1
        elif cpu + job.cpu > node.cpu or memory + job.memory > node.memory:
            word = "cpu" if cpu + job.cpu > node.cpu else "memory"  # the first that is short is named
            full[f"{word} exhausted" if old else word] += 1
            full_classes[node.node_class] += 1
    available = {place: sum(node.datacenter == place for node in here) for place in places}
    lists = {"ClassFiltered": classes, "ConstraintFiltered": filtered, "ClassExhausted": full_classes, "DimensionExhausted": full}
    counts = {"NodesEvaluated": len(here), "NodesFiltered": filtered.total(), "NodesExhausted": full.total(), "NodesAvailable": available}
    return {**counts, **{key: dict(found) or None for key, found in lists.items()}}
