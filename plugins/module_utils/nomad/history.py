# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was when: how a client stood, and what became of each build on it, in seconds since the task began; for people, nothing is decided by it."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, Node

BOUND = 100  # entries told of one client, the newest: an open client of an old Nomad may see hundreds of builds come and go

Entry = list[Any]


def stand(node: Optional[Node]) -> str:
    """One word for how a client stands."""
    if node is None:
        return "gone"
    if not node.is_ready:
        return "down" if node.status == "down" else "unknown"
    if node.is_open:
        return "open"
    return "draining" if node.draining else "closed"


def stands(past: list[Entry], node: Optional[Node], now: Optional[float]) -> list[Entry]:
    """How the client stood so far, [time, word], and how it stands at this look. An imagined look (no time) adds nothing."""
    word = stand(node)
    if now is None or (past and past[-1][1] == word):
        return past
    return [*past, [round(now, 1), word]][-BOUND:]


def build_seen(past: Optional[Entry], allocation: Allocation, now: Optional[float]) -> Entry:
    """A build that is live at this look: [job, started, first seen, ended, how it ended]."""
    first = past[2] if past else (None if now is None else round(now, 1))
    return [allocation.job, allocation.started, first, None, None]


def build_over(past: Entry, how: str, now: Optional[float]) -> Entry:
    """A build that was live and is not any more; the first look that showed it counts, what is known of its end may change."""
    if now is None:
        return past
    return [*past[:3], round(now, 1) if past[3] is None else past[3], how]


def history_view(past: Json) -> Json:
    """Both in a result: `history` and `builds`, the newest of each."""
    builds = [(key, entry) for key, entry in (past.get("builds") or {}).items() if entry[2] is not None]
    return {
        "history": [{"t": t, "is": word} for t, word in past.get("history") or []],
        "builds": [
            {"job": job, "allocation": key, "started": started or None, "from": first, "until": until, "end": how}
            for key, (job, started, first, until, how) in builds[-BOUND:]
        ],
    }
