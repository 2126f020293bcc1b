# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journals of drains as plain values, as the role writes them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def build(job: str = "b1", start: float = 0.0, until: float | None = 60.0, end: str | None = "finished") -> Json:
    """A build that the task saw."""
    return {"job": job, "allocation": f"a-{job}", "started": "2026-11-24T20:00:00.123Z", "from": start, "until": until, "end": end}


def named(job: str = "b1") -> Json:
    """A build in one of the lists running, killed, lost."""
    return {"job": job, "allocation": f"a-{job}", "started": None}


def node(name: str = "c1", verdict: str = "drained", **fields: Any) -> Json:
    """One client of the result."""
    return {
        "id": f"id-{name}",
        "name": name,
        "instance_id": None,
        "verdict": verdict,
        "reason": f"{name} is {verdict}",
        "joined": False,
        "mark": None,
        "running": [],
        "finished": 1,
        "killed": [],
        "lost": [],
        "waited": 62.0,
        "history": [{"t": 0.0, "is": "open"}, {"t": 0.2, "is": "draining"}, {"t": 61.0, "is": "closed"}],
        "builds": [build()],
        **fields,
    }


def wanted(**fields: Any) -> Json:
    """What was asked, with the role's defaults."""
    return {
        "nodes": ["c1"],
        "state": "drained",
        "deadline": None,
        "allow_killing_builds": False,
        "ignore_system_jobs": True,
        "max_in_flight": 0,
        "max_build_time": None,
        "min_ready": 1,
        "owner": "serverops.circleci",
        "take_over": False,
        "wait": True,
        "wait_timeout": 18000.0,
        **fields,
    }


def journal(*nodes: Json, phase: str = "ended", wish: Json | None = None, **fields: Any) -> Json:
    """The journal of a run over these clients."""
    return {
        "phase": phase,
        "began": "2026-11-24T20:59:07Z",
        "time": "2026-11-24T21:00:12Z",
        "check_mode": False,
        "asked": {"by": "ada", "job": "", "url": "http://nomad:4646"},
        "wanted": wish or wanted(),
        "message": "",
        "crashed": False,
        "changed": bool(nodes),
        "run": "run-1",
        "server": {"version": "1.1.2", "region": "global"} if nodes else {},
        "steps": [{"step": "drain", "id": one["id"], "deadline": 0.0, "ignore_system_jobs": True} for one in nodes],
        "summary": {},
        "nodes": list(nodes),
        "go_on": "GO ON",
        "undo": "UNDO",
        "undo_note": "",
        "look": "LOOK",
        **fields,
    }
