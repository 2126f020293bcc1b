# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before the first write: the sentences. The rows by version stand in test_drain_limits.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.preflight import ready_others, refusals
from unit.plugins.module_utils.nomad.values import cordoned, draining, opened, see, server, state, wish


def alone(*nodes: Any, targets: tuple[str, ...] = ("c1",)) -> Any:
    """A cluster of these clients only."""
    seen = state("1.7.7", *nodes, targets=targets)
    return replace(seen, nodes={node.id: node for node in nodes})


@pytest.mark.parametrize(
    ("nodes", "count"),
    [
        ((opened("c1"),), 0),
        ((opened("c1"), opened("c2")), 1),
        ((opened("c1"), cordoned("c2"), draining("c3"), opened("c4", status="down"), opened("c5", status="initializing")), 0),
    ],
)
def test_who_counts_as_ready(nodes: tuple, count: int) -> None:
    assert ready_others(see(alone(*nodes))) == count


def test_each_refusal_is_one_sentence_with_its_option_and_remedy() -> None:
    seen = replace(alone(opened()), server=server("0.5.6", acl=True, paused=True))
    found = refusals(see(seen, wish(deadline=60.0, allow_killing_builds=True, min_ready=3)))
    assert len(found) == 4
    for sentence, word in zip(found, ("nomad_token", "PauseEvalBroker", "deadline is 60", "min_ready is 3"), strict=True):
        assert word in sentence and "\n" not in sentence and not sentence.endswith(".")


def test_targets_that_are_gone_refuse_nothing() -> None:
    assert refusals(see(alone(opened("c2")))) == []


def test_nothing_is_refused_on_a_healthy_cluster() -> None:
    assert refusals(see(alone(opened("c1"), opened("c2")))) == []
