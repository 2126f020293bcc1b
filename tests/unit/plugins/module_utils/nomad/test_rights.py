# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What policies amount to, as tables; and as laws: a proof holds in any namespace, and a deny never helps."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Grant
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.rights import LEAST, Rights, grant_of, policy_from_api, rights_of, stamp_of
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, Any]


def space(name: str, policy: str = "", *capabilities: str) -> Json:
    """A namespace's rule as the servers give it."""
    return {"Name": name, "Policy": policy, "Capabilities": list(capabilities) or None}


def policy(*spaces: Json, node: str = "write", name: str = "p", **levels: str) -> Json:
    """A policy as the servers give it."""
    told = {"Node": {"Policy": node} if node else None, "Namespaces": list(spaces) or None, "Agent": None, "Operator": None}
    told.update({key.title(): {"Policy": level} for key, level in levels.items()})
    return {"Name": name, "Hash": f"h-{name}", "ModifyIndex": 12, "Rules": "text", "RulesJSON": told}


def rights(*policies: Json) -> Rights:
    parsed = [policy_from_api(data) for data in policies]
    assert None not in parsed
    return rights_of([one for one in parsed if one])


def grant(*policies: Json, default_only: bool = False) -> Grant:
    return grant_of(rights(*policies), ("stamp",), default_only)


ALL = space("*", "", "read-job")
BOTH, WRITES, SEES, NEITHER = (True, True), (True, False), (False, True), (False, False)

# (policies, writes and sees all, words that the sentence must hold)
TABLE = [
    # enough
    ([policy(ALL)], BOTH, []),
    ([policy(space("*", "read"))], BOTH, []),
    ([policy(space("*", "write"))], BOTH, []),
    ([policy(space("*", "scale", "read-job"))], BOTH, []),
    ([policy(space("**", "read"))], BOTH, []),
    ([policy(ALL, space("default", "read"))], BOTH, []),
    ([policy(ALL, space("dev-*", "write"), space("dev-1", "", "read-job", "submit-job"))], BOTH, []),
    ([policy(ALL, node=""), policy(node="write", name="q")], BOTH, []),
    ([policy(ALL, node="read"), policy(node="write", name="q")], BOTH, []),
    ([policy(space("*", "", "list-jobs")), policy(ALL, name="q")], BOTH, []),
    ([policy(ALL, space("other", "", "list-jobs")), policy(space("other", "read"), name="q")], BOTH, []),
    # no right to drain
    ([policy(ALL, node="")], SEES, ["node:write", "no right on clients"]),
    ([policy(ALL, node="read")], SEES, ["node:write", "it has node:read"]),
    ([policy(ALL, node="deny")], SEES, ["node:write", "it has node:deny"]),
    ([policy(ALL, node="list")], SEES, ["node:write", "it has node:list"]),
    ([policy(ALL), policy(node="deny", name="q")], SEES, ["node:deny"]),
    ([policy(ALL, node="deny"), policy(node="write", name="q")], SEES, ["node:deny"]),
    ([policy(ALL, node="everything")], SEES, ["no right on clients"]),
    # blind
    ([policy()], WRITES, ["read-job in every namespace;", "as empty"]),
    ([policy(space("*", "", "list-jobs"))], WRITES, ['namespace "*"', "list-jobs"]),
    ([policy(space("*", "list"))], WRITES, ['namespace "*"', "nothing that shows builds"]),
    ([policy(space("*", "scale"))], WRITES, ['namespace "*"']),
    ([policy(space("*", "", "read-job-scaling", "submit-job", "read-logs"))], WRITES, ["submit-job"]),
    ([policy(space("*"))], WRITES, ['namespace "*"', "nothing"]),
    ([policy(space("*", "sudo"))], WRITES, ['namespace "*"']),
    ([policy(space("*", "deny"))], WRITES, ['namespace "*" (deny)']),
    ([policy(space("*", "read", "deny"))], WRITES, ['namespace "*" (deny)']),
    ([policy(space("*", "deny", "read-job"))], WRITES, ['namespace "*" (deny)']),
    ([policy(ALL), policy(space("*", "deny"), name="q")], WRITES, ['namespace "*" (deny)']),
    ([policy(space("*", "deny")), policy(ALL, name="q")], WRITES, ['namespace "*" (deny)']),
    # half blind
    ([policy(space("default", "read"))], WRITES, ["every namespace but default", 'rule for namespace "*"']),
    ([policy(space("default", "", "read-job"), space("other", "read"))], WRITES, ["every namespace but default, other"]),
    ([policy(space("prod-*", "read"))], WRITES, ["every namespace but prod-*"]),
    ([policy(space("*-prod", "read"), space("dev*", "read"))], WRITES, ["every namespace but *-prod, dev*"]),
    ([policy(space("a*", "read"), space("default", "deny"))], WRITES, ["every namespace but a*", 'namespace "default" (deny)']),
    ([policy(ALL, space("other", "deny"))], WRITES, ['namespace "other" (deny)']),
    ([policy(ALL, space("other", "", "deny"))], WRITES, ['namespace "other" (deny)']),
    ([policy(ALL, space("other", "", "list-jobs"))], WRITES, ['namespace "other"', "list-jobs"]),
    ([policy(ALL, space("other", "scale"))], WRITES, ['namespace "other"']),
    ([policy(ALL, space("dev-*", "deny"))], WRITES, ['namespace "dev-*" (deny)']),
    ([policy(ALL, space("dev-*", "", "list-jobs"), space("dev-1", "read"))], WRITES, ['namespace "dev-*"']),
    ([policy(ALL), policy(space("other", "deny"), name="q")], WRITES, ['namespace "other" (deny)']),
    ([policy(ALL, space("a", "deny"), space("b", "deny"))], WRITES, ['namespace "a" (deny)', 'namespace "b" (deny)']),
    ([policy(ALL, space("other", "read")), policy(space("other", "deny"), name="q")], WRITES, ['namespace "other" (deny)']),
    # neither
    ([], NEITHER, ["node:write", "read-job in every namespace"]),
    ([policy(node="")], NEITHER, ["node:write", "read-job in every namespace"]),
    ([policy(space("default", "read"), node="read")], NEITHER, ["it has node:read", "every namespace but default"]),
    ([policy(node="", agent="write", operator="write")], NEITHER, ["node:write", "read-job"]),
]


@pytest.mark.parametrize(("policies", "holds", "words"), TABLE)
def test_what_policies_amount_to(policies: list[Json], holds: tuple[bool, bool], words: list[str]) -> None:
    found = grant(*policies)
    assert (found.writes, found.sees_all) == holds
    assert all(word in found.words for word in words), found.words
    assert (found.words == "") == (holds == BOTH)
    if found.words:
        assert "nomad_token" in found.words and LEAST in found.words and "\n" not in found.words and not found.words.endswith(".")


def test_the_order_of_policies_says_nothing() -> None:
    for policies, holds, _words in TABLE:
        found = grant(*reversed(policies))
        assert (found.writes, found.sees_all) == holds


@pytest.mark.parametrize(
    ("spaces", "sees"),
    [
        ([space("default", "read")], True),
        ([ALL], True),
        ([space("def*", "", "read-job")], True),
        ([ALL, space("default", "deny")], False),
        ([space("default", "", "list-jobs")], False),
        ([space("default", "scale")], False),
        ([space("other", "read")], False),
        ([], False),
        ([space("default", "read"), space("*", "deny")], True),
    ],
)
def test_where_default_is_the_only_namespace_that_one_counts(spaces: list[Json], sees: bool) -> None:
    """Before 1.0, without an Enterprise licence."""
    assert grant(policy(*spaces), default_only=True).sees_all is sees


@pytest.mark.parametrize(
    ("rules", "namespace", "may"),
    [
        ([ALL], "anything", True),
        ([space("prod", "read")], "prod", True),
        ([space("prod", "read")], "prod-1", False),
        ([space("prod*", "read")], "prod-1", True),
        ([space("prod*", "read")], "my-prod", False),
        ([space("*prod", "read")], "my-prod", True),
        ([space("*o*", "read")], "prod", True),
        ([ALL, space("prod*", "deny")], "prod-1", False),
        ([ALL, space("prod*", "deny"), space("prod-1", "read")], "prod-1", True),
        ([space("prod*", "deny"), space("prod-*", "read")], "prod-1", True),
        ([space("prod*", "read"), space("prod-*", "deny")], "prod-1", False),
        ([space("pro*", "read"), space("*d-1", "deny")], "prod-1", False),  # as close as each other
        ([space("a.c", "read")], "abc", False),
        ([], "default", False),
    ],
)
def test_in_one_namespace_the_closest_rule_decides(rules: list[Json], namespace: str, may: bool) -> None:
    assert rights(policy(*rules)).may(namespace, "read-job") is may


@pytest.mark.parametrize(
    ("levels", "missing"),
    [
        ({}, ["agent:read", "operator:read"]),
        ({"agent": "read"}, ["operator:read"]),
        ({"agent": "write", "operator": "read"}, []),
        ({"agent": "deny", "operator": "write"}, ["agent:read"]),
    ],
)
def test_what_is_useful_besides_is_a_hint_and_no_refusal(levels: dict[str, str], missing: list[str]) -> None:
    found = grant(policy(ALL, **levels))
    assert (found.writes, found.sees_all, found.words) == (True, True, "")
    assert len(found.hints) == len(missing) and all(any(word in hint for hint in found.hints) for word in missing)


def test_many_namespaces_are_not_all_named() -> None:
    seen = grant(policy(*[space(f"n{number}", "read") for number in range(200)])).words
    denied = grant(policy(ALL, *[space(f"n{number}", "deny") for number in range(200)])).words
    assert "195 more" in seen and "195 more" in denied and max(len(seen), len(denied)) < 600


@pytest.mark.parametrize("data", [{"Name": "p"}, {"Name": "p", "RulesJSON": None}, {"Name": "p", "RulesJSON": "node {}"}])
def test_a_policy_that_is_text_alone_is_none(data: Json) -> None:
    assert policy_from_api(data) is None


def test_a_stamp_is_the_same_in_the_list_and_changes_with_each_write() -> None:
    whole = policy(ALL)
    stub = {"Name": "p", "Hash": "h-p", "ModifyIndex": 12, "Description": ""}
    assert stamp_of(stub) == stamp_of(whole)
    assert len({stamp_of(stub), stamp_of({**stub, "Hash": "other"}), stamp_of({**stub, "ModifyIndex": 13}), stamp_of({**stub, "Name": "q"})}) == 4


# -- laws ---------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["*", "**", "default", "other", "d*", "*t", "o*r", "dev-*", "dev-1"])
WORDS = st.sampled_from(["", "read", "write", "scale", "list", "deny"])
CAPABILITIES = st.lists(st.sampled_from(["read-job", "list-jobs", "submit-job", "deny"]), max_size=2)
SPACES = st.builds(lambda name, word, held: space(name, word, *held), NAMES, WORDS, CAPABILITIES)
POLICIES = st.builds(lambda spaces, node: policy(*spaces, node=node), st.lists(SPACES, max_size=4), st.sampled_from(["", "read", "write", "deny"]))
SETS = st.lists(POLICIES, max_size=3)
SOMEWHERE = st.sampled_from(["default", "other", "dev-1", "dev-2", "d", "t", "our", "x"]) | st.text("abdeotv-1", min_size=1, max_size=8)


def servers_let_read(policies: list[Json], namespace: str) -> bool:
    """The servers' own way, told anew: deny ends a rule; its own rule, else the glob that leaves the fewest letters open; of equals any may be taken."""
    rules: dict[str, set[str]] = {}
    for data in policies:
        for rule in data["RulesJSON"]["Namespaces"] or []:
            more = {"read": {"read-job"}, "write": {"read-job"}, "deny": {"deny"}}.get(rule["Policy"], set())
            rules.setdefault(rule["Name"], set()).update(set(rule["Capabilities"] or []) | more)
    if namespace in rules:
        fitting = [namespace]
    else:
        globs = [name for name in rules if "*" in name and re.match("^" + name.replace("*", ".*") + "$", namespace)]
        closest = min((len(namespace) - len(name) + name.count("*") for name in globs), default=0)
        fitting = [name for name in globs if len(namespace) - len(name) + name.count("*") == closest]
    return bool(fitting) and all("read-job" in rules[name] and "deny" not in rules[name] for name in fitting)


@given(SETS, SOMEWHERE)
def test_a_token_that_is_proved_to_see_all_sees_any_namespace(policies: list[Json], namespace: str) -> None:
    if grant(*policies).sees_all:
        assert servers_let_read(policies, namespace)


@given(SETS, SOMEWHERE)
def test_in_one_namespace_it_is_as_the_servers_do(policies: list[Json], namespace: str) -> None:
    assert rights(*policies).may(namespace, "read-job") == servers_let_read(policies, namespace)


@given(SETS, NAMES, st.booleans(), st.booleans())
def test_a_deny_more_never_turns_a_refusal_into_leave(policies: list[Json], name: str, by_word: bool, default_only: bool) -> None:
    before = grant(*policies, default_only=default_only)
    denies = space(name, "deny") if by_word else space(name, "", "deny")
    after = grant(*policies, policy(denies, node=""), default_only=default_only)
    assert not (after.sees_all and not before.sees_all) and not (after.writes and not before.writes)
    assert not after.sees_all or default_only, "with a deny anywhere nothing is proved of all namespaces"


@given(SETS)
def test_a_node_deny_more_ends_the_right_to_drain(policies: list[Json]) -> None:
    after = grant(*policies, policy(node="deny"))
    assert not after.writes and after.sees_all == grant(*policies).sees_all


@given(SETS)
def test_a_token_that_is_not_enough_gets_a_sentence_and_one_that_is_none(policies: list[Json]) -> None:
    found = grant(*policies)
    assert (found.words == "") == (found.writes and found.sees_all)
