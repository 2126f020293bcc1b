# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a token by what real servers answered it, 0.9.3 to 1.11.3; and what is said of one that they refuse."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Grant, version_from_text
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.rights import LEAST
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.servers import TokenFell, is_still_proved, naming_the_token
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.tokens import MANAGEMENT, named, prove
from unit.plugins.module_utils.nomad.script import URL, Said, ok, scripted, text

HERE = Path(__file__).parent / "recorded"
CANARY = "canary-8f1c-0000-0000-5e7d1234abcd"
SELF, POLICIES, NODES, SPACES = "/v1/acl/token/self", "/v1/acl/policies", "/v1/nodes", "/v1/namespaces"
MORE = "acl-more"
NEW = ("1.7.7", "1.11.3")
BY_JSON = ("1.1.2", *NEW)
EVERY = ("0.9.3", "0.11.3", *BY_JSON)


@cache
def lines(version: str, scenario: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (HERE / version / f"{scenario}.jsonl").read_text().splitlines()]
    return [line for line in found if "request" in line]


def recorded(version: str, scenario: str, token: str, path: str, at: float = 0.0) -> Said:
    """What this token was answered there, `at` seconds after the scenario began or later."""
    for line in lines(version, scenario):
        asked, got = line["request"], line["response"]
        if (asked["token"], asked["path"]) == (token, path) and line.get("until", line["t"]) >= at:
            body = got["body"] if isinstance(got["body"], str) and got["status"] != 200 else json.dumps(got["body"])
            return Said(body, got["status"], got["headers"], asked=f"GET {path}")
    raise AssertionError(f"{version} {scenario}: no {path} by {token}")


def proof(version: str, *answers: Said, token: str | None = CANARY) -> Grant | None:
    with scripted(*answers, connection=NomadConnection(URL, Secret.maybe(token))) as (client, _script, _clock):
        return prove(client, version_from_text(version), 5.0)


def thin(version: str, token: str) -> list[Said]:
    return [recorded(version, "acl-thin-tokens", token, path) for path in (SELF, POLICIES, f"/v1/acl/policy/{token}")]


def words(found: Grant | None) -> str:
    assert found is not None and not found.writes and not found.sees_all
    assert "nomad_token" in found.words and "\n" not in found.words and not found.words.endswith(".") and CANARY not in found.words
    return found.words


# -- proved, by recordings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", EVERY)
def test_a_management_token_takes_one_request(version: str) -> None:
    found = proof(version, recorded(version, "acl", "management", SELF))
    assert found == Grant(True, True, "", (MANAGEMENT,), lists_all=True)


@pytest.mark.parametrize("version", BY_JSON)
@pytest.mark.parametrize(
    ("token", "writes", "sees_all", "said"),
    [
        ("drain-and-read-job", True, True, []),
        ("drain-only", True, False, ["read-job in every namespace;", "as empty"]),
        ("drain-and-list", True, False, ['namespace "*"', "list-jobs"]),
        ("drain-default-only", True, False, ["every namespace but default"]),
        ("drain-but-deny", True, False, ['namespace "other" (deny)']),
    ],
)
def test_a_token_by_its_own_policies(version: str, token: str, writes: bool, sees_all: bool, said: list[str]) -> None:
    found = proof(version, *thin(version, token))
    assert found is not None and (found.writes, found.sees_all) == (writes, sees_all)
    assert all(part in found.words for part in said) and bool(found.words) == bool(said)
    assert [stamp.partition(":")[0] for stamp in found.proof] == ([] if said else [token]), "what was not enough is no proof for later"


@pytest.mark.parametrize("version", NEW)
def test_from_1_6_a_blind_token_is_refused_the_list_too(version: str) -> None:
    """What the policies say is what the servers do: /v1/allocations?namespace=* is 403 for the blind, and 200 for the half-blind."""
    for token, status in (("drain-only", 403), ("drain-and-list", 403), ("drain-default-only", 200), ("drain-but-deny", 200), ("drain-and-read-job", 200)):
        assert recorded(version, "acl-thin-tokens", token, "/v1/allocations?namespace=*").status == status


@pytest.mark.parametrize("version", NEW)
def test_the_policies_of_a_role_count(version: str) -> None:
    by_role = [recorded(version, "acl-roles-expiry", "by-role", path) for path in (SELF, POLICIES)]
    found = proof(version, *by_role, recorded(version, "acl-thin-tokens", "drain-and-read-job", "/v1/acl/policy/drain-and-read-job"))
    assert found is not None and found.writes and found.sees_all


@pytest.mark.parametrize("version", BY_JSON)
@pytest.mark.parametrize("token", ["drain-and-read-job", "drain-only", "drain-but-deny", "no-such-policy", "none", "unknown", "management"])
def test_a_proof_holds_while_the_token_has_the_same_policies_in_the_same_state(version: str, token: str) -> None:
    first = proof(version, *thin(version, "drain-and-read-job"))
    assert first is not None
    with scripted(recorded(version, "acl-thin-tokens", token, POLICIES)) as (client, _script, _clock):
        assert is_still_proved(client, first.proof, 5.0) is (token == "drain-and-read-job")


@pytest.mark.parametrize("version", BY_JSON)
@pytest.mark.parametrize("token", ["management", "drain-and-read-job", "none", "unknown"])
def test_a_management_token_is_still_one_by_its_own_word(version: str, token: str) -> None:
    with scripted(recorded(version, "acl-thin-tokens", token, SELF)) as (client, _script, _clock):
        assert is_still_proved(client, (MANAGEMENT,), 5.0) is (token == "management")


@pytest.mark.parametrize("version", NEW)
@pytest.mark.parametrize("kind", ["client", MANAGEMENT])
def test_the_end_of_a_token_is_a_hint(version: str, kind: str) -> None:
    told = json.loads(recorded(version, "acl-roles-expiry", "short", SELF).body)
    found = proof(version, ok({**told, "Type": kind}), *(thin(version, "drain-and-read-job")[1:] if kind == "client" else []))
    assert found is not None and found.sees_all and found.hints[-1] == f"the token expires at {told['ExpirationTime'][:19]}Z"


# -- not proved, by recordings -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", EVERY)
def test_anonymous_is_not_without_acls(version: str) -> None:
    """1.1.2 gives somebody without a token 200 and empty lists; 1.11.3 even a token's body."""
    said = words(proof(version, recorded(version, "acl", "none", SELF), token=None))
    assert "nomad_token is not set" in said and LEAST in said


@pytest.mark.parametrize("version", EVERY)
def test_an_unknown_token(version: str) -> None:
    assert "do not know the token" in words(proof(version, recorded(version, "acl", "unknown", SELF)))


@pytest.mark.parametrize("version", BY_JSON)
def test_a_token_whose_policy_does_not_exist(version: str) -> None:
    found = proof(version, *[recorded(version, "acl-thin-tokens", "no-such-policy", path) for path in (SELF, POLICIES)])
    assert "no policy that exists (ghost)" in words(found)


@pytest.mark.parametrize("version", BY_JSON)
def test_an_anonymous_policy_that_allows_all_is_no_token(version: str) -> None:
    """The servers would let it drain, and show it everything for now; whoever forgot the token meant another."""
    assert recorded(version, MORE, "none", NODES).status == 200
    assert "nomad_token is not set" in words(proof(version, recorded(version, MORE, "none", SELF), token=None))


@pytest.mark.parametrize("version", BY_JSON)
def test_a_malformed_token(version: str) -> None:
    assert "no secret id of a token" in words(proof(version, recorded(version, MORE, "malformed", SELF)))


@pytest.mark.parametrize("version", BY_JSON)
def test_a_deleted_token(version: str) -> None:
    assert "it was deleted" in words(proof(version, recorded(version, MORE, "gone", SELF)))


@pytest.mark.parametrize("version", NEW)
def test_a_token_whose_role_was_deleted(version: str) -> None:
    found = proof(version, *[recorded(version, MORE, "by-role", path) for path in (SELF, POLICIES)])
    assert "role that gave it its rights was deleted" in words(found)


@pytest.mark.parametrize("version", NEW)
def test_an_expired_token(version: str) -> None:
    """On 1.7 it still reads itself, and nothing else."""
    asked = (SELF, POLICIES) if version == "1.7.7" else (SELF,)
    said = words(proof(version, *[recorded(version, MORE, "short", path) for path in asked]))
    assert "has expired" in said and ("(its time was 2026-11-2" in said) == (version == "1.7.7")


@pytest.mark.parametrize(("version", "sees"), [("1.1.2", False), ("1.7.7", False), ("1.11.3", True)])
def test_what_scale_stands_for_the_servers_say(version: str, sees: bool) -> None:
    answers = [ok({"Type": "client"}), ok([{"Name": "scale"}]), recorded(version, MORE, "scale", "/v1/acl/policy/scale")]
    found = proof(version, *answers)
    assert found is not None and not found.writes and found.sees_all is sees


@pytest.mark.parametrize("version", BY_JSON)
def test_a_policy_that_is_written_again_is_another_state(version: str) -> None:
    whole = recorded(version, MORE, "drain-and-read-job", "/v1/acl/policy/drain-and-read-job")
    first = proof(version, ok({"Type": "client"}), ok([{"Name": "drain-and-read-job"}]), whole)
    assert first is not None and first.sees_all
    before, after = [
        line["response"]["body"] for line in lines(version, MORE) if (line["request"]["token"], line["request"]["path"]) == ("drain-and-read-job", POLICIES)
    ]
    for told, still in ((before, False), (after, True)):
        with scripted(ok(told)) as (client, _script, _clock):
            assert is_still_proved(client, first.proof, 5.0) is still


def test_a_token_that_may_not_read_its_own_policies_proves_nothing() -> None:
    found = proof("1.7.7", recorded("1.7.7", "acl-thin-tokens", "drain-only", SELF), text(403, "Permission denied", asked=f"GET {POLICIES}"))
    assert "may not read its own policies" in words(found)


def test_a_policy_that_goes_away_while_it_is_read() -> None:
    answers = thin("1.7.7", "drain-and-read-job")[:2]
    assert "went away" in words(proof("1.7.7", *answers, text(404, "ACL policy not found")))


# -- before 1.0 -------------------------------------------------------------------------------------------------


def held(version: str, rules: dict[str, Any] | None) -> list[Said]:
    """A token as 0.9.3 and 0.11.3 recorded it; its policy in the later shape, which these recordings lack."""
    policy = {"Name": "drain-and-read", "Rules": "...", **({"RulesJSON": rules} if rules else {})}
    return [
        recorded(version, "acl", "drain-and-read", SELF),
        ok([{"Name": "drain-and-read"}], asked=f"GET {POLICIES}"),
        ok(policy, asked="GET /v1/acl/policy/drain-and-read"),
    ]


@pytest.mark.parametrize("version", ["0.9.3", "0.11.3"])
def test_a_policy_told_as_text_alone_is_no_proof(version: str) -> None:
    said = words(proof(version, *held(version, None)))
    assert "policy drain-and-read as text only" in said and "management token" in said


DEFAULT_ONLY = {"Node": {"Policy": "write"}, "Namespaces": [{"Name": "default", "Policy": "read", "Capabilities": ["read-job"]}]}


def test_before_1_0_without_a_licence_default_is_the_only_namespace() -> None:
    found = proof("0.11.3", *held("0.11.3", DEFAULT_ONLY), recorded("0.11.3", "acl", "drain-and-read", SPACES))
    assert found is not None and found.writes and found.sees_all


@pytest.mark.parametrize("answer", [ok([{"Name": "default"}]), text(403, "Permission denied"), text(404, "")])
def test_before_1_0_with_a_licence_it_is_not(answer: Said) -> None:
    found = proof("0.11.3", *held("0.11.3", DEFAULT_ONLY), answer)
    assert found is not None and not found.sees_all


def test_before_1_0_nothing_is_asked_of_namespaces_that_cannot_help() -> None:
    rules = {"Node": {"Policy": "write"}, "Namespaces": [{"Name": "default", "Policy": "scale"}]}
    found = proof("0.11.3", *held("0.11.3", rules))
    assert found is not None and not found.sees_all


# -- off, unanswered ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404])
def test_acls_that_are_off_say_so(status: int) -> None:
    assert proof("1.1.2", text(status, "ACL support disabled")) is None


def test_no_answer_is_neither_proof_nor_refusal() -> None:
    with scripted(*[text(500, "rpc error")] * 30) as (client, script, _clock):
        with pytest.raises(Unreachable):
            prove(client, (1, 7, 7), 5.0)
        script.left.clear()


@pytest.mark.parametrize("body", ["text", 7, None])
def test_a_self_that_is_not_nomads_is_no_proof(body: Any) -> None:
    with scripted(ok(body), connection=NomadConnection(URL, Secret(CANARY))) as (client, _script, _clock), pytest.raises(Unreachable, match="another service"):
        prove(client, (1, 7, 7), 5.0)


@pytest.mark.parametrize("body", [{"Name": 7}, [{"no": "name"}], "text"])
def test_what_is_not_nomads_is_no_proof(body: Any) -> None:
    answers = [recorded("1.7.7", "acl-thin-tokens", "drain-only", SELF), ok(body, asked=f"GET {POLICIES}")]
    with scripted(*answers, connection=NomadConnection(URL, Secret(CANARY))) as (client, _script, _clock), pytest.raises(Unreachable, match="another service"):
        prove(client, (1, 7, 7), 5.0)


# -- naming a refusal -------------------------------------------------------------------------------------------

DENIED = NotPermitted("nomad.example:4646 refused (403: Permission denied); nomad_token is missing")


def test_a_refusal_is_named_by_what_is_wrong_with_the_token() -> None:
    with scripted(recorded("1.11.3", "acl-roles-expiry", "short", SELF, at=23.0), connection=NomadConnection(URL, Secret(CANARY))) as (client, _script, _clock):
        said = named(client, DENIED, 5.0)
    assert said.startswith("nomad.example:4646 refused (403: Permission denied): the token in nomad_token has expired") and CANARY not in said


@pytest.mark.parametrize("answers", [thin("1.7.7", "drain-and-read-job"), [text(502, "")] * 9], ids=["a good token", "no answer"])
def test_a_refusal_that_the_token_does_not_explain_keeps_its_words(answers: list[Said]) -> None:
    connection = NomadConnection(URL, Secret(CANARY))
    with scripted(*answers, connection=connection) as (client, script, _clock), pytest.raises(NotPermitted) as raised:
        try:
            with naming_the_token(client, "; go on"):
                raise DENIED
        finally:
            script.left.clear()
    assert str(raised.value) == f"{DENIED.args[0]}; go on"


def test_our_own_doubt_needs_no_more_requests() -> None:
    with scripted() as (client, _script, _clock):
        with pytest.raises(NotPermitted, match="^it fell; go on$"), naming_the_token(client, "; go on"):
            raise TokenFell("it fell")


# -- still proved ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "still"),
    [
        (ok([{"Name": "p", "Hash": "h", "ModifyIndex": 3}]), True),
        (ok([{"Name": "p", "Hash": "h", "ModifyIndex": 4}]), False),
        (ok([{"Name": "p", "Hash": "h", "ModifyIndex": 3}, {"Name": "q", "Hash": "h", "ModifyIndex": 3}]), False),
        (ok([]), False),
        (ok(None), False),
        (ok({"Type": "management"}), False),
        (text(403, "Permission denied"), False),
    ],
)
def test_a_proof_holds_while_the_policies_are_the_same(answer: Said, still: bool) -> None:
    with scripted(answer) as (client, _script, _clock):
        assert is_still_proved(client, ("p:h:3",), 5.0) is still


def test_an_empty_list_of_policies_never_counts_as_a_proof() -> None:
    with scripted(ok([])) as (client, _script, _clock):
        assert not is_still_proved(client, (), 5.0)
