# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of jobs: what is asked of which version, who is blind, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import job_list
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job_list import JobListSpec, job_list_spec, read_job_list
from unit.plugins.module_utils.nomad.recorded_answers import DISPATCHING, VERSIONS, bodies
from unit.plugins.module_utils.nomad.script import Said, Script, ok, scripted, text
from unit.plugins.module_utils.nomad.values import server

NODES = [{"ID": f"{n}", "Name": f"c{n}", "Status": "ready", "Drain": False, "Datacenter": "dc1", "SchedulingEligibility": "eligible"} for n in (1, 2)]
ACL_OFF: dict[str, Any] = {"config": {"Version": {"Version": "1.1.2"}, "Region": "global", "ACL": {"Enabled": False}}, "stats": {"nomad": {"leader": "true"}}}
FORGOTTEN = {"ID": "j", "Type": "batch", "Status": "pending", "Namespace": "default", "JobSummary": {}}


def agent(version: str) -> Said:
    told: Any = version if version == "0.5.6" else {"Version": version}
    return ok({"config": {"Version": told, "Region": "global"}, "stats": {"nomad": {"leader": "true"}}}, asked="GET /v1/agent/self")


@contextmanager
def read(*answers: Said, **spec: Any) -> Iterator[tuple[dict[str, Any], Script]]:
    with scripted(*answers) as (client, script, clock):
        yield read_job_list(client, JobListSpec(**spec), clock), script


def opening(version: str) -> list[Said]:
    """What is asked before the evaluations, answered as recorded."""
    scheduler = [ok({"SchedulerConfig": {}}, asked="GET /v1/operator/scheduler/configuration")] if version in ("1.7.7", "1.11.3") else []
    nodes, jobs = bodies(version, "queue", "/nodes")[0], bodies(version, "queue", "/jobs")[0]
    return [ok(nodes, asked="GET /v1/nodes"), agent(version), *scheduler, ok(jobs, asked="GET /v1/jobs")]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_queue_from_all_of_its_lists(version: str) -> None:
    evaluations = bodies(version, "queue", "/evaluations")[0]
    new = version in ("1.7.7", "1.11.3")
    told = [one for one in evaluations if one["Status"] == "blocked"] if new else evaluations
    after = [ok(told, asked="GET /v1/evaluations")] + ([ok([], asked="GET /v1/evaluations")] if new else [])
    with read(*opening(version), *after) as (found, script):
        waiting = {job["id"]: job["blocked_reason"] for job in found["jobs"] if job["blocked_reason"]}
    assert waiting == {"nowhere": "wrong_constraint"}
    assert found["summary"]["blocked"] == {"wrong_constraint": 1} and found["summary"]["pending"] == 1 and found["summary"]["parents"] == 0
    assert found["diagnosis"]["verdict"] == "wrong_constraint" and found["server"] == {"version": version, "region": "global"}
    asked = [(one.path, one.query) for one in script.asked if one.path in ("/v1/jobs", "/v1/evaluations")]
    spaces = {} if version == "0.5.6" else {"namespace": "default"}  # 0.9 and 0.11 tell it in the summary
    states = [{"status": "blocked"}, {"status": "pending"}] if new else [{}]
    everywhere = {"namespace": "*"} if version in DISPATCHING else {}
    assert asked == [("/v1/jobs", everywhere), *(("/v1/evaluations", {**state, **spaces}) for state in states)]


@pytest.mark.parametrize("version", ["1.7.7", "1.11.3"])
def test_a_paused_broker_with_the_recorded_evaluation_of_a_build_under_it(version: str) -> None:
    told = bodies(version, "paused", "/evaluations")[0]
    paused = ok({"SchedulerConfig": {"PauseEvalBroker": True}}, asked="GET /v1/operator/scheduler/configuration")
    jobs = [{**FORGOTTEN, "ID": told[0]["JobID"]}]
    with read(ok(NODES), agent(version), paused, ok(jobs), ok([]), ok(told)) as (found, _script):
        assert found["diagnosis"]["verdict"] == "paused_broker" and found["summary"]["blocked"] == {"paused_broker": 1}


def test_evaluations_are_asked_for_by_namespace_never_with_a_star() -> None:
    """1.1.2 answers namespace=* with 200 and nothing, also to a management token (recorded)."""
    jobs = [{**FORGOTTEN, "ID": "a", "Namespace": "one"}, {**FORGOTTEN, "ID": "a", "Namespace": "two"}]
    blocked = {"ID": "e", "JobID": "a", "Status": "blocked", "CreateIndex": 1, "FailedTGAllocs": {"g": {"NodesExhausted": 1, "DimensionExhausted": {"cpu": 1}}}}
    other = {**blocked, "FailedTGAllocs": {"g": {"NodesExhausted": 1, "DimensionExhausted": {"memory": 1}}}}
    with read(ok(NODES), ok(ACL_OFF), ok(jobs), ok([blocked]), ok([other])) as (found, script):
        assert [(job["namespace"], job["blocked_reason"]) for job in found["jobs"]] == [("one", "full_cpu"), ("two", "full_memory")]
    assert [one.query for one in script.asked if one.path == "/v1/evaluations"] == [{"namespace": "one"}, {"namespace": "two"}]


def test_nothing_waits_then_no_evaluation_is_asked_for() -> None:
    with read(ok(NODES), ok(ACL_OFF), ok([])) as (found, script):
        assert found["jobs"] == [] and found["diagnosis"]["verdict"] == "nothing_waits"
    assert script.calls == ["GET /v1/nodes", "GET /v1/agent/self", "GET /v1/jobs"]


def test_a_job_read_before_its_evaluation_was_written_is_looked_at_twice() -> None:
    placed = [{**FORGOTTEN, "Status": "running"}]
    with read(ok(NODES), ok(ACL_OFF), ok([FORGOTTEN]), ok([]), ok(NODES), ok(ACL_OFF), ok(placed)) as (found, _script):
        assert found["diagnosis"]["verdict"] == "nothing_waits"
    with read(*[ok(NODES), ok(ACL_OFF), ok([FORGOTTEN]), ok([])] * 2) as (found, _script):
        assert found["diagnosis"]["verdict"] == "no_evaluation"


def test_the_age_is_that_of_the_submission() -> None:
    submitted = 1_795_420_800 - 90  # the step clock's wall is 2026-11-23T08:00:00Z
    jobs = [{**FORGOTTEN, "Status": "dead", "SubmitTime": submitted * 10**9}, {**FORGOTTEN, "ID": "k", "Status": "dead"}]
    with read(ok(NODES), ok(ACL_OFF), ok(jobs)) as (found, _script):
        assert [job["age"] for job in found["jobs"]] == [90.0, None]


# -- who is blind --------------------------------------------------------------------------------------

DENIED = text(403, "Permission denied", asked="GET /v1/nodes")


@pytest.mark.parametrize("nodes", [ok(NODES), DENIED], ids=["it may read clients", "nor clients"])
def test_a_blind_token_gets_null_and_never_an_empty_list(nodes: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "read_server", lambda *_args: server("1.1.2", acl=True))  # nothing was proved of the token
    with read(nodes) as (found, script):
        assert found["jobs"] is None and found["summary"] is None and found["diagnosis"]["verdict"] == "cannot_see"
    assert script.calls == ["GET /v1/nodes"], "what it may not see is not asked for"


def test_a_token_that_may_read_jobs_but_not_clients_is_blind_too() -> None:
    with read(DENIED, ok(ACL_OFF)) as (found, _script):
        assert found["jobs"] is None and found["diagnosis"]["verdict"] == "cannot_see"


# -- who is listed -------------------------------------------------------------------------------------

JOBS = [{**FORGOTTEN, "ID": name, "Status": "dead"} for name in ("build", "build-1", "other")] + [{**FORGOTTEN, "ID": "run", "Status": "running"}]


@pytest.mark.parametrize(
    ("spec", "ids"),
    [
        ({}, ["build", "build-1", "other", "run"]),
        ({"jobs": ("build",)}, ["build"]),
        ({"jobs": ("build*",)}, ["build", "build-1"]),
        ({"jobs": ("other", "run")}, ["other", "run"]),
        ({"jobs": ("nothing*",)}, []),
        ({"status": ("running",)}, ["run"]),
        ({"jobs": ("build*",), "status": ("running",)}, []),
    ],
)
def test_jobs_and_status_choose(spec: dict[str, Any], ids: list[str]) -> None:
    with read(ok(NODES), ok(ACL_OFF), ok(JOBS), **spec) as (found, _script):
        assert [job["id"] for job in found["jobs"]] == ids


def test_the_summary_counts_also_what_the_status_leaves_out() -> None:
    with read(ok(NODES), ok(ACL_OFF), ok(JOBS), status=("running",)) as (found, _script):
        assert found["summary"] == {"pending": 0, "running": 1, "dead": 3, "parents": 0, "blocked": {}}


def test_an_id_that_no_job_has_is_refused_by_name() -> None:
    with scripted(ok(NODES), ok(ACL_OFF), ok(JOBS)) as (client, _script, clock), pytest.raises(NotFound, match="jobs holds 'biuld'.*4 are known"):
        read_job_list(client, JobListSpec(jobs=("biuld",)), clock)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"jobs": [""]}, "jobs holds ''"),
        ({"jobs": ["a*b"]}, "jobs holds 'a\\*b'.*with \\* behind"),
        ({"status": ["queued"]}, "status holds 'queued'.*pending, running, dead"),
    ],
)
def test_bad_input_is_one_sentence(params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        job_list_spec(params)
