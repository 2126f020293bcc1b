"""The simulator answers as the recorded servers did: every recorded request is replayed and compared."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from collections import Counter
from dataclasses import fields
from typing import Any

import pytest

from lab.nomad import recording
from lab.nomad.api import Api
from lab.nomad.api_nodes import NodeCalls
from lab.nomad.build import Build
from lab.nomad.client import Client
from lab.nomad.cluster import Cluster
from lab.nomad.drainer import Drainer
from lab.nomad.model import Allocation, Job
from lab.nomad.not_modelled import REQUESTS, SUBJECTS
from lab.nomad.profile import PROFILES, Profile
from lab.nomad.render import Renderer
from lab.nomad.replay import Replay
from lab.nomad.scenarios_guard import SCENARIOS
from lab.nomad.scheduler import Plan

# Replayed by test_stream.py and test_tls.py: raw streams, many sockets, handshakes.
ALL_SPACES = "event-stream-all-namespaces"
ELSEWHERE = {"acl-event-stream", "too-many-connections", "tls", "tls-rotation"}
FILES = [(v, name) for v in PROFILES for name in recording.names(v) if name in SCENARIOS[v] or name not in ELSEWHERE | {"event-stream", ALL_SPACES}]
REQUIRED = (
    "nodes-list node-read node-read-errors node-allocations node-allocations-pending eligibility blocking-query errors client-killed server-killed "
    "purge-down-node no-leader drain-idle drain-old-enable-form"
).split()
REQUIRED_NEW = (
    "node-gc purge-busy drain-busy-natural-end drain-busy-natural-end-blocking drain-cancel drain-client-restart-kill drain-client-restart-term "
    "drain-deadline-strikes drain-force drain-force-kill-timeout drain-force-then-eligible drain-meta drain-repeated drain-while-stopping"
).split()
REQUIRED_LATER = (
    "drain-sysbatch drain-csi-plugin drain-migrate-block disconnect-then-drain drain-then-disconnect dispatch no-room operator-calls node-pools "
    "alloc-logs shutdown-drain"
).split()
REQUIRED_OF = {
    "0.5.6": REQUIRED,
    "0.9.3": [*REQUIRED, "drain-repeated", "drain-cancel", "drain-force", "drain-deadline-strikes", "alloc-logs"],
    "0.11.3": [*REQUIRED, "drain-repeated", "drain-cancel", "drain-force", "drain-deadline-strikes", "alloc-logs"],
    "1.1.2": [*REQUIRED, *REQUIRED_NEW, "dispatch", "no-room", "operator-calls", "alloc-logs"],
    "1.7.7": REQUIRED + REQUIRED_NEW + REQUIRED_LATER,
    "1.11.3": REQUIRED + REQUIRED_NEW + REQUIRED_LATER,
}
UNPROVEN = ("1.6.1",)  # profiles without recordings: what they do is what the reference says of them
MOST_LEFT_OUT = 0.03  # of a version's recorded requests may not be modelled
tally: Counter[tuple[str, str, str]] = Counter()


def replay(version: str, name: str, profile: Profile | None = None) -> Replay:
    played = Replay(version, name, SCENARIOS[version][name], profile)
    played.run()
    return played


@pytest.mark.parametrize(("version", "name"), FILES)
def test_recording(version: str, name: str) -> None:
    played = replay(version, name)
    lines = recording.load(version, name)
    asked = {a.number for a in played.asked}
    requests = {n for n, line in enumerate(lines) if "request" in line}
    left_out = {n for n in requests if played.not_modelled(lines[n])}
    notes = sum(not line.keys().isdisjoint(("note", "cli", "log")) for line in lines)
    assert asked == requests - left_out, "a recorded request was silently skipped"
    assert len(requests) + notes == len(lines), "a line that is neither request nor note, command line or log"
    tally[version, name, "replayed and compared"] = len(asked)
    tally[version, name, "not modelled"] = len(left_out)
    assert not played.found, "\n".join(played.found[:30])


def test_tally(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the counts; 100 % where it is required."""
    rows = []
    for version, name in FILES:
        lines = recording.load(version, name)
        left_out = sum(Replay.not_modelled(line) for line in lines if "request" in line)
        total = sum("request" in line for line in lines)
        rows.append((version, name, total - left_out, left_out))
        if name in REQUIRED_OF[version]:
            assert left_out == 0, f"{version} {name}"
    with capsys.disabled():
        print()
        for version in PROFILES:
            mine = [row for row in rows if row[0] == version]
            compared, left_out = sum(row[2] for row in mine), sum(row[3] for row in mine)
            assert left_out <= MOST_LEFT_OUT * (compared + left_out), version
            if version in UNPROVEN:
                print(f"Nomad {version}: unproven, no recordings; shapes of {PROFILES[version].shapes_of}")
                continue
            print(f"Nomad {version}: {compared} requests in {len(mine)} recordings replayed and compared, {left_out} not modelled")
        print(f"{len(SUBJECTS)} subjects are not simulated: {', '.join(SUBJECTS)}")


def test_required_recordings_are_here() -> None:
    assert set(REQUIRED_OF) | set(UNPROVEN) == set(PROFILES)
    for version, names in REQUIRED_OF.items():
        assert not set(names) - set(recording.names(version)), version


def test_not_modelled_holds_nothing_about_drains() -> None:
    for pattern in REQUESTS:
        assert not re.search(pattern, "server GET /v1/node/x/allocations")
        assert not re.search(pattern, "server PUT /v1/node/x/drain")
        assert not re.search(pattern, "server GET /v1/allocations")
        assert not re.search(pattern, "server GET /v1/client/fs/logs/x {'task': 'task'}")
        assert not re.search(pattern, "server PUT /v1/job/build/dispatch")
        assert not re.search(pattern, "server GET /v1/acl/token/self")


BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("1.1.2", "drain-while-stopping", {"drain_judges_by_wish": False}),
    ("1.1.2", "drain-force", {"drain_batch": 4.0}),
    ("1.1.2", "drain-deadline-strikes", {"done_when_complete": False}),
    ("1.1.2", "drain-idle", {"system_stop_text": "alloc not needed due to job update"}),
    ("1.1.2", "client-killed", {"recovered_stop": 0.0}),
    ("1.1.2", "drain-old-enable-form", {"old_drain": True}),
    ("1.1.2", "no-leader", {"leader_wait": 1.0}),
    ("1.1.2", "drain-deadline-strikes", {"client_sync": 4.0}),
    ("1.1.2", "drain-meta", {"drain_meta": False}),
    ("1.1.2", "drain-cancel", {"node_events": False}),
    ("1.7.7", "drain-while-stopping", {"drain_watches_jobs": False}),
    ("1.7.7", "drain-while-stopping", {"drain_judges_by_wish": True}),
    ("1.7.7", "drain-while-stopping", {"quiet_sync": 0.2}),
    ("1.7.7", "drain-repeated", {"accessor_kind": False}),
    ("1.7.7", "drain-repeated", {"drain_updated_text": "Node drain stategy updated"}),
    ("1.7.7", "nodes-list", {"list_filters": False}),
    ("1.7.7", "jobs-list", {"unknown_job_evaluates": True}),
    ("1.7.7", "job-summary", {"unknown_state": False}),
    ("1.7.7", "job-allocations", {"purge_takes_allocations": False}),
    ("1.7.7", "node-gc", {"says_reregistered": True}),
    ("1.7.7", "drain-force", {"struck_stays_away": True}),
    ("1.7.7", "drain-sysbatch", {"drain_watches_jobs": False}),
    ("1.7.7", "drain-csi-plugin", {"plugin_stop_fails": False}),
    ("1.7.7", "drain-then-disconnect", {"unknown_is_kept": True}),
    ("1.7.7", "disconnect-then-drain", {"drain_watches_jobs": False}),
    ("1.7.7", "drain-migrate-block", {"drain_batch": 4.0}),
    ("0.5.6", "agent-self", {"health": True}),
    ("0.5.6", "job-allocations", {"desired_transition": True}),
    ("0.5.6", "job-allocations", {"says_terminated": True}),
    ("0.5.6", "errors", {"not_found": ""}),
    ("0.5.6", "errors", {"root_redirect": "/ui/"}),
    ("0.9.3", "jobs-list", {"namespaces": True}),
    ("1.1.2", "drain-force-kill-timeout", {"deployments": False}),
    ("0.9.3", "drain-force", {"strategy_started": True}),
    ("0.9.3", "drain-force", {"stopped_text": ""}),
    ("0.9.3", "eligibility", {"body_names_node": False}),
    ("0.9.3", "errors", {"catch_all": False}),
    ("0.9.3", "errors", {"empty_body": "Request body is empty"}),
    ("0.9.3", "node-allocations", {"sends_transition": False}),
    ("0.9.3", "node-allocations", {"deploys_unasked": True}),
    ("0.9.3", "drain-force", {"interrupt_text": "Sent interrupt. Waiting {} before force killing"}),
    ("0.9.3", "server-killed", {"restart_loses_children": False}),
    ("0.11.3", "drain-old-enable-form", {"enable_is_force": False}),
    ("0.11.3", "client-killed", {"links_lost": True}),
    ("0.11.3", "drain-force", {"drain_meta": True}),
    ("1.1.2", "dispatch", {"keeps_empty": True}),
    ("1.1.2", "dispatch", {"idempotency": True}),
    ("1.7.7", "dispatch", {"idempotency": False}),
    ("1.7.7", "no-room", {"list_filters": False}),
    ("1.7.7", "no-room", {"deregister_type": ""}),
    ("1.7.7", "operator-calls", {"paused_broker": False}),
    ("1.7.7", "operator-calls", {"state_of_allocation": False}),
    ("1.7.7", "alloc-logs", {"old_logs": True}),
    ("1.7.7", "alloc-logs", {"logs_of_clients_only": True}),
    ("1.7.7", "node-pools", {"node_pools": False}),
    ("1.7.7", "drain-force", {"no_shutdown_delay": False}),
    ("1.7.7", "drain-migrate-block", {"hand_over": 4.0}),
    ("1.7.7", "client-killed", {"recovered_stop": 0.5}),
    ("1.7.7", "node-pools", {"quick_health": True}),
    ("1.11.3", "dispatch", {"struck_stays_away": False}),
    ("1.11.3", "alloc-logs", {"log_error_form": "text/plain"}),
    ("1.11.3", "drain-then-disconnect", {"unknown_is_kept": False}),
    ("1.11.3", "drain-force", {"struck_stays_away": False}),
    ("1.11.3", "drain-force", {"disable_placement": False}),
    ("1.11.3", "drain-while-stopping", {"drain_watches_jobs": False}),
    ("1.11.3", "drain-while-stopping", {"evaluates_ended": True}),
    ("1.11.3", "drain-busy-natural-end", {"system_deployments": False}),
    ("1.11.3", "errors", {"slash_added": 301}),
    ("0.5.6", "drain-old-enable-form", {"marks_lost_on_drained": False}),
    ("0.5.6", "server-killed", {"restart_replays_log": False}),
    ("0.5.6", "client-killed", {"done_when_complete": True}),
    ("0.5.6", "eligibility", {"eligibility": True}),
    ("0.5.6", "purge-down-node", {"purge": True}),
    ("0.5.6", "jobs-list", {"dereg_purges": False}),
]


# Flags that differ between versions and are proved elsewhere or not by a recording: access control and connections have tests of their own,
# a heartbeat's length is a chance of the run, the rest says where data come from.
NOT_BROKEN = {"version", "shapes_of", "metadata", "heartbeat_lost", "acl", "max_connections", "shutdown_drains_with_acl"}


def test_every_difference_between_versions_is_broken_on_purpose() -> None:
    differing = {f.name for f in fields(Profile) if len({getattr(profile, f.name) for profile in PROFILES.values()}) > 1}
    assert not differing - {flag for _version, _name, flags in BROKEN for flag in flags} - NOT_BROKEN


@pytest.mark.parametrize(("version", "name", "flags"), BROKEN, ids=str)
def test_a_simulator_broken_on_purpose_is_found_out(version: str, name: str, flags: dict[str, Any]) -> None:
    assert replay(version, name, PROFILES[version].but(**flags)).found


# Where it is broken, how (given the right function), and what must notice.
MUTANTS: list[tuple[str, Any, str, Any, str]] = [
    ("a drain never ends", Drainer, "_complete", lambda right: lambda self, node, details: None, "drain-idle"),
    ("deadline_reached is not said", Drainer, "_complete", lambda right: lambda self, node, details: right(self, node, None), "drain-force"),
    ("a deadline never strikes", Drainer, "_plan_deadline", lambda right: lambda self, node: None, "drain-deadline-strikes"),
    ("system jobs are always ignored", Drainer, "set", lambda right: lambda self, n, d, i, m, a: right(self, n, d, True, m, a), "drain-repeated"),
    ("a cancel always reopens", Drainer, "clear", lambda right: lambda self, n, e, m, a: right(self, n, True, m, a), "drain-cancel"),
    ("nothing is ever lost", Plan, "_lost", lambda right: lambda self: None, "purge-busy"),
    ("a replacement starts at once", Client, "_must_wait", lambda right: lambda self, allocation: False, "drain-force"),
    ("services move before they are healthy", Client, "_healthy", lambda right: lambda self, allocation: None, "drain-busy-natural-end"),
    ("a purged client remembers", Client, "_renew", lambda right: lambda self: None, "purge-down-node"),
    ("garbage collection does nothing", Cluster, "collect", lambda right: lambda self: None, "node-gc"),
    ("a blocking query does not block", Api, "_blocking", lambda right: lambda self, r, read, i, w: self.ok(read(r)), "blocking-query"),
]


LATER_MUTANTS: list[tuple[str, Any, str, Any, str]] = [
    ("a CSI plugin is a service like any other", Job, "is_plugin", lambda right: property(lambda self: False), "drain-csi-plugin"),
    ("a sysbatch is no build", Drainer, "_busy", lambda right: lambda self, a: a.job.type != "sysbatch" and right(self, a), "drain-sysbatch"),
    (
        "unknown is an end",
        Allocation,
        "client_terminal",
        lambda right: property(lambda self: self.client != "pending" and self.client != "running"),
        "drain-then-disconnect",
    ),
    ("who is cut off is down", Job, "may_be_away", lambda right: property(lambda self: 0.0), "disconnect-then-drain"),
    (
        "all of a service move at once",
        Drainer,
        "_movable",
        lambda right: lambda self, job: [a for a in job.allocations if not a.terminal],
        "drain-migrate-block",
    ),
    ("a client collects nothing", Client, "collect", lambda right: lambda self, allocation_id="": 1, "operator-calls"),
    ("an agent does not drain itself", Client, "leave", lambda right: lambda self, deadline, accessor: None, "shutdown-drain"),
    ("a log has no end", Build, "output", lambda right: lambda self, kind: self.work.says[kind == "stderr"], "alloc-logs"),
    ("children are not counted", Renderer, "summary_value", lambda right: lambda self, job: {**right(self, job), "Children": None}, "dispatch"),
    ("room is endless", Job, "memory", lambda right: property(lambda self: 1), "no-room"),
    ("pools do not matter", Job, "fits", lambda right: lambda self, node: True, "node-pools"),
]


@pytest.mark.parametrize("version", ["1.7.7", "1.11.3"])
@pytest.mark.parametrize(("what", "where", "name", "wrong", "file"), LATER_MUTANTS, ids=[mutant[0] for mutant in LATER_MUTANTS])
def test_a_later_mutant_is_found_out(monkeypatch: pytest.MonkeyPatch, version: str, what: str, where: Any, name: str, wrong: Any, file: str) -> None:
    monkeypatch.setattr(where, name, wrong(getattr(where, name)))
    assert replay(version, file).found, what


@pytest.mark.parametrize(("what", "where", "name", "wrong", "file"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_a_mutant_is_found_out(monkeypatch: pytest.MonkeyPatch, what: str, where: Any, name: str, wrong: Any, file: str) -> None:
    monkeypatch.setattr(where, name, wrong(getattr(where, name)))
    assert replay("1.1.2", file).found, what


def test_a_drain_that_stops_builds_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Drainer._look

    def eager(self: Drainer, node: Any) -> None:
        self._mark([a for a in self.cluster.of_node.get(node.id, ()) if not a.terminal and not a.migrate])
        look(self, node)

    monkeypatch.setattr(Drainer, "_look", eager)
    assert replay("1.1.2", "drain-busy-natural-end").found
    assert replay("1.1.2", "drain-repeated").found


def test_a_repeated_drain_that_moves_its_start_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Drainer.set

    def fresh(self: Drainer, node: Any, *rest: Any) -> int:
        node.strategy = None
        return real(self, node, *rest)

    monkeypatch.setattr(Drainer, "set", fresh)
    assert replay("1.1.2", "drain-repeated").found


def test_eligibility_by_the_path_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NodeCalls, "eligibility_target", staticmethod(lambda body, node_id: node_id))
    assert replay("1.1.2", "eligibility").found


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = replay("1.1.2", "purge-busy"), replay("1.1.2", "purge-busy")
    assert [a.answer for a in first.asked] == [a.answer for a in second.asked]
