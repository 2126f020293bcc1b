"""What one Nomad version does differently from another, as data."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from lab.nomad.guard import GUARDS, Guard


@dataclass(frozen=True)
class Profile:
    """One server version. Sources: tests/lab/recordings/nomad/<version>; a flag says what was seen there."""

    version: str
    old_drain: bool = False  # PUT drain?enable=, stops builds at once, no strategy, no eligibility (below 0.8)
    eligibility: bool = True
    purge: bool = True
    drain_meta: bool = True  # LastDrain with Meta and AccessorID (from 1.1.0)
    node_events: bool = True
    acl: bool = True
    namespaces: bool = True
    health: bool = True
    desired_transition: bool = True
    dereg_purges: bool = False  # DELETE of a job forgets it (below 0.6)
    marks_lost_on_drained: bool = False  # another evaluation calls a stop that still runs on a drained node "lost"
    done_when_complete: bool = True  # a stopped batch allocation that then ends well is not placed anew
    drain_judges_by_wish: bool = True  # "complete" counts a desired stop as ended, although the task still runs
    says_terminated: bool = True  # a stopped task has a Terminated event before Killed
    deployments: bool = True
    restart_replays_log: bool = False  # a restarted server first answers from an older state (0.5.6 server-killed)
    system_stop_text: str = "alloc not needed as node is tainted"
    not_found: str = ""  # body of an unknown route
    root_redirect: str = "/ui/"
    heartbeat_lost: tuple[float, float] = (4.0, 6.5)  # from the last sign of life to "down": TTL 3-6 s, grace 1 s
    purged_back: tuple[float, float] = (0.5, 5.0)  # a live purged client registers again at its next heartbeat
    drain_batch: float = 1.0  # the drainer gathers transitions for 1 s (drain-force, drain-deadline-strikes)
    client_sync: float = 0.2  # clients report allocation changes in batches of 0.2 s
    recovered_stop: float = 1.85  # a task re-attached after an agent's restart takes that much longer to end
    leader_wait: float = 5.0  # a request without a leader is held that long (no-leader)
    default_wait: float = 300.0
    max_wait: float = 600.0
    keep_events: int = 10
    max_connections: int | None = 100  # the next one of the same address is refused (guard: over_limit)
    shapes_of: str = ""  # another version whose shapes are used, where there are no recordings to take them from
    guard: Guard | None = None  # what stands between it and its callers; by default that of the version

    @property
    def guards(self) -> Guard:
        return self.guard or GUARDS[self.version]

    @property
    def shapes(self) -> dict[str, Any]:
        return load_shapes(self.shapes_of or self.version)

    def but(self, **flags: Any) -> "Profile":
        """The same version with other behaviour: a simulator broken on purpose."""
        return replace(self, **flags)


@cache
def load_shapes(version: str) -> dict[str, Any]:
    """Objects as a real server of that version writes them; the simulator fills in what changes."""
    path = Path(__file__).parent / "shapes" / f"{version}.json"
    shapes: dict[str, Any] = json.loads(path.read_text())
    return shapes


PROFILES = {
    "0.5.6": Profile(
        version="0.5.6",
        old_drain=True,
        eligibility=False,
        purge=False,
        drain_meta=False,
        node_events=False,
        acl=False,
        namespaces=False,
        health=False,
        desired_transition=False,
        dereg_purges=True,
        marks_lost_on_drained=True,
        done_when_complete=False,
        says_terminated=False,
        deployments=False,
        restart_replays_log=True,
        system_stop_text="alloc not needed due to job update",
        not_found="404 page not found\n",
        root_redirect="",
        heartbeat_lost=(10.0, 18.0),
        max_connections=None,
    ),
    "0.9.3": Profile(version="0.9.3", drain_meta=False, namespaces=False),
    "0.11.3": Profile(version="0.11.3", drain_meta=False, namespaces=False),
    "1.1.2": Profile(version="1.1.2"),
    "1.6.1": Profile(version="1.6.1", shapes_of="1.7.7"),
    "1.7.7": Profile(version="1.7.7"),
    "1.11.3": Profile(version="1.11.3"),
}
