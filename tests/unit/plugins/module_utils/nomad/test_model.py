# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nomad's JSON becomes our nouns: what real servers 0.5.6, 1.1.2, 1.7.7 and 1.11.3 answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import (
    Allocation,
    Strategy,
    allocation_from_api,
    node_from_api,
    node_from_stub,
    version_from_text,
)
from hypothesis import given
from hypothesis import strategies as st

from lab.nomad import recording

HERE = Path(__file__).parent / "recorded"
ONE = "11111111-2222-4333-8444-555555555551"
RECORDED = ("0.5.6", "1.1.2", "1.7.7", "1.11.3")
MARKED = ("1.1.2", "1.7.7", "1.11.3")
every = pytest.mark.parametrize("version", RECORDED)
marked = pytest.mark.parametrize("version", MARKED)


def answers(version: str, name: str, ends: str = "") -> list[Any]:
    """The bodies of one scenario's successful GETs, in order, of paths that end so."""
    path = HERE / version / f"{name}.jsonl"
    if path.exists():
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [line["body"] for line in lines if line["path"].endswith(ends)]
    found = [line for line in recording.load(version, name) if line.get("request", {}).get("method") == "GET"]
    return [line["response"]["body"] for line in found if line["response"].get("status") == 200 and line["request"]["path"].endswith(ends)]


def own(version: str, name: str) -> list[Any]:
    """The answers about client c1 itself."""
    return [body for body in answers(version, name, ONE) if isinstance(body, dict)]


INELIGIBLE, ELIGIBLE, SET = "Node marked as ineligible for scheduling", "Node marked as eligible for scheduling", "Node drain strategy set"


def event(message: str, when: str) -> dict[str, str]:
    return {"Message": message, "Timestamp": when}


# -- clients ----------------------------------------------------------------------------------------


@every
def test_the_list_of_clients(version: str) -> None:
    found = [node_from_stub(body) for body in answers(version, "nodes-list", "/nodes")[0]]
    assert sorted((node.name, node.status, node.eligible, node.draining) for node in found) == [(name, "ready", True, False) for name in ("c1", "c2", "c3")]
    assert {node.datacenter for node in found} == {"dc1"} and {node.node_class for node in found} == {"linux-64bit"}
    assert {node.version for node in found} == {"" if version == "0.5.6" else version}
    assert all(node.change > 0 and node.instance_id is UNKNOWN and node.reopened is UNKNOWN and node.strategy is None for node in found)


@every
def test_a_draining_client_in_the_list_hides_its_strategy(version: str) -> None:
    lists = [[node_from_stub(body) for body in found] for found in answers(version, "nodes-list", "/nodes")]
    found = next(node for nodes in lists for node in nodes if node.draining)
    assert found.strategy is UNKNOWN and not found.eligible and not found.is_open


@every
def test_a_client_read_by_itself(version: str) -> None:
    node = node_from_api(own(version, "node-read")[0])
    assert (node.id, node.name, node.status, node.is_open, node.strategy, node.version) == (ONE, "c1", "ready", True, None, version)
    assert node.reopened is not UNKNOWN and node.instance_id == (None if version == "1.1.2" else "i-00000000000000001")


def test_a_gce_instance_id() -> None:
    data = {"ID": ONE, "Attributes": {"unique.platform.gce.id": "1234567890123456789"}}
    assert node_from_api(data).instance_id == "1234567890123456789"


def test_a_client_without_attributes_or_name() -> None:
    node = node_from_api({"ID": ONE, "Name": None, "Attributes": None, "Events": None})
    assert (node.name, node.instance_id, node.version, node.status) == ("", None, "", "")


@every
def test_a_drain_in_force(version: str) -> None:
    nodes = [node_from_api(body) for body in own(version, "drain-idle")]
    found = next(node for node in nodes if node.draining)
    assert found.strategy == (Strategy(0.0, False) if version == "0.5.6" else Strategy(0.0, True))
    assert not found.eligible and not found.reopened


@marked
def test_a_drain_that_is_over_is_history(version: str) -> None:
    nodes = [node_from_api(body) for body in own(version, "drain-idle")]
    found = next(node for node in nodes if not node.draining and not node.eligible)
    assert found.strategy is None and found.last_drain is not None and found.last_drain.status == "complete" and found.reopened is False


@marked
def test_meta_and_its_whole_replacement(version: str) -> None:
    metas = [dict(node.last_drain.meta) for node in map(node_from_api, own(version, "drain-meta")) if node.last_drain]
    assert metas[:3] == [{"message": "scale down", "run_id": "run-1"}, {"message": "second"}, {"cancel_message": "not now"}]


@marked
def test_a_client_cordoned_by_hand_after_a_cancelled_drain_was_open_in_between(version: str) -> None:
    """A "stop draining" with MarkEligible leaves no event of its own; the cordon after it shows that it was open."""
    node = node_from_api(own(version, "eligibility")[0])
    assert (node.eligible, node.draining, node.reopened) == (False, False, True)


@marked
def test_a_cancelled_drain_that_left_the_client_closed_is_no_reopening(version: str) -> None:
    nodes = [node_from_api(body) for body in own(version, "drain-cancel")]
    found = next(node for node in nodes if not node.draining and not node.eligible)
    assert found.last_drain is not None and found.last_drain.status == "canceled" and found.reopened is False


@pytest.mark.parametrize(
    ("events", "reopened"),
    [
        pytest.param([], False, id="no events"),
        pytest.param([event(SET, "2026-11-23T08:00:00.5Z")], False, id="the drain is the newest"),
        pytest.param([event(INELIGIBLE, "2026-11-23T07:59:59Z"), event(SET, "")], False, id="cordoned first"),
        pytest.param([event(SET, ""), event(ELIGIBLE, "2026-11-23T08:00:09Z")], True, id="opened since"),
        pytest.param([event(SET, ""), event(INELIGIBLE, "2026-11-23T08:00:09Z")], True, id="cordoned since"),
        pytest.param([event(ELIGIBLE, "2026-11-23T07:00:00Z")], False, id="the drain's event fell out, opened before it"),
        pytest.param([event(ELIGIBLE, "2026-11-23T08:00:09Z")], True, id="the drain's event fell out, opened after it"),
        pytest.param([event("Node drain complete", "2026-11-23T08:00:09Z"), event("Node heartbeat missed", "2026-11-23T08:00:10Z")], False, id="other events"),
        pytest.param(
            [event(SET, "2026-11-23T08:00:00.1Z"), event(ELIGIBLE, "2026-11-23T08:00:00.9Z")],
            True,
            id="opened in the second in which the drain began",
        ),
    ],
)
def test_whether_a_client_was_open_since_the_drain_began(events: list[dict[str, str]], reopened: bool) -> None:
    drain = {"Status": "complete", "StartedAt": "2026-11-23T08:00:00Z", "UpdatedAt": "2026-11-23T08:00:01Z", "Meta": None}
    assert node_from_api({"ID": ONE, "SchedulingEligibility": "ineligible", "LastDrain": drain, "Events": events}).reopened is reopened


@pytest.mark.parametrize(("given_ns", "seconds"), [(0, 0.0), (-1_000_000_000, -1.0), (3_600_000_000_000, 3600.0), (None, 0.0), (1_500_000_000, 1.5)])
def test_a_deadline_is_told_in_nanoseconds(given_ns: int | None, seconds: float) -> None:
    strategy = {"Deadline": given_ns, "IgnoreSystemJobs": False}
    assert node_from_api({"ID": ONE, "Drain": True, "DrainStrategy": strategy}).strategy == Strategy(seconds, False)


@pytest.mark.parametrize("status", ["ready", "down", "initializing", "disconnected", "something new"])
def test_a_status_is_taken_as_told(status: str) -> None:
    node = node_from_stub({"ID": ONE, "Name": "c1", "Status": status})
    assert node.status == status and node.is_ready is (status == "ready")


# -- allocations ------------------------------------------------------------------------------------


@every
def test_allocations_in_full(version: str) -> None:
    bodies = next(body for body in answers(version, "node-allocations", "/allocations") if body)
    found = {a.job: a for a in map(allocation_from_api, bodies)}
    assert {job: (a.job_type, a.desired, a.client, a.is_live) for job, a in found.items()} == {
        "build": ("batch", "run", "running", True),
        "svc": ("service", "run", "running", True),
        "sys": ("system", "run", "running", True),
        "done": ("batch", "run", "complete", False),
        "bad": ("batch", "run", "failed", False),
    }
    assert all(a.node == ONE and a.started.startswith("2026-11-2") and a.modified > 0 and not a.migrate for a in found.values())


@every
def test_allocations_as_stubs_of_a_list(version: str) -> None:
    found = [allocation_from_api(body) for bodies in answers(version, "job-allocations", "/allocations") for body in bodies]
    types = {a.job: a.job_type for a in found if a.job in ("build", "svc", "sys")}
    told = {"build": "batch", "svc": "service", "sys": "system"}
    assert types == (dict.fromkeys(told) if version == "0.5.6" else told)
    assert next(a for a in found if a.job == "build").is_build  # also where no type is told: the careful side


@marked
def test_a_build_that_a_force_struck(version: str) -> None:
    lists = [body for body in answers(version, "drain-force-then-eligible", "/allocations") if body and body[0]["JobID"] == "slow"]
    found = [allocation_from_api(bodies[0]) for bodies in lists]
    assert {(a.desired, a.migrate) for a in found if a.node == ONE and a.desired == "stop"} == {("stop", True)}
    assert any(a.is_stopping for a in found)


@pytest.mark.parametrize(
    ("client", "live"),
    [("pending", True), ("running", True), ("unknown", True), ("complete", False), ("failed", False), ("lost", False), (None, True)],
)
def test_which_client_status_is_live(client: str | None, live: bool) -> None:
    assert allocation_from_api({"ID": "a", "ClientStatus": client}).is_live is live


def test_an_allocation_that_tells_nothing_is_a_pending_build() -> None:
    assert allocation_from_api({"ID": "a"}) == Allocation("a", "", "", None, "run", "pending")


def test_the_start_is_the_earliest_of_the_tasks() -> None:
    states = {
        "x": {"StartedAt": "2026-11-23T08:00:02Z"},
        "y": {"StartedAt": "2026-11-23T08:00:01Z"},
        "z": {"StartedAt": "0001-01-01T00:00:00Z"},
        "w": {"StartedAt": None},
    }
    assert allocation_from_api({"ID": "a", "TaskStates": states}).started == "2026-11-23T08:00:01Z"


@given(st.dictionaries(st.sampled_from(["DesiredStatus", "ClientStatus", "JobType", "JobID", "NodeID"]), st.one_of(st.none(), st.text(max_size=8))))
def test_any_texts_of_an_allocation_are_read(fields: dict[str, Any]) -> None:
    assert allocation_from_api({"ID": "a", **fields}).id == "a"


# -- versions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0.5.6", (0, 5, 6)),
        ("1.11.3", (1, 11, 3)),
        ("1.4.568-abc", (1, 4, 568)),
        ("v1.7.7+ent", (1, 7, 7)),
        ("1.8", (1, 8, 0)),
        ("1.9.0-beta.1", (1, 9, 0)),
        ("", (0, 0, 0)),
        ("unknown", (0, 0, 0)),
    ],
)
def test_versions_from_texts(text: str, version: tuple[int, int, int]) -> None:
    assert version_from_text(text) == version


@pytest.mark.parametrize(
    ("words", "fell"), [("alloc is lost since its node is down", True), ("alloc not needed due to job update", False), ("", False), (None, False)]
)
def test_an_allocation_given_up_with_its_client_says_so(words: str | None, fell: bool) -> None:
    assert allocation_from_api({"ID": "a", "DesiredDescription": words}).fell is fell
