# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the servers say of themselves: versions, ACLs, the broker; what is proved of a token stands in test_tokens.py."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Server
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.servers import read_leader, read_server
from unit.plugins.module_utils.nomad.script import Said, ok, scripted, text

from lab.nomad import recording

TOKEN = "GET /v1/acl/token/self"
BROKER = "GET /v1/operator/scheduler/configuration"


def agent(version: Any, acl: bool = False, server: bool = True, region: str = "global") -> Said:
    """What /v1/agent/self says."""
    config = {"Version": version, "Region": region, "ACL": {"Enabled": acl}}
    return ok({"config": config, "stats": {"nomad": {"leader": "true"}} if server else {"client": {}}}, asked="GET /v1/agent/self")


def members(*versions: str) -> Said:
    """What /v1/agent/members says."""
    return ok({"Members": [{"Name": f"s{n}", "Tags": {"role": "nomad", "build": text_}} for n, text_ in enumerate(versions)]}, asked="GET /v1/agent/members")


def read(*answers: Said, client_version: str = "") -> Server:
    """The servers that say so."""
    with scripted(*answers) as (client, _script, _clock):
        return read_server(client, client_version, 5.0)


@pytest.mark.parametrize("version", ["0.5.6", "1.1.2"])
def test_recorded_servers(version: str) -> None:
    bodies = [line["response"]["body"] for line in recording.load(version, "agent-self") if line.get("request", {}).get("path") == "/v1/agent/self"]
    told = next(body for body in bodies if isinstance(body, dict) and body["stats"].get("nomad"))
    found = read(ok(told))
    assert (found.version_text, found.region, found.acl, found.paused) == (version, "global", False, False)


@pytest.mark.parametrize("told", ["0.5.6", {"Version": "1.1.2", "Revision": "x"}])
def test_a_version_is_a_text_or_an_object(told: Any) -> None:
    assert read(agent(told)).version_text in ("0.5.6", "1.1.2")


def test_a_management_token_is_proved_by_its_own_word() -> None:
    found = read(agent("1.1.2", acl=True), ok({"Type": "management"}, asked=TOKEN))
    assert found.acl and found.sees_all and found.doubt == ""


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(ok({"Type": "client", "AccessorID": "anonymous", "Name": "Anonymous Token"}), id="anonymous, 1.11: 200"),
        pytest.param(text(404, "ACL token not found"), id="unknown, 1.1"),
        pytest.param(text(403, "Permission denied"), id="unknown, 1.11"),
        pytest.param(text(500, "ACL token expired"), id="expired, 1.11"),
        pytest.param(text(500, "acl token lookup failed: missing secret id"), id="anonymous, 1.1"),
    ],
)
def test_a_token_that_says_nothing_of_itself_is_not_proved_and_asked_once(said: Said) -> None:
    found = read(agent("1.1.2", acl=True), said)
    assert found.acl and not found.sees_all and found.doubt


def test_no_answer_about_the_token_is_no_proof_and_no_refusal() -> None:
    with scripted(agent("1.1.2", acl=True), *[text(500, "rpc error")] * 30) as (client, script, _clock):
        with pytest.raises(Unreachable):
            read_server(client, "", 5.0)
        script.left.clear()


def test_a_token_that_may_not_ask_the_agent_is_asked_for_its_own_rights() -> None:
    found = read(text(403, "Permission denied"), ok({"Type": "management"}, asked=TOKEN), ok({"SchedulerConfig": {}}, asked=BROKER), client_version="1.7.7")
    assert (found.version, found.acl, found.sees_all) == ((1, 7, 7), True, True)


def test_a_403_of_somebody_in_between_does_not_switch_acls_on() -> None:
    found = read(text(403, "not here"), text(400, "ACL support disabled", asked=TOKEN), client_version="1.1.2")
    assert found.acl is False and found.doubt == ""


@pytest.mark.parametrize(
    ("said", "paused"),
    [
        (ok({"SchedulerConfig": {"PauseEvalBroker": True}}, asked=BROKER), True),
        (ok({"SchedulerConfig": {"PauseEvalBroker": False}}, asked=BROKER), False),
        (ok({"SchedulerConfig": None}, asked=BROKER), False),
        (text(403, "Permission denied", asked=BROKER), False),
        (text(404, "", asked=BROKER), False),
    ],
)
def test_the_broker_is_asked_for_from_1_3(said: Said, paused: bool) -> None:
    assert read(agent({"Version": "1.7.7"}), said).paused is paused


def test_before_1_3_there_is_no_broker_to_ask() -> None:
    assert read(agent({"Version": "1.1.2"})).paused is False


def test_behind_a_client_agent_the_oldest_server_counts() -> None:
    found = read(agent({"Version": "1.11.3"}, server=False), members("1.1.2", "1.2.0"), text(400, "ACL support disabled", asked=TOKEN))
    assert (found.version_text, found.acl) == ("1.1.2", False)


@pytest.mark.parametrize(
    ("said", "acl"),
    [
        (text(400, "ACL support disabled"), False),
        (text(404, "ACL support disabled"), False),
        (text(403, "Permission denied"), True),
        (text(404, "Token not found"), True),
        (ok({"Type": "management"}), True),
    ],
)
def test_behind_a_client_agent_acls_are_asked_of_the_servers(said: Said, acl: bool) -> None:
    assert read(agent({"Version": "1.1.2"}, server=False), members("1.1.2"), said).acl is acl


def test_behind_a_client_agent_servers_older_than_acls_are_not_asked() -> None:
    assert read(agent("0.5.6", server=False), members("0.5.6")).acl is False


def test_the_oldest_server_is_found_by_number_not_by_text() -> None:
    disabled = text(400, "ACL support disabled", asked=TOKEN)
    found = read(agent({"Version": "1.11.3"}, server=False), members("1.11.3", "1.7.7"), disabled, ok({"SchedulerConfig": {}}, asked=BROKER))
    assert found.version_text == "1.7.7"


def test_no_answer_is_no_server() -> None:
    with scripted(Said(fails=requests.ConnectionError("refused"))) as (client, _script, _clock), pytest.raises(Unreachable):
        read_server(client, "1.1.2", 0.0)


def test_the_leader_by_its_address() -> None:
    with scripted(ok("127.0.0.1:4647", asked="GET /v1/status/leader")) as (client, _script, _clock):
        assert read_leader(client, 5.0) == "127.0.0.1:4647"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([ok(["no", "object"])], id="the agent's page is a list"),
        pytest.param([ok({"config": "none"})], id="its configuration is a text"),
        pytest.param([ok({"config": {"Version": {"Version": "1.1.2"}}}), ok([])], id="the members are a list"),
        pytest.param([agent("1.7.7"), ok([])], id="the scheduler's configuration is a list"),
    ],
)
def test_json_that_is_not_nomads_is_no_answer(answers: list[Said]) -> None:
    with scripted(*answers) as (client, _script, _clock), pytest.raises(Unreachable, match="not what Nomad says there"):
        read_server(client, "", 0.0)
