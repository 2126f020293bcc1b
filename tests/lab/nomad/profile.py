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

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Profile:
    """One server version. Sources: tests/lab/recordings/nomad/<version>; a flag says what was seen there."""

    version: str
    old_drain: bool = False  # PUT drain?enable=, stops builds at once, no strategy, no eligibility (below 0.8)
    eligibility: bool = True
    purge: bool = True
    enable_is_force: bool = False  # ?enable=true of 0.8 to 1.0 is a forced drain, system jobs too; false a cancel
    empty_body: str = "Request body is empty"  # what a write without a body is told
    links_lost: bool = True  # a lost allocation names its replacement (from 1.0)
    deploys_unasked: bool = True  # a service without an update block has a deployment (from 0.10)
    strategy_started: bool = True  # DrainStrategy has StartedAt, and null for no deadline (from 0.10)
    body_names_node: bool = False  # eligibility wants NodeID in the body (to 0.9)
    catch_all: bool = False  # an unknown path is sent to the user interface (0.9)
    sends_transition: bool = False  # DesiredTransition is always written (0.9)
    interrupt_text: str = "Sent interrupt. Waiting {} before force killing"
    stopped_text: str = ""  # how a task that obeyed its interrupt is said to have ended; "" by its exit code
    drain_meta: bool = True  # LastDrain with Meta and AccessorID (from 1.1.0)
    list_filters: bool = True  # filter, per_page, resources, os of lists; before 1.3 they are ignored: all come
    old_logs: bool = False  # logs: a wrong argument is 500, an odd id 200 and nothing (to 0.9)
    log_error_form: str = "text/plain"  # Content-Type of what the client complains of
    logs_of_clients_only: bool = False  # logs: a server does not forward (0.5.6)
    state_of_allocation: bool = True  # logs of a collected build: 404, before 1.3 500 with a path
    deregister_type: str = "service"  # type of the evaluation of a stopped job, whatever the job is; "" that of the job (0.5.6)
    node_pools: bool = True  # from 1.6
    paused_broker: bool = True  # the scheduler's configuration can pause the evaluation broker (from 1.4)
    keeps_empty: bool = True  # an empty list of a parameterized job stays one; before it becomes null
    idempotency: bool = True  # dispatch honours an idempotency token (from 1.6)
    accessor_kind: bool = False  # AccessorID is "token:<id>", "token:acls-disabled" without access control (1.7.7)
    node_events: bool = True
    acl: bool = True
    namespaces: bool = True
    health: bool = True
    desired_transition: bool = True
    dereg_purges: bool = False  # DELETE of a job forgets it (below 0.6)
    marks_lost_on_drained: bool = False  # another evaluation calls a stop that still runs on a drained node "lost"
    done_when_complete: bool = True  # a stopped batch allocation that then ends well is not placed anew
    drain_judges_by_wish: bool = False  # "complete" counts a desired stop as ended, although the task still runs (to 1.1.2)
    drain_watches_jobs: bool = True  # only jobs that were live when the drain began or changed can end it: it may hang (drain-while-stopping)
    disable_placement: bool = False  # DesiredTransition has MigrateDisablePlacement (from 1.11)
    system_deployments: bool = False  # allocations of system jobs have a health, too (from 1.11)
    struck_stays_away: bool = False  # a batch build struck by a drain is not placed anew while its node is closed (from 1.11)
    unknown_job_evaluates: bool = False  # DELETE of an unknown job writes an evaluation (to 1.1.2)
    evaluates_ended: bool = True  # a changed node is work for jobs whose allocations there have all ended, too (to 1.7.7)
    plugin_stop_fails: bool = False  # a CSI plugin that is stopped ends as failed (1.7.7 drain-csi-plugin)
    unknown_is_kept: bool = False  # an unknown allocation is not stopped before its client returns (1.11 drain-then-disconnect)
    purge_takes_allocations: bool = True  # purging a job takes its ended allocations along (from 1.6)
    think: float = 0.003  # a worker dequeues, plans and applies within milliseconds in all recordings
    says_reregistered: bool = False  # a down node that returns has the event "Node re-registered" first (to 1.1.2)
    says_terminated: bool = True  # a stopped task has a Terminated event before Killed
    deployments: bool = True
    restart_replays_log: bool = False  # a restarted server first answers from an older state (0.5.6 server-killed)
    restart_loses_children: bool = False  # a restarted server writes Children null in summaries (to 0.9)
    system_stop_text: str = "alloc not needed as node is tainted"
    not_found: str = ""  # body of an unknown route
    root_redirect: str = "/ui/"
    slash_added: int = 301  # status with which /v1/node is sent to /v1/node/
    heartbeat_lost: tuple[float, float] = (4.0, 6.5)  # from the last sign of life to "down": TTL 3-6 s, grace 1 s
    quick_health: bool = False  # outside a deployment the shorter time of update and migrate block counts (1.11 node-pools)
    shutdown_drains_with_acl: bool = False  # drain_on_shutdown is allowed to a client where access control is on (from 1.11.1)
    purged_back: tuple[float, float] = (0.5, 5.0)  # a live purged client registers again at its next heartbeat
    drain_look: float = 0.002  # "complete" of an idle node came 2 to 4 ms after the request (drain-idle)
    drain_batch: float = 1.0  # the drainer gathers transitions for 1 s (drain-force, drain-deadline-strikes)
    client_sync: float = 0.2  # clients report allocation changes in batches of 0.2 s
    quiet_sync: float = 1.0  # and what changes no status, as a task's event, every second (from 1.6)
    end_takes: float = 0.0  # seconds from a task's last event to its end, where a report came in between
    hand_over: float = 0.6  # from the reported end of a task to the start of its replacement on another client (drain-migrate-block)
    recovered_stop: float = 4.15  # a task re-attached after an agent's restart takes that much longer to end
    leader_wait: float = 5.0  # a request without a leader is held that long (no-leader)
    default_wait: float = 300.0
    max_wait: float = 600.0
    keep_events: int = 10
    max_connections: int | None = 100  # the next one of the same address is refused (guard: over_limit)
    metadata: bool = True  # the recorded clients found a metadata service, so that they have an instance id
    unknown_state: bool = True  # ClientStatus "unknown" exists: it is counted in summaries (from 1.3)
    no_shutdown_delay: bool = True  # DesiredTransition has NoShutdownDelay (from 1.2)
    drain_updated_text: str = "Node drain strategy updated"
    shapes_of: str = ""  # another version whose shapes are used, where there are no recordings to take them from
    guard: Guard | None = None  # what stands between it and its callers; by default that of the version

    @property
    def guards(self) -> Guard:
        return self.guard or GUARDS[self.version]

    @property
    def shapes(self) -> dict[str, Any]:
        return load_shapes(self.version, self.shapes_of)

    def but(self, **flags: Any) -> "Profile":
        """The same version with other behaviour: a simulator broken on purpose."""
        return replace(self, **flags)


@cache
def load_shapes(version: str, of: str = "") -> dict[str, Any]:
    """Objects as a real server of that version writes them; the simulator fills in what changes. `of`: another version's, under this one's name."""
    path = Path(__file__).parent / "shapes" / f"{of or version}.json"
    shapes: dict[str, Any] = json.loads(path.read_text().replace(of or version, version))
    return shapes


BEFORE_1_2 = Profile(
    version="1.1.2",
    metadata=False,
    unknown_state=False,
    no_shutdown_delay=False,
    drain_updated_text="Node drain stategy updated",
    drain_judges_by_wish=True,
    drain_watches_jobs=False,
    unknown_job_evaluates=True,
    says_reregistered=True,
    list_filters=False,
    idempotency=False,
    keeps_empty=False,
    state_of_allocation=False,
    node_pools=False,
    paused_broker=False,
    purge_takes_allocations=False,
    quiet_sync=0.2,
    recovered_stop=1.85,
    hand_over=0.0,
)
CANCELED = 'Exit Code: 0, Exit Message: "executor: error waiting on process: rpc error: code = Canceled desc = grpc: the client connection is closing"'
BEFORE_1_1 = replace(
    BEFORE_1_2,
    version="0.11.3",
    drain_meta=False,
    namespaces=False,
    enable_is_force=True,
    empty_body="EOF",
    links_lost=False,
    stopped_text=CANCELED,
)
# 1.6.1 is unproven: it has no recordings. It is 1.7.7 with a bare AccessorID, as a comparison of both servers said (see the README).
V_1_7_7 = Profile(version="1.7.7", accessor_kind=True, plugin_stop_fails=True)
PROFILES = {
    "0.5.6": replace(
        BEFORE_1_2,
        version="0.5.6",
        metadata=True,
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
        old_logs=True,
        log_error_form=TEXT,
        logs_of_clients_only=True,
        deregister_type="",
        marks_lost_on_drained=True,
        done_when_complete=False,
        says_terminated=False,
        deployments=False,
        restart_replays_log=True,
        restart_loses_children=True,
        system_stop_text="alloc not needed due to job update",
        not_found="404 page not found\n",
        root_redirect="",
        heartbeat_lost=(10.0, 18.0),
        max_connections=None,
    ),
    "0.9.3": replace(
        BEFORE_1_1,
        version="0.9.3",
        old_logs=True,
        log_error_form=TEXT,
        strategy_started=False,
        deploys_unasked=False,
        restart_loses_children=True,
        body_names_node=True,
        catch_all=True,
        sends_transition=True,
        interrupt_text="Sent interrupt",
    ),
    "0.11.3": BEFORE_1_1,
    "1.1.2": BEFORE_1_2,
    "1.6.1": replace(V_1_7_7, version="1.6.1", shapes_of="1.7.7", accessor_kind=False),
    "1.7.7": V_1_7_7,
    "1.11.3": Profile(
        version="1.11.3",
        accessor_kind=True,
        disable_placement=True,
        struck_stays_away=True,
        system_deployments=True,
        evaluates_ended=False,
        unknown_is_kept=True,
        quick_health=True,
        log_error_form=TEXT,
        shutdown_drains_with_acl=True,
        slash_added=307,
    ),
}
