# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the servers say of themselves: versions, ACLs, the token's kind, the broker."""

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


@pytest.mark.parametrize(
    ("said", "management"),
    [
        pytest.param(ok({"Type": "management"}), True, id="management"),
        pytest.param(ok({"Type": "client"}), False, id="client"),
        pytest.param(ok({"Type": "client", "Name": "Anonymous Token"}), False, id="anonymous, 1.11: 200"),
        pytest.param(text(404, "Token not found"), False, id="unknown, 1.1"),
        pytest.param(text(403, "ACL token not found"), False, id="unknown, new"),
        pytest.param(text(403, "ACL token expired"), False, id="expired"),
    ],
)
def test_a_token_is_management_only_when_it_says_so(said: Said, management: bool) -> None:
    found = read(agent("1.1.2", acl=True), said)
    assert (found.acl, found.management) == (True, management)


def test_a_token_that_fails_to_prove_itself_is_none() -> None:
    answers = [text(500, "ACL token expired")] * 30
    with scripted(agent("1.1.2", acl=True), *answers) as (client, script, _clock):
        assert read_server(client, "", 5.0).management is False
        script.left.clear()


def test_a_token_that_may_not_ask_the_agent_meets_acls_and_no_proof() -> None:
    found = read(text(403, "Permission denied"), client_version="1.7.7")
    assert (found.version, found.acl, found.management) == ((1, 7, 7), True, False)


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
        (ok({"Type": "client"}), True),
    ],
)
def test_behind_a_client_agent_acls_are_asked_of_the_servers(said: Said, acl: bool) -> None:
    more = [said] if acl else []
    assert read(agent({"Version": "1.1.2"}, server=False), members("1.1.2"), said, *more).acl is acl


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
