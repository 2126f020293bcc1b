# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode: the same decisions, folded in memory over the steps' effects and the waits' good ends; nothing is applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, Rules

ROUNDS = 10_000


class Folded(NamedTuple):
    """Where the fold ended, and by which steps."""

    look: Look[Any, Any]
    decisions: Mapping[str, Decision]
    steps: list[Json]
    unknown: bool = False


def fold(rules: Rules[Any, Any], look: Look[Any, Any], wait: bool) -> Folded:
    """Run to the end in memory; stops early at something unknown, since that is never assumed away."""
    steps: list[Json] = []
    for _round in range(ROUNDS):
        look = replace(look, memory=rules.remember(look))
        decisions = rules.decide(look)
        if wait and any(decision.unknown for decision in decisions.values()):
            return Folded(look, decisions, steps, unknown=True)
        due = [step for decision in decisions.values() for step in decision.steps]
        open_items = [item for item, decision in decisions.items() if decision.kind == "waiting"]
        if (not due and not open_items) or (not wait and (steps or not due)):
            return Folded(look, decisions, steps)
        before = look.state
        look = replace(look, still={}, phases={}, now=None)  # measured on the real state, they say nothing of an imagined one
        for step in due:
            steps.append(step.describe())
            look = replace(look, state=rules.effect(look.state, step))
        for item in open_items if not due else ():
            look = replace(look, state=rules.assume(look, item))
        if look.state == before:
            raise AssertionError(f"a round of check mode changed nothing: {[d.reason for d in decisions.values()]}")
    raise AssertionError(f"check mode found no end in {ROUNDS} rounds")
