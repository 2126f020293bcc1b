# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain asks about its token, and when: all of it once, and the list of its policies before each end and each later order."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import DrainSpec
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain_port import DrainPort
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import SetDrain
from unit.plugins.module_utils.nomad.script import URL, Said, ok, scripted, text

ONE = "11111111-2222-4333-8444-555555555551"
ALL = frozenset({ONE})
NOTHING = frozenset[str]()
CANARY = "canary-8f1c-0000-0000-5e7d1234abcd"
CONNECTION = NomadConnection(URL, Secret(CANARY))
EVERYWHERE = [{"Name": "*", "Policy": "", "Capabilities": ["read-job"]}]
DEFAULT = [{"Name": "default", "Policy": "read", "Capabilities": ["read-job"]}]
AGENT = ok({"config": {"Version": {"Version": "1.1.2"}, "ACL": {"Enabled": True}}, "stats": {"nomad": {"leader": "true"}}}, asked="GET /v1/agent/self")
TOKEN = ok({"Type": "client", "AccessorID": "a", "Policies": ["drainer"]}, asked="GET /v1/acl/token/self")
WORDS = "clients that are closed stay closed"


def data(how: str = "open", **fields: Any) -> dict[str, Any]:
    told = {"ID": ONE, "Name": "c1", "Status": "ready", "ModifyIndex": 5, "Drain": False, "Version": "1.1.2", **fields}
    return {**told, "SchedulingEligibility": "eligible" if how == "open" else "ineligible"}


LIST = ok([data()], asked="GET /v1/nodes")
CLOSED = ok([data("closed")], asked="GET /v1/nodes")
EMPTY = ok([], asked="GET /v1/allocations")
OWN = [ok(data("closed"), asked=f"GET /v1/node/{ONE}"), ok([], asked=f"GET /v1/node/{ONE}/allocations")]


def policies(index: int = 3) -> Said:
    """The list of the token's policies."""
    return ok([{"Name": "drainer", "Hash": f"h{index}", "ModifyIndex": index}], asked="GET /v1/acl/policies")


def proof(spaces: list[dict[str, Any]] | None = None, index: int = 3) -> list[Said]:
    """All answers of a proof: the token, its policies, their rules."""
    rules = {"Node": {"Policy": "write"}, "Namespaces": EVERYWHERE if spaces is None else spaces}
    whole = ok({"Name": "drainer", "Hash": f"h{index}", "ModifyIndex": index, "RulesJSON": rules}, asked="GET /v1/acl/policy/drainer")
    return [TOKEN, policies(index), whole]


PROOF = ("drainer:h3:3",)
DRAIN = SetDrain(ONE, 0.0, True, "me", "eligible")


def port_of(client: Any, clock: Any, known: dict[str, str | None] | None = None, stamps: tuple[str, ...] = ()) -> DrainPort:
    port = DrainPort(client, DrainSpec(nodes=("c1",)), "run-1", clock, known)
    port.proof = stamps
    return port


def test_the_first_look_proves_the_token_with_three_requests_more() -> None:
    with scripted(LIST, AGENT, *proof(), EMPTY, connection=CONNECTION) as (client, _script, clock):
        state = port_of(client, clock).read(NOTHING)
    assert state.server.doubt == "" and state.server.grant.proof == PROOF and state.allocations == {ONE: ()}


def test_of_a_token_in_doubt_no_list_of_allocations_is_asked_or_believed() -> None:
    with scripted(LIST, AGENT, *proof(DEFAULT), connection=CONNECTION) as (client, _script, clock):
        state = port_of(client, clock).read(NOTHING)
    assert "every namespace but default" in state.server.doubt and state.allocations == {ONE: None}


def later(client: Any, clock: Any) -> DrainPort:
    return port_of(client, clock, {ONE: "i-1"}, PROOF)


def test_a_later_slice_asks_nothing_about_its_token() -> None:
    with scripted(LIST, AGENT, EMPTY, connection=CONNECTION) as (client, _script, clock):
        state = later(client, clock).read(NOTHING)
    assert state.server.doubt == "" and state.server.grant.proof == PROOF


@pytest.mark.parametrize("act", ["end", "order"])
def test_before_an_end_is_believed_and_before_an_order_the_policies_are_looked_at_again(act: str) -> None:
    more = [*OWN, policies()] if act == "end" else [policies(), ok({"NodeModifyIndex": 8})]
    with scripted(CLOSED, AGENT, EMPTY, *more, connection=CONNECTION) as (client, _script, clock):
        port = later(client, clock)
        assert port.read(NOTHING).allocations == {ONE: ()}
        if act == "end":
            port.read(ALL)
        else:
            port.apply(DRAIN)


def test_right_after_the_proof_orders_ask_no_more() -> None:
    answers = [LIST, AGENT, *proof(), EMPTY, *[ok({"NodeModifyIndex": 8})] * 3]
    with scripted(*answers, connection=CONNECTION) as (client, script, clock):
        port = port_of(client, clock)
        port.read(NOTHING)
        for _number in range(3):
            port.apply(DRAIN)
    assert script.calls.count("GET /v1/acl/policies") == 1


def test_a_fresh_token_with_the_same_rights_is_proved_anew_and_goes_on() -> None:
    answers = [CLOSED, AGENT, EMPTY, *OWN, policies(9), AGENT, *proof(index=9), *OWN, policies(9)]
    with scripted(*answers, connection=CONNECTION) as (client, _script, clock):
        port = later(client, clock)
        port.read(NOTHING)
        assert port.read(ALL).server.grant.proof == ("drainer:h9:9",)


def test_a_fresh_token_that_sees_less_ends_the_task() -> None:
    with scripted(CLOSED, AGENT, EMPTY, *OWN, policies(9), AGENT, *proof(DEFAULT, 9), connection=CONNECTION) as (client, _script, clock):
        port = later(client, clock)
        port.read(NOTHING)
        with pytest.raises(NotPermitted) as raised:
            port.read(ALL)
    said = str(raised.value)
    assert "every namespace but default" in said and WORDS in said and "run the same command again" in said and CANARY not in said


def test_an_order_decided_on_while_the_rights_changed_is_decided_anew() -> None:
    with scripted(CLOSED, AGENT, EMPTY, policies(9), AGENT, *proof(index=9), connection=CONNECTION) as (client, script, clock):
        port = later(client, clock)
        port.read(NOTHING)
        with pytest.raises(Refused, match="between look and order"):
            port.apply(DRAIN)
    assert not [call for call in script.calls if not call.startswith("GET")]


def test_an_end_seen_while_the_rights_changed_is_seen_again() -> None:
    answers = [CLOSED, AGENT, *proof(), EMPTY, *OWN, policies(4), AGENT, *proof(index=4), *OWN, policies(4)]
    with scripted(*answers, connection=CONNECTION) as (client, _script, clock):
        port = port_of(client, clock)
        port.read(NOTHING)
        assert port.read(ALL).server.grant.proof == port.proof == ("drainer:h4:4",)


def test_a_policy_that_lost_a_right_in_mid_wait_makes_no_end() -> None:
    """1.1.2 goes on answering 200, with a list that is shorter."""
    answers = [CLOSED, AGENT, *proof(), EMPTY, *OWN, policies(4), AGENT, *proof([], 4)]
    with scripted(*answers, connection=CONNECTION) as (client, _script, clock):
        port = port_of(client, clock)
        port.read(NOTHING)
        with pytest.raises(NotPermitted, match="read-job in every namespace;.*" + WORDS):
            port.read(ALL)


EXPIRED = [
    text(403, "Permission denied"),
    ok({"Type": "client", "Policies": ["d"], "ExpirationTime": "2026-11-23T08:42:50.7Z"}),
    text(403, "Permission denied"),
]


def test_a_token_that_expires_in_mid_wait_is_named_and_so_is_what_goes_on() -> None:
    with scripted(LIST, AGENT, *proof(), EMPTY, *EXPIRED, connection=CONNECTION) as (client, _script, clock):
        port = port_of(client, clock)
        port.read(NOTHING)
        with pytest.raises(NotPermitted) as raised:
            port.read(NOTHING)
    said = str(raised.value)
    assert "has expired (its time was 2026-11-23T08:42:50Z)" in said and WORDS in said and "run the same command again" in said


@pytest.mark.parametrize("act", ["wait", "write"])
def test_a_refused_wait_or_write_is_named_too(act: str) -> None:
    with scripted(LIST, AGENT, *proof(), EMPTY, *EXPIRED, connection=CONNECTION) as (client, _script, clock):
        port = port_of(client, clock)
        port.read(NOTHING)
        with pytest.raises(NotPermitted, match="has expired.*" + WORDS):
            port.wait(5.0) if act == "wait" else port.apply(DRAIN)


def test_a_token_that_is_refused_from_the_start_closed_nothing() -> None:
    with scripted(*EXPIRED, connection=CONNECTION) as (client, _script, clock), pytest.raises(NotPermitted) as raised:
        port_of(client, clock).read(NOTHING)
    assert "has expired" in str(raised.value) and WORDS not in str(raised.value)
