# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that see too little, from the start or from some moment on (F08): no write, no end is believed, and the sentence says what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.rights import LEAST
from faults.operators import Operator, assert_drained, assert_true, both_ways, ends, is_closed, reasons, verdicts, writes

from lab.nomad.lab import Lab

TOKEN = "canary-8f1c-4000-8000-5e7d1234abcd00"
FRESH = "canary-8f1c-4000-8000-5e7d1234abcd01"
assert len(TOKEN) == len(FRESH) == 36
GUARDED = ("1.1.2", "1.7.7", "1.11.3")
NEW = GUARDED[1:]
DRAINER = 'node { policy = "write" } namespace "*" { capabilities = ["read-job"] }'
by_guard = pytest.mark.parametrize("guard", GUARDED)
by_new_guard = pytest.mark.parametrize("guard", NEW)


def site(guard: str = "1.1.2", seconds: float = 60.0, **acl: Any) -> Lab:
    """A cluster of version `guard`; a build that only a token with sight of namespace `hidden` sees."""
    lab = Lab(guard, clients=3)
    lab.build("seen", "c1", seconds=min(10.0, seconds))
    lab.build("build-1", "c1", seconds=seconds, namespace="hidden")
    policies = acl.pop("policies", {"drainer": DRAINER})
    lab.acl(True, {TOKEN: {"policies": list(policies)}, FRESH: {"policies": list(policies)}}, policies)
    lab.clock.sleep(1)
    return lab


def drain(lab: Lab, sliced: bool = False, token: str | None = TOKEN, **options: Any) -> dict[str, Any]:
    result = Operator(lab, sliced, token=token).drain("c1", **options)
    assert "canary" not in json.dumps(result)
    return result


def assert_goes_on(lab: Lab, result: dict[str, Any], *words: str) -> None:
    """Ended as unknown, closed, nothing undone, the build runs; the same command with a fresh token ends it well."""
    assert result["failed"] and verdicts(result) == {"c1": "unknown"}, reasons(result)
    assert all(word in result["msg"] for word in (*words, "stay closed", "same command")), result["msg"]
    assert is_closed(lab, "c1") and len(writes(lab)) == 1
    assert result["nodes"][0]["mark"]["run"] == result["run"]
    lab.policy("drainer", DRAINER)
    lab.token(FRESH, policies=["drainer"])
    assert_drained(lab, drain(lab, token=FRESH), "c1")
    assert ends(lab)["build-1"] == "itself"


# -- enough ---------------------------------------------------------------------------------------------------


@by_guard
@both_ways
@pytest.mark.parametrize("policy", [DRAINER, LEAST, 'node { policy = "write" } namespace "*" { policy = "write" }'])
def test_the_least_policy_drains_with_builds_in_any_namespace(guard: str, sliced: bool, policy: str) -> None:
    lab = site(guard, policies={"drainer": policy})
    assert_drained(lab, drain(lab, sliced), "c1")
    assert_drained(lab, drain(lab, sliced), "c1")
    assert len(writes(lab)) == 1
    assert Operator(lab, token=TOKEN).drain("c1", state="eligible")["summary"] == {"eligible": 1}


@by_guard
def test_a_right_may_come_in_parts_by_several_policies(guard: str) -> None:
    lab = site(guard, policies={"hands": 'node { policy = "write" }', "eyes": 'namespace "*" { policy = "read" }'})
    assert_drained(lab, drain(lab), "c1")


@by_new_guard
@both_ways
def test_a_role_gives_the_right(guard: str, sliced: bool) -> None:
    lab = site(guard)
    lab.role("drainers", ["drainer"])
    lab.token(TOKEN, roles=["drainers"])
    assert_drained(lab, drain(lab, sliced), "c1")


def test_few_requests_more_than_without_acls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three for the proof, and one for each look that may end something; in slices each looks once more at the clients that have ended."""
    totals = {}
    for acl in (False, True):
        for sliced in (False, True):
            lab = site(seconds=300.0)
            if not acl:
                lab.acl(False)
            operator = Operator(lab, sliced, token=TOKEN if acl else None)
            assert not operator.drain("c1", "c2", "c3", min_ready=0)["failed"]
            totals[acl, sliced] = lab.requests["total"], operator.runs
    assert totals[True, False][0] - totals[False, False][0] <= 3 + 3
    assert totals[True, True][1] >= 3, "there are slices"
    assert totals[True, True][0] - totals[False, True][0] <= 3 + totals[True, True][1]


# -- not enough --------------------------------------------------------------------------------------------------

THIN = [
    ('node { policy = "read" } namespace "*" { policy = "read" }', ["node:write", "node:read"]),
    ('node { policy = "write" }', ["read-job in every namespace;"]),
    ('node { policy = "write" } namespace "*" { capabilities = ["list-jobs"] }', ['namespace "*"', "list-jobs"]),
    ('node { policy = "write" } namespace "default" { policy = "write" }', ["every namespace but default"]),
    ('node { policy = "write" } namespace "default" { policy = "read" } namespace "hidden" { policy = "read" }', ["every namespace but default, hidden"]),
    (DRAINER + ' namespace "hidden" { policy = "deny" }', ['namespace "hidden" (deny)']),
    (DRAINER + ' namespace "hid*" { capabilities = ["list-jobs"] }', ['namespace "hid*"']),
    (DRAINER + ' namespace "not-there-yet" { policy = "deny" }', ['namespace "not-there-yet" (deny)']),
]


@by_guard
@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
@pytest.mark.parametrize(("policy", "words"), THIN)
def test_F08_what_the_token_lacks_is_named_before_any_write(guard: str, check: bool, policy: str, words: list[str]) -> None:
    lab = site(guard, policies={"thin": policy})
    result = drain(lab, check=check)
    assert result["failed"] and not writes(lab) and not is_closed(lab, "c1")
    assert all(word in result["msg"] for word in (*words, "nomad_token", LEAST)), result["msg"]


@by_guard
def test_F08_a_deny_of_a_second_policy_counts(guard: str) -> None:
    lab = site(guard, policies={"drainer": DRAINER, "but": 'namespace "hidden" { policy = "deny" }'})
    assert 'namespace "hidden" (deny)' in drain(lab)["msg"] and not writes(lab)


@by_guard
@pytest.mark.parametrize("kind", ["none", "unknown", "malformed", "anonymous may all", "no policy", "ghost"])
def test_F08_a_token_that_is_none(guard: str, kind: str) -> None:
    lab = site(guard)
    token: str | None = {"none": None, "anonymous may all": None, "unknown": "canary-0000-4000-8000-000000000000ff", "malformed": "canary"}.get(kind, TOKEN)
    if kind == "anonymous may all":
        lab.policy("anonymous", DRAINER)
    if kind == "ghost":
        lab.policy("drainer", None)
    if kind == "no policy":
        lab.token(TOKEN, policies=[])
    words = {"none": "nomad_token is not set", "anonymous may all": "nomad_token is not set", "unknown": "do not know the token"}
    words |= {"malformed": "no secret id of a token", "ghost": "no policy that exists (drainer)"}
    result = Operator(lab, token=token).drain("c1")
    assert result["failed"] and words.get(kind, "no policy that exists") in result["msg"] and not writes(lab), result["msg"]
    assert "stay closed" not in result["msg"] and "canary" not in result["msg"]


@pytest.mark.parametrize("guard", NEW)
def test_F08_a_token_that_expired_before(guard: str) -> None:
    lab = site(guard)
    lab.token(TOKEN, policies=["drainer"], ttl=5.0)
    lab.clock.sleep(10)
    result = drain(lab)
    assert result["failed"] and "has expired" in result["msg"] and not writes(lab)


# -- from some moment on ----------------------------------------------------------------------------------------


@by_new_guard
@both_ways
def test_F08_a_token_that_expires_in_mid_wait_is_named_and_so_is_what_goes_on(guard: str, sliced: bool) -> None:
    lab = site(guard)
    lab.token(TOKEN, policies=["drainer"], ttl=20.0)
    assert_goes_on(lab, drain(lab, sliced), "has expired")


@by_guard
@both_ways
def test_F08_a_token_that_is_deleted_in_mid_wait(guard: str, sliced: bool) -> None:
    lab = site(guard)
    lab.clock.after(20, lambda: lab.token(TOKEN, gone=True))
    assert_goes_on(lab, drain(lab, sliced), "it was deleted")


@by_new_guard
@both_ways
def test_F08_a_role_that_is_deleted_in_mid_wait(guard: str, sliced: bool) -> None:
    lab = site(guard)
    lab.role("drainers", ["drainer"])
    lab.token(TOKEN, roles=["drainers"])
    lab.clock.after(20, lambda: lab.role("drainers", None))
    assert_goes_on(lab, drain(lab, sliced), "role that gave it its rights was deleted")


@by_guard
@both_ways
@pytest.mark.parametrize("after", [5, 20, 32])
@pytest.mark.parametrize(
    ("thinner", "words"),
    [
        ('node { policy = "write" } namespace "default" { policy = "read" }', "every namespace but default"),
        (DRAINER + ' namespace "hidden" { policy = "deny" }', 'namespace "hidden" (deny)'),
        ('node { policy = "write" }', "read-job in every namespace"),
    ],
)
def test_F08_a_policy_that_loses_sight_in_mid_wait_makes_no_client_drained(guard: str, sliced: bool, after: int, thinner: str, words: str) -> None:
    """The lists go on with 200 and become shorter: to a half-blind token the client looks empty."""
    lab = site(guard)
    lab.clock.after(after, lambda: lab.policy("drainer", thinner))
    result = drain(lab, sliced)
    assert_true(lab, result)
    assert_goes_on(lab, result, words)


@by_guard
@both_ways
def test_F08_a_build_that_a_deadline_strikes_out_of_sight_is_not_forgotten(guard: str, sliced: bool) -> None:
    """The servers end such a drain by themselves: without a look at the policies the client would count as drained, and nobody as killed."""
    lab = site(guard)
    lab.clock.after(18, lambda: lab.policy("drainer", 'node { policy = "write" } namespace "default" { policy = "read" }'))
    result = drain(lab, sliced, deadline=20.0, allow_killing_builds=True)
    assert ends(lab)["build-1"] == "killed"
    assert result["failed"] and verdicts(result) == {"c1": "unknown"}, reasons(result)
    assert "every namespace but default" in result["msg"]


@by_guard
@both_ways
def test_F08_a_policy_that_is_written_again_with_more_is_no_fault(guard: str, sliced: bool) -> None:
    lab = site(guard)
    for after in (12, 30, 59.5, 59.9, 60.1, 60.3):
        lab.clock.after(after, lambda at=after: lab.policy("drainer", f'{DRAINER} namespace "ns-{at:g}" {{ policy = "write" }}'))
    assert_drained(lab, drain(lab, sliced), "c1")
    assert ends(lab)["build-1"] == "itself"


@by_guard
@pytest.mark.parametrize("enough", [True, False])
def test_a_fresh_token_from_the_environment_is_proved_before_a_later_slice_goes_on_with_it(guard: str, enough: bool) -> None:
    lab = site(guard, seconds=180.0)
    lab.policy("thin", 'node { policy = "write" } namespace "default" { policy = "read" }')
    lab.token(FRESH, policies=["drainer"] if enough else ["thin"])
    operator = Operator(lab, True, token=TOKEN)
    lab.clock.after(20, lambda: setattr(operator, "token", FRESH))
    lab.clock.after(90, lambda: lab.token(TOKEN, gone=True))
    result = operator.drain("c1")
    if enough:
        assert_drained(lab, result, "c1")
    else:
        assert_goes_on(lab, result, "every namespace but default")
