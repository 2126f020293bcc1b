# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs and evaluations as real servers 0.5.6 to 1.11.3 list them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Shortage, evaluations_from_api, job_from_stub, jobs_from_api
from unit.plugins.module_utils.nomad.recorded_answers import DISPATCHING, POOLED, VERSIONS, bodies

every = pytest.mark.parametrize("version", VERSIONS)
dispatching = pytest.mark.parametrize("version", DISPATCHING)


@every
def test_the_recorded_list_of_jobs(version: str) -> None:
    jobs = {job.id: job for job in jobs_from_api(bodies(version, "queue", "/jobs")[0])}
    told = {job.id: (job.type, job.status, job.is_waiting, job.placed) for job in jobs.values()}
    assert told["build"] == ("batch", "running", False, 1)
    assert told["done"] == ("batch", "dead", False, 1)
    assert told["bad"] == ("batch", "dead", False, 1)
    assert told["nowhere"] == ("batch", "pending", True, 0), "pending is waiting, also where the summary still counts nothing queued"
    assert told["sys"] == ("system", "running", False, 3)
    assert not any(job.is_parent for job in jobs.values())
    assert (jobs["build"].submitted is None) == (version == "0.5.6")
    assert jobs["build"].datacenters == (() if version == "0.5.6" else ("dc1",))
    assert jobs["build"].pool == ("default" if version in POOLED else "")


@every
def test_the_recorded_evaluations_of_a_job_that_fits_nowhere(version: str) -> None:
    found = evaluations_from_api(bodies(version, "queue", "/evaluations")[0])
    assert sorted(one.status for one in found) == ["blocked", "complete"]
    blocked = next(one for one in found if one.status == "blocked")
    complete = next(one for one in found if one.status == "complete")
    assert bool(blocked.shortages) == (version in DISPATCHING), "up to 0.11 only the evaluation before the blocked one tells the shortage"
    assert complete.shortages == (Shortage(3, 0, 3, {}, {"${node.unique.name} regexp no-such-node": 3}, {"dc1": 3}, 3 if version in POOLED else None),)
    assert blocked.index > complete.index


@dispatching
def test_a_recorded_parent_waits_for_nothing_and_its_children_are_jobs(version: str) -> None:
    jobs = jobs_from_api(bodies(version, "dispatch", "/jobs")[0])
    parent = next(job for job in jobs if job.id == "build")
    assert parent.is_parent and not parent.is_waiting and parent.children is not None
    assert parent.placed == parent.children["running"] + parent.children["dead"]
    children = [job for job in jobs if job.parent == "build"]
    assert children and not any(job.is_parent for job in children)
    assert all(job.submitted is not None and job.submitted > 1_795_000_000 for job in children)


@dispatching
def test_the_recorded_evaluations_of_builds_without_room(version: str) -> None:
    told = [one for body in bodies(version, "no-room", "/evaluations") for one in evaluations_from_api(body)]
    full = [one.shortages[0] for one in told if one.status == "blocked" and one.shortages and one.shortages[0].exhausted]
    nobody = [one.shortages[0] for one in told if one.status == "blocked" and one.shortages and not one.shortages[0].exhausted]
    assert full and {(one.exhausted, one.evaluated, tuple(one.dimensions.items())) for one in full} == {(3, 3, (("memory", 3),))}
    assert nobody and all(one.evaluated == 0 and sum(one.available.values()) == 0 for one in nobody)


def _stub(**fields: Any) -> dict[str, Any]:
    groups = fields.pop("groups", {"g": {"Queued": 0, "Running": 0}})
    children = fields.pop("children", {"Pending": 0, "Running": 0, "Dead": 0})
    return {"ID": "j", "Type": "batch", "Status": "pending", "JobSummary": {"Summary": groups, "Children": children}, **fields}


@pytest.mark.parametrize(
    ("fields", "waits"),
    [
        pytest.param({}, True, id="pending"),
        pytest.param({"Status": "running", "groups": {"g": {"Queued": 6, "Running": 4}}}, True, id="some of ten placed"),
        pytest.param({"Status": "running", "groups": {"g": {"Queued": 0, "Running": 4}}}, False, id="all placed"),
        pytest.param({"Status": "dead", "groups": {"g": {"Queued": 1}}}, False, id="dead, whatever was queued"),
        pytest.param({"Stop": True}, False, id="stopped"),
        pytest.param({"Type": "system"}, False, id="a system job has nothing to wait for but clients"),
        pytest.param({"Type": "service"}, True, id="a service"),
        pytest.param({"ParameterizedJob": True}, False, id="a parameterized parent, though pending"),
        pytest.param({"Periodic": True}, False, id="a periodic parent"),
        pytest.param({"children": {"Pending": 3, "Running": 0, "Dead": 0}}, False, id="a parent of 0.5.6, known by its children"),
        pytest.param({"children": None}, True, id="children null: a restarted 0.5.6"),
    ],
)
def test_who_waits(fields: dict[str, Any], waits: bool) -> None:
    assert job_from_stub(_stub(**fields)).is_waiting is waits


def test_counts_of_all_groups() -> None:
    groups = {"a": {"Queued": 2, "Running": 1, "Complete": 1}, "b": {"Queued": 1, "Lost": 1, "Unknown": 1}}
    job = job_from_stub(_stub(groups=groups))
    assert (job.queued, job.placed) == (3, 4)


def test_the_age_of_a_dispatched_build_without_a_time_is_in_its_id() -> None:
    assert job_from_stub(_stub(ID="build/dispatch-1795422375-08c73613")).submitted == 1795422375
    assert job_from_stub(_stub(ID="5a4ea06b7d560d000116830f-0-build-1")).submitted is None


@pytest.mark.parametrize("parse", [jobs_from_api, evaluations_from_api])
@pytest.mark.parametrize("body", [{}, "x", [{"Name": "no id"}], [{"ID": 1, "JobID": 1}], [None]])
def test_what_is_no_list_of_them_is_not_taken_for_an_empty_one(parse: Any, body: Any) -> None:
    with pytest.raises((AttributeError, KeyError, TypeError)):
        parse(body)
