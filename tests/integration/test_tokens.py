# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks with tokens as an operator has them: the policy that the guide prints is enough, less is refused, one that ends is named."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.clusters.base import endings, until
from integration.clusters.simulated import SimulatedCluster
from integration.playing import ROOT, Played, play

DRAIN, RELEASE = "serverops.circleci.drain", "serverops.circleci.release"
CANARY = "canary-8f1c-4000-8000-5e7d1234abcd00"
FRESH = "canary-8f1c-4000-8000-5e7d1234abcd01"
GUIDE = re.findall(r"```text\n(.*?)```", (ROOT / "docs" / "tokens.md").read_text(), re.DOTALL)[0]
LEAST = GUIDE.partition("# Not needed")[0]


@pytest.fixture
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimulatedCluster]:
    """A cluster with ACLs on, of version 1.1.2 if none is asked for, and a build in a namespace of its own."""
    made = SimulatedCluster(getattr(request, "param", "1.1.2"), tmp_path / "cluster")
    try:
        made.order("/builds", {"job": "build-1", "client": "c1", "seconds": 8, "namespace": "hidden"})
        until(lambda: list(made.witness.glob("build-1.*")), "build-1 runs")
        yield made
    finally:
        made.close()


def give(cluster: SimulatedCluster, *policies: str) -> None:
    """Tokens that hold these policies."""
    named = {f"p{number}": text for number, text in enumerate(policies)}
    cluster.order("/acl", {"enabled": True, "tokens": {secret: {"policies": list(named)} for secret in (CANARY, FRESH)}, "policies": named})


def drain(cluster: SimulatedCluster, tmp_path: Path, token: str = CANARY, playbook: str = DRAIN, nodes: str = "c1") -> Played:
    """The playbook with the token as an operator gives it, in a file of variables; nothing of it is printed."""
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"nomad_token": token}))
    played = play(playbook, {"nomad_url": cluster.url, "nomad_drain_nodes": nodes}, tmp_path / "home", "-vvvv", "--diff", "-e", f"@{given}")
    assert "canary" not in played.output
    return played


def sent(cluster: SimulatedCluster) -> list[dict[str, Any]]:
    """What was written to the servers."""
    told: Any = cluster.told("/requests")["writes"]
    return list(told)


ENOUGH = [pytest.param("1.1.2", LEAST, marks=pytest.mark.soak), ("1.7.7", LEAST), ("1.11.3", GUIDE)]


@pytest.mark.parametrize(("guarded", "policy"), ENOUGH, indirect=["guarded"])
def test_the_policy_of_the_guide_is_enough_to_drain_and_to_release(guarded: SimulatedCluster, tmp_path: Path, policy: str) -> None:
    assert 'capabilities = ["read-job"]' in LEAST and "agent" not in LEAST and "operator" in GUIDE
    give(guarded, policy)
    played = drain(guarded, tmp_path)
    assert played.code == 0, played.output
    assert endings(guarded.witness) == {"build-1": "itself"}
    assert drain(guarded, tmp_path, playbook=RELEASE).code == 0


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        (['node { policy = "write" } namespace "default" { policy = "read" }'], "every namespace but default"),
        ([LEAST, 'namespace "hidden" { policy = "deny" }'], "(deny)"),
    ],
)
def test_a_policy_that_is_not_enough_is_refused_with_what_is_missing(guarded: SimulatedCluster, tmp_path: Path, policies: list[str], words: str) -> None:
    give(guarded, *policies)
    played = drain(guarded, tmp_path)
    assert played.code == 2 and words in played.output and "nomad_token" in played.output, played.output
    assert sent(guarded) == []


def test_a_token_that_ends_in_mid_wait_is_named_and_a_fresh_one_goes_on(guarded: SimulatedCluster, tmp_path: Path) -> None:
    give(guarded, LEAST)
    guarded.order("/builds", {"job": "build-2", "client": "c2", "seconds": 45, "namespace": "hidden"})
    until(lambda: list(guarded.witness.glob("build-2.*")), "build-2 runs")

    def take_away() -> None:
        until(lambda: sent(guarded), "the drain is ordered")
        guarded.order("/acl/token", {"secret": CANARY, "gone": True})

    thief = threading.Thread(target=take_away)
    thief.start()
    played = drain(guarded, tmp_path, nodes="c2")
    thief.join()
    assert played.code == 2, played.output
    for words in ("do not know the token", "it was deleted", "stay closed", "run the same command again"):
        assert words in played.output, played.output
    journal = json.loads(max((tmp_path / "home" / "serverops-journal").iterdir()).read_text())
    assert journal["summary"] == {"unknown": 1} and DRAIN in journal["go_on"]
    assert len(sent(guarded)) == 1 and endings(guarded.witness)["build-2"] == "started"
    again = drain(guarded, tmp_path, FRESH, nodes="c2")
    assert again.code == 0 and endings(guarded.witness)["build-2"] == "itself", again.output


def test_the_list_of_clients_tells_what_the_token_is_good_for(guarded: SimulatedCluster, tmp_path: Path) -> None:
    book = tmp_path / "tell.yml"
    book.write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - serverops.circleci.nomad_node_info:\n        nomad_url: '{{ nomad_url }}'\n"
        "        nomad_token: '{{ nomad_token }}'\n      register: found\n    - ansible.builtin.debug:\n        msg: '{{ found.server.token | to_json }}'\n"
        "    - ansible.builtin.debug:\n        msg: 'builds={{ found.summary.running_builds | to_json }}'\n"
    )
    guarded.order("/builds", {"job": "build-2", "client": "c2", "seconds": 600})
    until(lambda: list(guarded.witness.glob("build-2.*")), "build-2 runs")
    for policy, drains, builds in ((LEAST, "true", "[12]"), ('node { policy = "write" }', "false", "null")):
        give(guarded, policy)
        played = drain(guarded, tmp_path, playbook=str(book))
        assert played.code == 0 and re.search(f"builds={builds}", played.output), played.output
        assert re.search(rf"may_drain\W+{drains}", played.output), played.output
