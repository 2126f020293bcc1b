# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list for people: what is read, what is counted, and what is not claimed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.node_list import NodeListSpec, read_node_list, summary
from unit.plugins.module_utils.nomad.script import URL, Said, ok, scripted, text
from unit.plugins.module_utils.nomad.values import build, cordoned, draining, ended, opened

LEADER = ok("127.0.0.1:4647", asked="GET /v1/status/leader")


def agent(version: str = "1.1.2", acl: bool = False) -> Said:
    config = {"Version": {"Version": version}, "Region": "global", "ACL": {"Enabled": acl}}
    return ok({"config": config, "stats": {"nomad": {"leader": "true"}}}, asked="GET /v1/agent/self")


def data(name: str, **fields: Any) -> dict[str, Any]:
    return {"ID": f"id-{name}", "Name": name, "Status": "ready", "SchedulingEligibility": "eligible", "ModifyIndex": 5, "Version": "1.1.2", **fields}


def live(name: str, job: str = "b1", kind: str = "batch", client: str = "running") -> dict[str, Any]:
    return {"ID": f"a-{job}", "JobID": job, "NodeID": f"id-{name}", "JobType": kind, "DesiredStatus": "run", "ClientStatus": client}


NODES = ok([data("c1"), data("c2")], asked="GET /v1/nodes")
ALLOCATIONS = ok([live("c1"), live("c1", "s1", "service"), live("c2", "b2", client="complete")], asked="GET /v1/allocations")


def read(*answers: Said, **fields: Any) -> tuple[Any, list[str]]:
    with scripted(*answers) as (client, script, clock):
        return read_node_list(client, NodeListSpec(**fields), clock), script.calls


def test_all_clients_take_four_requests_however_many_they_are() -> None:
    found, calls = read(NODES, agent(), LEADER, ALLOCATIONS)
    assert len(calls) == 4 and all(call.startswith("GET ") for call in calls)
    assert [(node["name"], node["builds"], node["instance_id"]) for node in found["nodes"]] == [("c1", 1, None), ("c2", 0, None)]
    assert found["summary"] == {"ready": 2, "eligible": 2, "draining": 0, "cordoned": 0, "down": 0, "running_builds": 1}
    assert found["server"] == {"version": "1.1.2", "leader": "127.0.0.1:4647", "region": "global", "token": None}


def own(name: str) -> Said:
    return ok(data(name, Attributes={"unique.platform.aws.instance-id": f"i-0000000{name}"}), asked=f"GET /v1/node/id-{name}")


def test_a_client_named_by_itself_is_read_closely() -> None:
    found, _calls = read(NODES, agent(), LEADER, own("c1"), ALLOCATIONS, nodes=("c1",))
    assert [node["instance_id"] for node in found["nodes"]] == ["i-0000000c1"]


def test_details_read_every_client() -> None:
    found, _calls = read(NODES, agent(), LEADER, own("c1"), own("c2"), ALLOCATIONS, details=True)
    assert [node["instance_id"] for node in found["nodes"]] == ["i-0000000c1", "i-0000000c2"]


@pytest.mark.parametrize("listed", [True, False])
def test_builds_are_listed_on_demand(listed: bool) -> None:
    found, _calls = read(NODES, agent(), LEADER, ALLOCATIONS, allocations=listed)
    assert [node.get("allocations") for node in found["nodes"]] == ([[{"job": "b1", "allocation": "a-b1", "started": None}], []] if listed else [None, None])


def client_token(policy: dict[str, Any]) -> list[Said]:
    """The answers about a token with this policy."""
    return [
        ok({"Type": "client", "Policies": ["look"]}, asked="GET /v1/acl/token/self"),
        ok([{"Name": "look"}], asked="GET /v1/acl/policies"),
        ok({"Name": "look", "RulesJSON": policy}, asked="GET /v1/acl/policy/look"),
    ]


def test_what_a_thin_token_may_not_see_is_null_and_not_zero() -> None:
    """Such a token gets 200 and an empty list for a busy client."""
    found, calls = read(NODES, agent(acl=True), *client_token({"Node": {"Policy": "write"}}), LEADER, allocations=True)
    assert [node["builds"] for node in found["nodes"]] == [None, None] and found["nodes"][0]["allocations"] is None
    assert found["summary"]["running_builds"] is None and "GET /v1/allocations" not in calls
    token = found["server"]["token"]
    assert (token["may_drain"], token["sees_all_builds"]) == (False, False) and "read-job" in token["lacks"]


def test_a_token_that_sees_everything_shows_builds_though_it_may_not_drain() -> None:
    policy = {"Node": {"Policy": "read"}, "Namespaces": [{"Name": "*", "Policy": "read"}], "Agent": {"Policy": "read"}}
    found, _calls = read(NODES, agent(acl=True), *client_token(policy), LEADER, ALLOCATIONS)
    assert [node["builds"] for node in found["nodes"]] == [1, 0]
    token = found["server"]["token"]
    assert (token["may_drain"], token["sees_all_builds"]) == (False, True) and "node:write" in token["lacks"]
    assert len(token["hints"]) == 1 and "operator:read" in token["hints"][0]


def test_a_token_that_may_not_ask_the_agent_sees_the_version_of_the_clients() -> None:
    found, _calls = read(NODES, text(403, "Permission denied", asked="GET /v1/agent/self"), *client_token({"Node": {"Policy": "read"}}), LEADER)
    assert found["server"]["version"] == "1.1.2"


def test_a_token_that_is_refused_is_named() -> None:
    refused = text(403, "ACL token not found", asked="GET /v1/nodes"), text(404, "ACL token not found", asked="GET /v1/acl/token/self")
    with scripted(*refused, connection=NomadConnection(URL, Secret("s3cret"))) as (client, _script, clock), pytest.raises(NotPermitted) as raised:
        read_node_list(client, NodeListSpec(), clock)
    assert "deleted, is mistyped" in str(raised.value) and "ACL token not found" in str(raised.value) and "s3cret" not in str(raised.value)


def test_of_clients_of_two_versions_the_newer_is_told_by_number() -> None:
    nodes = ok([data("c1", Version="1.2.11"), data("c2", Version="1.2.3")])
    found, _calls = read(nodes, text(403, "Permission denied"), text(403, "Permission denied"), LEADER)
    assert found["server"]["version"] == "1.2.11"


def test_the_numbers_of_a_mixed_fleet() -> None:
    nodes = [opened("c1"), opened("c2", status="down"), cordoned("c3"), draining("c4"), opened("c5", status="disconnected"), cordoned("c6", status="down")]
    found: Any = {"c1": (build(), ended("b2")), "c4": (build("b3", node="c4"), build("s", job_type="service")), "c6": ()}
    assert summary(nodes, found) == {"ready": 3, "eligible": 1, "draining": 1, "cordoned": 2, "down": 2, "running_builds": 2}
