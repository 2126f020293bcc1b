# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens on real servers, where there are any: the guide's policy drains, an expired token is named, and our evaluation of policies is theirs."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.rights import Rights, grant_of, policy_from_api, rights_of
from integration.clusters.base import ask, endings, until
from integration.clusters.guarded import GuardedCluster
from integration.clusters.real import binaries
from integration.playing import Played, play
from integration.test_tokens import DRAIN, LEAST

NO_REAL = "no real server: put nomad on PATH or name binaries in LAB_NOMAD"
FOUND = [pytest.param(path, id="real-" + Path(path).name) for path in binaries()] or [pytest.param("", marks=pytest.mark.skip(reason=NO_REAL), id="real")]
pytestmark = pytest.mark.real
SPACES = ["default", "other", "dev-1", "dev-2", "d", "t", "our", "x", "prod-eu"]
RULES = [("", ["read-job"]), ("read", []), ("write", []), ("read", ["list-jobs"]), ("scale", []), ("deny", []), ("", ["list-jobs"]), ("", ["read-job", "deny"])]
GLOBS = ["*", "default", "other", "d*", "*t", "o*r", "dev-*", "dev-1", "p*u", "prod-*"]


@pytest.fixture(scope="module", params=FOUND)
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedCluster]:
    made = GuardedCluster(str(request.param), tmp_path_factory.mktemp("guarded"))
    try:
        if numbers(made) < (1, 0, 0):
            pytest.skip(f"Nomad {made.version} has no namespaces, or no ACLs")
        made.policy("least", LEAST)
        yield made
    finally:
        made.close()


def numbers(guarded: GuardedCluster) -> tuple[int, ...]:
    return tuple(map(int, guarded.version.split(".")))


def drain(guarded: GuardedCluster, home: Path, token: str, node: str) -> Played:
    home.mkdir(exist_ok=True)
    given = home / "given.json"
    given.write_text(json.dumps({"nomad_token": token}))
    played = play(DRAIN, {"nomad_url": guarded.url, "nomad_drain_nodes": node, "nomad_drain_min_ready": 0}, home, "-vvvv", "--diff", "-e", f"@{given}")
    assert token not in played.output
    return played


def test_the_policy_of_the_guide_drains_and_less_is_refused(guarded: GuardedCluster, tmp_path: Path) -> None:
    guarded.build("build-1", "c1", 90)
    guarded.policy("default-only", 'node { policy = "write" } namespace "default" { policy = "read" }')
    refused = drain(guarded, tmp_path, guarded.token("default-only"), "c1")
    assert refused.code == 2 and "every namespace but default" in refused.output, refused.output
    unknown = drain(guarded, tmp_path, "11111111-2222-4333-8444-555555555551", "c1")
    assert unknown.code == 2 and "do not know the token" in unknown.output, unknown.output
    malformed = drain(guarded, tmp_path, "canary", "c1")
    assert malformed.code == 2 and "no secret id of a token" in malformed.output, malformed.output
    assert endings(guarded.witness)["build-1"] == "started"
    played = drain(guarded, tmp_path, guarded.token("least"), "c1")
    assert played.code == 0 and endings(guarded.witness)["build-1"] == "itself", played.output


def test_a_token_that_expires_in_mid_wait_is_named_and_a_fresh_one_goes_on(guarded: GuardedCluster, tmp_path: Path) -> None:
    if numbers(guarded) < (1, 4, 0):
        pytest.skip(f"the tokens of Nomad {guarded.version} have no end")
    guarded.build("build-2", "c2", 60)
    played = drain(guarded, tmp_path, guarded.token("least", ttl=20), "c2")
    assert played.code == 2 and "has expired" in played.output and "stay closed" in played.output, played.output
    assert endings(guarded.witness)["build-2"] == "started"
    again = drain(guarded, tmp_path, guarded.token("least"), "c2")
    assert again.code == 0 and endings(guarded.witness)["build-2"] == "itself", again.output


def test_a_policy_that_loses_sight_in_mid_wait_ends_nothing(guarded: GuardedCluster, tmp_path: Path) -> None:
    guarded.policy("fading", LEAST)
    guarded.build("build-3", "c3", 90)
    token = guarded.token("fading")

    def fade() -> None:
        until(lambda: any(node["Name"] == "c3" and node["SchedulingEligibility"] == "ineligible" for node in guarded.nodes()), "c3 is closed", 120)
        guarded.policy("fading", 'node { policy = "write" } namespace "other" { policy = "read" }')

    fading = threading.Thread(target=fade)
    fading.start()
    played = drain(guarded, tmp_path, token, "c3")
    fading.join()
    assert played.code == 2 and "read-job" in played.output and "stay closed" in played.output, played.output
    assert endings(guarded.witness)["build-3"] == "started"
    assert drain(guarded, tmp_path, guarded.token("least"), "c3").code == 0
    assert endings(guarded.witness)["build-3"] == "itself"


def written(chance: random.Random) -> str:
    """A policy that nobody would write."""
    text = f'node {{\n policy = "{chance.choice(["read", "write", "deny"])}"\n}}\n'
    for name in chance.choice([[], ["*"]]) + chance.sample(GLOBS[1:], chance.choice([0, 1, 2, 3])):
        word, held = chance.choice(
            [("", ["read-job"]), ("read", []), ("write", []), ("scale", []), ("deny", []), ("", ["list-jobs"]), ("", ["read-job", "deny"])]
        )
        inner = (f' policy = "{word}"\n' if word else "") + (f" capabilities = {json.dumps(held)}\n" if held else "")
        text += f'namespace "{name}" {{\n{inner}}}\n'
    return text


def is_tie(rights: Rights, namespace: str) -> bool:
    """Two globs as close to it as each other: the servers take either."""
    return namespace not in rights.namespaces and len(rights._closest(namespace)) > 1


def test_our_evaluation_of_policies_is_the_servers(guarded: GuardedCluster) -> None:
    chance = random.Random(20261124)
    for name in SPACES:
        guarded.namespace(name)
    compared = proved = 0
    for number in range(120):
        names = [f"p{number}-{part}" for part in range(chance.choice([1, 1, 2, 3]))]
        for name in names:
            guarded.policy(name, written(chance))
        token = guarded.token(*names)
        told: list[Any] = [ask(f"{guarded.url}/v1/acl/policy/{name}", token=token) for name in names]
        rights = rights_of([policy for policy in map(policy_from_api, told) if policy])
        sees_all = grant_of(rights, ()).sees_all
        proved += sees_all
        for namespace in SPACES:
            really = guarded.may_read_jobs(token, namespace)
            assert really or not sees_all, (namespace, rights)
            if not is_tie(rights, namespace):
                assert rights.may(namespace, "read-job") == really, (namespace, rights)
                compared += 1
    assert compared > 800 and proved > 3
