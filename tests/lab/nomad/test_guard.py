"""Policies, roles and tokens of the lab: any that an operator could write, and their end in the middle of a wait."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import replace
from typing import Any

import pytest

from lab.nomad import policies, recording
from lab.nomad.api_guard import GuardRoutes
from lab.nomad.control import Control
from lab.nomad.guard import GUARDS
from lab.nomad.intro import Introduction
from lab.nomad.lab import Lab
from lab.nomad.peers import Peer, Peers
from lab.nomad.policies import Rights
from lab.nomad.profile import PROFILES
from lab.nomad.replay import Replay
from lab.nomad.scenarios_guard import SCENARIOS

URL = "http://nomad:4646/v1"
DRAINER = 'node { policy = "write" } namespace "*" { capabilities = ["read-job"] }'
DATA = {"Node": {"Policy": "write"}, "Namespaces": [{"Name": "*", "Policy": "", "Capabilities": ["read-job"]}]}


def ask(lab: Lab, path: str, token: str = "", method: str = "GET", **fields: Any) -> Any:
    answer = lab.session().request(method, URL + path, headers={"X-Nomad-Token": token} if token else {}, **fields)
    kind = answer.headers.get("Content-Type", "")
    return (answer.status_code, answer.json() if kind == "application/json" else answer.text)


# --- policies ---
def test_a_policy_may_be_text_or_data() -> None:
    text, parsed = policies.rules(DRAINER)
    again, data = policies.rules(DATA)
    assert parsed == data and text == DRAINER and policies.rules(again)[1] == parsed


@pytest.mark.parametrize(
    "wrong", ["node {", 'node { policy = "much" }', 'flower "x" { policy = "read" }', 'namespace "a" { policy = "full" }', "node { policy = 3 }", "= }"]
)
def test_a_policy_that_a_server_would_refuse_is_a_mistake(wrong: str) -> None:
    with pytest.raises(ValueError, match="policy"):
        policies.rules(wrong)


def test_comments_lists_and_blocks_within_are_understood() -> None:
    text = '# all\nnamespace "ci-*" { // builds\n capabilities = ["list-jobs", "read-job",]\n variables { path "a/*" { capabilities = ["read"] } } }'
    assert policies.rules(text)[1]["Namespaces"] == [{"Name": "ci-*", "Policy": "", "Capabilities": ["list-jobs", "read-job"]}]


def rights(*texts: str) -> Rights:
    return Rights.of("s", "client", [policies.rules(text)[1] for text in texts])


def test_deny_wins_and_the_closest_name_counts() -> None:
    wide = rights('namespace "*" { policy = "read" }')
    assert wide.sees("default") and not wide.allows("default", "submit-job")
    assert not rights('namespace "*" { policy = "read" }', 'namespace "*" { policy = "deny" }').sees("default")
    assert rights('node { policy = "write" }', 'node { policy = "read" }').node_write
    assert not rights('node { policy = "write" }', 'node { policy = "deny" }').node_read
    close = rights('namespace "*" { policy = "write" } namespace "ci-*" { policy = "deny" } namespace "ci-a" { policy = "read" }')
    assert close.allows("default", "submit-job") and not close.allows("ci-b") and close.sees("ci-a") and not close.allows("ci-a", "submit-job")


# --- tokens ---
def test_what_a_policy_answers_is_what_it_allows() -> None:
    lab = Lab("1.1.2")
    lab.acl(True, {"boss": "management", "bot": {"policies": ["drainer"]}}, {"drainer": DATA})
    assert ask(lab, "/acl/token/self", "bot")[1]["Policies"] == ["drainer"]
    assert [p["Name"] for p in ask(lab, "/acl/policies", "bot")[1]] == ["drainer"]
    status, shown = ask(lab, "/acl/policy/drainer", "bot")
    assert status == 200 and shown["RulesJSON"]["Node"] == {"Policy": "write"} and policies.rules(shown["Rules"])[1] == policies.rules(DATA)[1]
    lab.build("build", "c1")
    lab.clock.sleep(1)
    path = f"/node/{lab.node_id('c1')}/allocations"
    assert len(ask(lab, path, "bot")[1]) == 1
    lab.policy("drainer", 'node { policy = "write" }')
    assert ask(lab, path, "bot") == (200, []), "a policy may be written thinner in mid run"
    lab.policy("drainer", None)
    assert ask(lab, path, "bot") == (403, "Permission denied")


def test_a_management_token_writes_policies_and_tokens_through_the_api() -> None:
    lab = Lab("1.1.2")
    lab.acl(True, {"boss": "management"})
    assert ask(lab, "/acl/policy/p", "boss", "PUT", json={"Name": "p", "Rules": DRAINER})[0] == 200
    status, token = ask(lab, "/acl/token", "boss", "PUT", json={"Name": "bot", "Type": "client", "Policies": ["p"]})
    assert status == 200 and ask(lab, "/nodes", token["SecretID"])[0] == 200
    assert ask(lab, "/acl/tokens", token["SecretID"])[0] == 403 and len(ask(lab, "/acl/tokens", "boss")[1]) == 2
    assert ask(lab, "/acl/policy/q", token["SecretID"], "PUT", json={"Name": "q", "Rules": DRAINER})[0] == 403
    assert ask(lab, "/acl/policy/q", "boss", "PUT", json={"Name": "q", "Rules": "nonsense {"})[0] == 400
    assert ask(lab, f"/acl/token/{token['AccessorID']}", "boss", "DELETE")[0] == 200
    assert ask(lab, "/nodes", token["SecretID"]) == (403, "ACL token not found")


def test_control_routes_write_policies_and_tokens() -> None:
    lab = Lab("1.1.2")
    control = Control(lab)
    try:
        post = control.handle
        assert post("POST", "/acl", b'{"tokens": {"boss": "management"}}') == (200, {})
        assert post("POST", "/acl/policy", b'{"name": "p", "rules": {"Node": {"Policy": "read"}}}') == (200, {})
        assert post("POST", "/acl/token", b'{"secret": "bot", "policies": ["p"]}') == (200, {})
        assert ask(lab, "/nodes", "bot")[0] == 200
        assert post("POST", "/acl/token", b'{"secret": "bot", "gone": true}') == (200, {})
        assert ask(lab, "/nodes", "bot") == (403, "ACL token not found")
        assert post("POST", "/acl/policy", b'{"name": "p", "rules": "node { policy = 1 }"}')[0] == 400
        assert post("POST", "/acl/token", b'{"secret": "x", "type": "king"}')[0] == 400
        assert post("POST", "/acl/token", b'{"secret": "x", "ttl": 5}')[0] == 400, "1.1.2 knows no end of tokens"
    finally:
        control.http.server_close()


def test_a_token_may_end_in_the_middle_of_a_wait() -> None:
    lab = Lab("1.7.7")
    lab.acl(True, {"boss": "management", "short": {"policies": ["drainer"], "ttl": 9}}, {"drainer": DRAINER})
    shown = ask(lab, "/acl/token/self", "short")[1]
    assert shown["ExpirationTTL"] == "9s" and shown["ExpirationTime"] > shown["CreateTime"]
    index = lab.session().get(f"{URL}/nodes", headers={"X-Nomad-Token": "short"}).headers["X-Nomad-Index"]
    began = lab.clock.now()
    assert ask(lab, f"/nodes?index={index}&wait=14s", "short")[0] == 200 and lab.clock.now() > began + 13, "a wait over the end is answered in full"
    assert ask(lab, "/nodes", "short") == (403, "Permission denied")
    assert ask(lab, "/acl/token/self", "short")[0] == 200, "1.7.7 still tells of it"


def test_a_role_lends_its_policies_and_takes_them_away() -> None:
    lab = Lab("1.11.3")
    lab.acl(True, {"boss": "management"}, {"drainer": DRAINER}, {"drainers": ["drainer"]})
    lab.token("bot", roles=["drainers"])
    assert [p["Name"] for p in ask(lab, "/acl/policies", "bot")[1]] == ["drainer"] and ask(lab, "/nodes", "bot")[0] == 200
    lab.role("drainers", None)
    assert ask(lab, "/nodes", "bot")[0] == 403 and ask(lab, "/acl/token/self", "bot")[1]["Roles"] == []
    with pytest.raises(ValueError, match="role"):
        lab.token("other", roles=["drainers"])
    with pytest.raises(ValueError, match="policy"):
        lab.role("drainers", ["ghost"])


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("/agent/self", 'agent { policy = "read" }'),
        ("/agent/members", 'node { policy = "read" }'),
        ("/operator/scheduler/configuration", 'operator { policy = "read" }'),
        ("/operator/autopilot/health", 'operator { policy = "read" }'),
        ("/jobs", 'namespace "default" { capabilities = ["list-jobs"] }'),
        ("/jobs?namespace=*", 'namespace "other" { capabilities = ["list-jobs"] }'),
        ("/allocations", 'namespace "default" { capabilities = ["read-job"] }'),
        ("/job/build", 'namespace "def*" { policy = "read" }'),
        ("/evaluations?namespace=*", 'namespace "*" { policy = "write" }'),
    ],
)
def test_the_least_right_is_enough_and_any_other_is_not(path: str, least: str) -> None:
    lab = Lab("1.7.7")
    lab.build("build", "c1")
    lab.build("hidden", "c1", namespace="other")
    lab.clock.sleep(2)
    kind = least.split()[0]
    others = [
        text for text in ('quota { policy = "write" }', "node", "agent", "operator", 'namespace "third" { policy = "write" }') if not text.startswith(kind)
    ]
    rest = " ".join(text if " " in text else f'{text} {{ policy = "write" }}' for text in others)
    lab.acl(True, {"least": {"policies": ["least"]}, "rest": {"policies": ["rest"]}}, {"least": least, "rest": rest})
    assert ask(lab, path, "least")[0] == 200
    assert ask(lab, path, "rest") == (403, "Permission denied")


def test_pools_are_seen_by_rules_about_pools() -> None:
    lab = Lab("1.7.7")
    held = {"one": {"policies": ["one"]}, "none": {"policies": ["none"]}}
    lab.acl(True, held, {"one": 'node_pool "def*" { policy = "read" }', "none": 'node_pool "*" { policy = "deny" } node { policy = "write" }'})
    assert [pool["Name"] for pool in ask(lab, "/node/pools", "one")[1]] == ["default"] and ask(lab, "/node/pools", "none")[1] == []


def test_a_job_is_written_only_with_the_right_in_its_own_namespace() -> None:
    lab = Lab("1.7.7")
    lab.acl(True, {"ci": {"policies": ["ci"]}}, {"ci": 'namespace "ci" { policy = "write" } namespace "default" { policy = "read" }'})
    job = {"ID": "b", "Name": "b", "Type": "batch", "Datacenters": ["dc1"], "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t", "Driver": "raw_exec"}]}]}
    assert ask(lab, "/jobs", "ci", "PUT", json={"Job": job}) == (403, "Permission denied")
    assert ask(lab, "/jobs", "ci", "PUT", json={"Job": {**job, "Namespace": "ci"}})[0] == 200
    assert ask(lab, "/job/b", "ci", "DELETE") == (403, "Permission denied") and ask(lab, "/job/b?namespace=ci", "ci", "DELETE")[0] == 200


def test_a_right_in_one_namespace_shows_no_job_of_another() -> None:
    lab = Lab("1.7.7")
    lab.build("hidden", "c1", namespace="other")
    lab.acl(True, {"bot": {"policies": ["p"]}}, {"p": 'namespace "default" { policy = "write" }'})
    assert ask(lab, "/job/hidden", "bot")[0] == 404 and ask(lab, "/job/hidden?namespace=other", "bot")[0] == 403
    ask(lab, "/job/hidden", "bot", "DELETE")
    assert not lab.cluster.jobs["hidden"].stop


def test_the_guards_of_all_versions_are_replayed() -> None:
    for version in ("1.1.2", "1.7.7", "1.11.3"):
        assert {"acl", "acl-more", "acl-thin-tokens", "acl-roles-expiry", "event-stream-errors"} <= SCENARIOS[version].keys() & set(recording.names(version))
    for version in ("1.7.7", "1.11.3"):
        assert {"drain-leader-change", "shutdown-drain-acl"} <= SCENARIOS[version].keys()
    assert "introduction-token" in SCENARIOS["1.11.3"]


# --- introduction tokens, agents that drain themselves ---
def seen(lab: Lab, name: str) -> bool:
    return any(node["Name"] == name for node in lab.get("/v1/nodes"))


def test_a_client_without_a_token_does_not_join_where_enforcement_is_strict() -> None:
    lab = Lab("1.11.3", clients=1)
    lab.enforce_introduction("strict")
    token = lab.session().post(f"{URL}/acl/identity/client-introduction-token", json={"NodeName": "c2", "TTL": "10s"}).json()["JWT"]
    lab.add_client("c3", introduction=token)
    assert not seen(lab, "c3"), "another's token"
    lab.add_client("c2", introduction=token)
    lab.add_client("old", version="1.7.7", introduction=lab.api.introduction.mint())
    assert seen(lab, "c2") and not seen(lab, "old"), "older clients cannot be introduced"
    lab.clock.sleep(11)
    lab.add_client("c4", introduction=token)
    lab.kill_client("c2", heartbeat=1)
    lab.clock.sleep(3)
    lab.return_client("c2")
    assert not seen(lab, "c4") and lab.get(f"/v1/node/{lab.node_id('c2')}")["Status"] == "ready", "who joined once needs no token"
    lab.enforce_introduction("warn")
    lab.clock.sleep(16)
    assert seen(lab, "c3") and seen(lab, "old"), "the refused ask again"
    with pytest.raises(ValueError, match="no introduction tokens"):
        Lab("1.7.7").enforce_introduction("strict")
    with pytest.raises(ValueError, match="kill it first"):
        lab.introduce("c2", lost_state=True)


@pytest.mark.parametrize(("version", "acl", "drains"), [("1.7.7", False, True), ("1.7.7", True, False), ("1.11.3", True, True)])
def test_an_agent_drains_itself_if_it_may(version: str, acl: bool, drains: bool) -> None:
    lab = Lab(version)
    lab.build("long", "c1", seconds=None)
    lab.clock.sleep(1)
    if acl:
        lab.acl(True, {"boss": "management"})
    assert lab.shutdown_client("c1", 6) == drains
    lab.clock.sleep(1)
    lab.acl(False)
    node = lab.get(f"/v1/node/{lab.node_id('c1')}")
    assert bool(node["DrainStrategy"]) == drains and node["SchedulingEligibility"] == ("ineligible" if drains else "eligible")
    lab.clock.sleep(30)
    assert lab.get(f"/v1/node/{lab.node_id('c1')}")["Status"] == "down"
    assert {a["ClientStatus"] for a in lab.get(f"/v1/node/{lab.node_id('c1')}/allocations")} == {"lost"}


# --- simulators broken on purpose ---
BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("1.1.2", "acl", {"unknown_text": "Permission denied"}),
    ("1.1.2", "acl", {"allocation_hidden": ""}),
    ("1.1.2", "acl", {"self_anonymous": ""}),
    ("1.1.2", "acl", {"self_unknown_404": False}),
    ("1.1.2", "acl-thin-tokens", {"malformed_500": False}),
    ("1.1.2", "acl-thin-tokens", {"wildcard": "denied"}),
    ("1.1.2", "acl-thin-tokens", {"wildcard": "literal"}),
    ("1.1.2", "acl-thin-tokens", {"wildcard_evaluations": True}),
    ("1.1.2", "acl-thin-tokens", {"rules_keys": ("NodePools",)}),
    ("1.1.2", "acl-thin-tokens", {"roles": True}),
    ("1.7.7", "acl-more", {"self_malformed": "Permission denied"}),
    ("1.11.3", "acl-more", {"scale_more": ()}),
    ("1.1.2", "acl-more", {"rules_json": False}),
    ("1.7.7", "acl-roles-expiry", {"self_expired": "ACL token expired"}),
    ("1.11.3", "acl-roles-expiry", {"self_expired": ""}),
    ("1.11.3", "acl-roles-expiry", {"stub_keys": ()}),
    ("0.9.3", "acl", {"allocation_hidden": "Unknown allocation %s"}),
    ("0.9.3", "acl", {"self_anonymous": "acl token lookup failed: missing secret id"}),
    ("0.11.3", "acl", {"namespaces_text": ""}),
    ("1.7.7", "acl", {"unknown_text": "ACL token not found"}),
    ("1.7.7", "acl-thin-tokens", {"wildcard": "blind"}),
    ("1.7.7", "acl-thin-tokens", {"space_keys": ()}),
    ("1.11.3", "acl", {"stream_denied": "500"}),
    ("1.11.3", "acl-thin-tokens", {"self_anonymous": "acl token lookup failed: missing secret id"}),
]
BROKEN = [row for row in BROKEN if row[1] in SCENARIOS[row[0]]]


@pytest.mark.parametrize(("version", "name", "flags"), BROKEN, ids=str)
def test_a_guard_broken_on_purpose_is_found_out(version: str, name: str, flags: dict[str, Any]) -> None:
    profile = PROFILES[version].but(guard=replace(GUARDS[version], **flags))
    assert Replay(version, name, SCENARIOS[version][name], profile).run()


@pytest.mark.parametrize("version", ["1.7.7", "1.11.3"])
def test_an_agent_that_drains_where_it_may_not_is_found_out(version: str) -> None:
    other = PROFILES[version].but(shutdown_drains_with_acl=not PROFILES[version].shutdown_drains_with_acl)
    assert Replay(version, "shutdown-drain-acl", SCENARIOS[version]["shutdown-drain-acl"], other).run()


# What is wrong, which method of Rights, and how.
MUTANTS: list[tuple[str, str, Any]] = [
    ("a thin token sees all", "allows", lambda right: lambda self, namespace, capability="": self.known),
    ("a capability of any kind will do", "allows", lambda right: lambda self, namespace, capability="": right(self, namespace, "")),
    ("deny is no rule", "_closest", lambda right: staticmethod(lambda rules, name: right(rules, name) - {"deny"} or right(rules, "*"))),
    ("patterns are names", "_closest", lambda right: staticmethod(lambda rules, name: rules.get(name, set()))),
]


@pytest.mark.parametrize(("what", "name", "wrong"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_a_mutant_of_rights_is_found_out(monkeypatch: pytest.MonkeyPatch, what: str, name: str, wrong: Any) -> None:
    monkeypatch.setattr(Rights, name, wrong(getattr(Rights, name)))
    assert Replay("1.1.2", "acl-thin-tokens", SCENARIOS["1.1.2"]["acl-thin-tokens"]).run(), what


# Of several servers and of introduction: where, what, and how it is wrong.
CHANGE = "drain-leader-change"


def _no_identity(right: Any) -> Any:
    def admits(self: Introduction, client: Any) -> bool:
        client.identity = ""
        return bool(right(self, client))

    return admits


OTHERS: list[tuple[str, Any, str, Any, str, str]] = [
    ("a dead leader is not missed", Peers, "_forget", lambda right: lambda self, losses: self._elect(losses), "1.7.7", CHANGE),
    ("nobody is elected", Peers, "_elect", lambda right: lambda self, losses, then="": None, "1.7.7", CHANGE),
    ("followers know it all", Peer, "handle", lambda right: lambda self, *call: self.peers.api.handle(*call), "1.7.7", CHANGE),
    ("a held question outlives its leader", Peer, "_held", lambda right: lambda self, held, local: held, "1.11.3", CHANGE),
    ("the dead are healthy", GuardRoutes, "_server", lambda right: lambda self, n, name, at, alive: right(self, n, name, at, True), "1.11.3", CHANGE),
    ("everybody joins", Introduction, "admits", lambda right: lambda self, client: True, "1.11.3", "introduction-token"),
    ("nobody joins without a token", Introduction, "admits", _no_identity, "1.11.3", "introduction-token"),
]


@pytest.mark.parametrize(
    ("what", "where", "name", "wrong", "version", "file"),
    [row for row in OTHERS if row[5] in SCENARIOS[row[4]]],
    ids=[row[0] for row in OTHERS if row[5] in SCENARIOS[row[4]]],
)
def test_a_mutant_of_servers_is_found_out(monkeypatch: pytest.MonkeyPatch, what: str, where: Any, name: str, wrong: Any, version: str, file: str) -> None:
    monkeypatch.setattr(where, name, wrong(getattr(where, name)))
    assert Replay(version, file, SCENARIOS[version][file]).run(), what


@pytest.mark.parametrize("name", ["node_read", "node_write"])
def test_a_right_given_to_all_is_found_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(Rights, name, property(lambda self: self.known))
    assert Replay("1.1.2", "acl", SCENARIOS["1.1.2"]["acl"]).run()
