# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching a log: the requests by version, replayed answers of real servers, and what each refusal is called."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import client as nomad_client
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import log_reader
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.log_reader import read_log
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.logs import LEAST, LogSpec
from unit.plugins.module_utils.nomad.recorded_answers import VERSIONS, bodies, lines
from unit.plugins.module_utils.nomad.script import Said, ok, scripted, text
from unit.plugins.module_utils.nomad.values import server

NEW = VERSIONS[1:]
ONE, TWO = "84a06288-49b2-8531-6d77-d04524620b27", "94a06288-49b2-8531-6d77-d04524620b28"
NODE = {"ID": "n1", "Name": "c1", "HTTPAddr": "10.0.0.7:4646", "TLSEnabled": False}


def agent(version: str) -> list[Said]:
    told: Any = version if version == "0.5.6" else {"Version": version}
    config = {"Version": told, "Region": "global"}
    answers = [ok({"config": config, "stats": {"nomad": {"leader": "true"}}}, asked="GET /v1/agent/self")]
    return answers + ([ok({}, asked="GET /v1/operator/scheduler/configuration")] if version in ("1.7.7", "1.11.3") else [])


def stub(item: str, created: int, client: str = "running", job: str = "build") -> dict[str, Any]:
    return {"ID": item, "JobID": job, "NodeID": "n1", "ClientStatus": client, "DesiredStatus": "run", "CreateIndex": created, "TaskStates": None}


def full(item: str = ONE, client: str = "running", tasks: tuple[str, ...] = ("task",)) -> Said:
    groups = [{"Name": "g", "Tasks": [{"Name": task} for task in tasks]}]
    started = {task: {"StartedAt": "2026-11-22T06:37:38Z"} for task in tasks}
    return ok({**stub(item, 5, client), "TaskGroup": "g", "TaskStates": started, "Job": {"TaskGroups": groups}}, asked=f"GET /v1/allocation/{item}")


def node(**fields: Any) -> Said:
    return ok({**NODE, **fields}, asked="GET /v1/node/n1")


def log(words: str = "oops\n", item: str = ONE, **headers: str) -> Said:
    return Said(words, 200, {"Content-Type": "text/plain", **headers}, asked=f"GET /v1/client/fs/logs/{item}")


def by_id(version: str = "1.1.2") -> list[Said]:
    return [*agent(version), full(), node()]


def read(*answers: Said, **spec: Any) -> tuple[dict[str, Any], list[Any]]:
    with scripted(*answers) as (client, script, _clock):
        return read_log(client, LogSpec(**spec)), script.asked


# -- recorded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("version", NEW)
def test_a_recorded_log_by_the_servers(version: str, stream: str) -> None:
    told = next(line for line in lines(version, "alloc-logs") if line["agent"] == "server" and line["query"].get("type") == stream and line["body"])
    item = told["path"].rpartition("/")[2]
    allocation = {**bodies(version, "allocation", "")[0], "ID": item}
    there = ok(bodies(version, "allocation", "")[1], asked=f"GET /v1/node/{allocation['NodeID']}")
    said = Said(told["body"], told["status"], {"Content-Type": told["type"]}, asked=f"GET {told['path']}")
    found, asked = read(*agent(version), ok(allocation), there, said, allocation=item, stream=stream, tail=20)
    assert found["log"] == told["body"] and found["truncated"] is False and found["stream"] == stream and found["task"] == "task"
    assert found["allocation"]["client"] == "c1" and found["job"] == allocation["JobID"]
    assert asked[-1].query == {"task": "task", "type": stream, "plain": "true", "origin": "end", "offset": str(LEAST)}


def test_on_0_5_6_the_client_that_holds_it_is_asked_itself() -> None:
    told = [line for line in lines("0.5.6", "alloc-logs") if line["query"].get("type") == "stderr" and line["query"].get("plain")]
    server, own = (next(line for line in told if line["agent"] == who) for who in ("server", "c1"))
    assert (server["status"], server["body"]) == (500, "node is not running a Nomad Client"), "why"
    item = own["path"].rpartition("/")[2]
    allocation = {**bodies("0.5.6", "allocation", "")[0], "ID": item}
    holder = bodies("0.5.6", "allocation", "")[1]
    said = Said(own["body"], own["status"], {"Content-Type": own["type"]}, asked=f"GET {own['path']}")
    answers = [*agent("0.5.6"), ok(allocation), ok(holder), said]
    with scripted(*answers) as (client, script, _clock):
        session = client._settings["session"]
        with mock.patch.object(nomad_client, "new_session", lambda _tls: session):
            found = read_log(client, LogSpec(allocation=item))
    assert found["log"] == "oops\n"
    assert script.asked[-1].url.startswith(f"http://{holder['HTTPAddr']}/v1/client/fs/logs/")


@pytest.mark.parametrize("version", ["0.9.3", "0.11.3", "1.1.2", "1.7.7", "1.11.3"])
def test_a_recorded_refusal_to_a_token_without_logs(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "read_server", lambda *_args: server(version, acl=True))
    told = next(line for line in lines(version, "acl-logs") if line["token"] == "read-only")
    assert (told["status"], told["body"]) == ((200, "") if version == "0.9.3" else (500, "Permission denied"))
    said = Said(told["body"], told["status"], {"Content-Type": told["type"]})
    with scripted(full(), node(), said) as (client, _script, _clock), pytest.raises(NotPermitted, match="read-job|read-logs"):
        read_log(client, LogSpec(allocation=ONE))


def test_an_empty_log_without_acls_is_an_empty_log() -> None:
    found, _asked = read(*by_id("0.9.3"), log(""), allocation=ONE)
    assert (found["log"], found["lines"], found["truncated"]) == ("", 0, False)


GONE = [
    text(404, f"state for allocation {ONE} not found on client"),
    text(500, f"failed to list entries: open /nomad/c1/alloc/{ONE}/alloc/logs: no such file or directory"),
    text(500, f'unknown allocation ID "{ONE}"'),
]


@pytest.mark.parametrize("said", GONE)
def test_a_log_that_the_client_collected_is_named_gone(said: Said) -> None:
    with scripted(*by_id(), *[said] * 12) as (client, script, _clock):
        with pytest.raises(NotFound, match="its log is gone"):
            read_log(client, LogSpec(allocation=ONE))
        script.left.clear()


# -- which allocation ----------------------------------------------------------------------------------


def jobs(*stubs: dict[str, Any]) -> Said:
    return ok(list(stubs), asked="GET /v1/jobs")


JOB = {"ID": "build", "Type": "batch", "Status": "running", "Namespace": "default", "JobSummary": {}}


def test_of_a_job_the_newest_live_allocation() -> None:
    listed = ok([stub(TWO, 9, "complete"), stub(ONE, 5)], asked="GET /v1/job/build/allocations")
    found, asked = read(*agent("1.1.2"), jobs(JOB), listed, full(), node(), log(), job="build")
    assert found["allocation"]["id"] == ONE and found["allocations"] == 2
    assert asked[1].query == {"prefix": "build", "namespace": "*"} and asked[2].query == {"all": "true", "namespace": "default"}


def test_a_dispatched_job_is_named_with_its_slash() -> None:
    name = "build/dispatch-1795422363-fe976544"
    answers = [jobs({**JOB, "ID": name, "ParentID": "build"}), ok([stub(ONE, 5, job=name)]), full(), node(), log()]
    _found, asked = read(*agent("1.1.2"), *answers, job=name)
    assert asked[2].path == "/v1/job/build%2Fdispatch-1795422363-fe976544/allocations"


def test_a_stopped_job_that_0_5_6_has_forgotten_still_has_allocations() -> None:
    answers = [jobs(), ok([stub(ONE, 5, "complete")]), full(client="complete"), node(), log()]
    with scripted(*agent("0.5.6"), *answers) as (client, script, _clock):
        session = client._settings["session"]
        with mock.patch.object(nomad_client, "new_session", lambda _tls: session):
            assert read_log(client, LogSpec(job="build"))["log"] == "oops\n"
    assert script.asked[1].query == {"prefix": "build"} and script.asked[2].query == {"all": "true"}


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        pytest.param([jobs(), ok([])], NotFound, "no such job", id="no such job"),
        pytest.param([jobs({**JOB, "ID": "build-2"}), ok([])], NotFound, "no such job", id="only one whose id begins so"),
        pytest.param([jobs({**JOB, "Status": "pending"}), ok([])], Refused, "never got a client.*nomad_job_info", id="never placed"),
        pytest.param([jobs(JOB, {**JOB, "Namespace": "two"})], BadInput, "namespaces default, two", id="in two namespaces"),
        pytest.param(
            [
                jobs({**JOB, "ParameterizedJob": True}),
                jobs({**JOB, "ID": "build/dispatch-1795422363-fe976544", "ParentID": "build"}, {**JOB, "ID": "build/x"}),
            ],
            BadInput,
            "only brings forth others.*of 1 the newest is build/dispatch-1795422363-fe976544",
            id="a parent",
        ),
        pytest.param([jobs({**JOB, "Periodic": True}), jobs()], BadInput, "only brings forth others", id="a parent without children"),
    ],
)
def test_jobs_without_a_log(answers: list[Said], kind: type[CollectionError], words: str) -> None:
    with scripted(*agent("1.1.2"), *answers) as (client, _script, _clock), pytest.raises(kind, match=words):
        read_log(client, LogSpec(job="build"))


@pytest.mark.parametrize(("given", "asked_for"), [("84a06288", "84a06288"), ("84a06288-4", "84a06288"), ("84A06288-49", "84a06288-49")])
def test_a_beginning_of_an_id_is_asked_for_by_whole_bytes(given: str, asked_for: str) -> None:
    listed = ok([stub(ONE, 5), stub(TWO, 6)], asked="GET /v1/allocations")
    _found, asked = read(*agent("1.1.2"), listed, full(), node(), log(), allocation=given)
    assert asked[1].query == {"prefix": asked_for, "namespace": "*"}


def test_an_allocation_that_nobody_knows() -> None:
    with scripted(*agent("1.1.2"), text(404, "alloc not found")) as (client, _script, _clock), pytest.raises(NotFound, match=f"know no allocation {ONE}"):
        read_log(client, LogSpec(allocation=ONE))


# -- the road ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "told"), [("", "no address"), ("0.0.0.0:4646", "0.0.0.0:4646"), ("[::]:4646", r"\[::\]:4646")])
def test_an_old_client_without_an_address_is_named(address: str, told: str) -> None:
    words = f"0.5.6 keeps logs on the client alone, and the servers tell {told} for it; set `advertise`"
    with scripted(*agent("0.5.6"), full(), node(HTTPAddr=address)) as (client, _script, _clock), pytest.raises(Refused, match=words):
        read_log(client, LogSpec(allocation=ONE))


def test_an_old_client_that_the_servers_forgot_is_named() -> None:
    with scripted(*agent("0.5.6"), full(), text(404, "node not found")) as (client, _script, _clock), pytest.raises(Refused, match="tell no address"):
        read_log(client, LogSpec(allocation=ONE))


def test_a_client_out_of_reach_is_named_with_its_address() -> None:
    refused = Said(fails=requests.ConnectionError("[Errno 111] Connection refused"))
    with scripted(*agent("0.5.6"), full(), node(), *[refused] * 12) as (client, script, _clock):
        session = client._settings["session"]
        with mock.patch.object(nomad_client, "new_session", lambda _tls: session), pytest.raises(Unreachable, match=r"the road to 10\.0\.0\.7:4646"):
            read_log(client, LogSpec(allocation=ONE))
        script.left.clear()


def test_a_log_in_page_is_no_log() -> None:
    page = Said("<html>Sign in</html>", 200, {"Content-Type": "text/html; charset=utf-8"})
    with scripted(*by_id(), *[page] * 12) as (client, script, _clock):
        with pytest.raises(Unreachable, match="is a page.*log-in page"):
            read_log(client, LogSpec(allocation=ONE))
        script.left.clear()


# -- tails ---------------------------------------------------------------------------------------------


def test_a_long_log_is_fetched_from_its_end_and_more_only_where_lines_are_long() -> None:
    row = "x" * 10_000 + "\n"
    found, asked = read(*by_id(), log((row * 3)[-LEAST:]), log(row * 6), allocation=ONE, tail=5)
    assert [one.query["offset"] for one in asked[-2:]] == [str(LEAST), str(4 * LEAST)]
    assert found["log"] == row * 5 and found["lines"] == 5 and found["truncated"] is True


def test_bytes_that_are_no_text_do_no_harm() -> None:
    broken = Said(b"a \xff b\n", 200, {"Content-Type": "text/plain"})
    assert read(*by_id(), broken, allocation=ONE)[0]["log"] == "a \ufffd b\n"


def test_the_task_of_several_is_asked_for() -> None:
    _found, asked = read(*agent("1.1.2"), full(tasks=("task", "side")), node(), log(), allocation=ONE, task="side")
    assert asked[-1].query["task"] == "side"
