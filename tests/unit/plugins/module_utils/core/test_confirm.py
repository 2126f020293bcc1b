# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two reads that agree."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.confirm import Confirmations
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, settled, stuck, waiting
from hypothesis import given
from hypothesis import strategies as st

DONE, BAD, BUSY = settled("done", confirm=0.5), stuck("broken", confirm=0.5), waiting("busy")
NONE: frozenset[str] = frozenset()
A = frozenset({"a"})


def one(confirmations: Confirmations, decision: Decision, now: float, fresh: frozenset[str] = NONE) -> Decision:
    return confirmations.count({"a": decision}, fresh, now)["a"]


def test_an_end_that_asks_for_no_confirmation_counts_at_once() -> None:
    assert one(Confirmations(), settled("done"), 0.0) == settled("done")


def test_an_end_seen_once_is_waited_for_and_says_so() -> None:
    confirmations = Confirmations()
    assert one(confirmations, DONE, 1.0) == waiting("done (to be confirmed)")
    assert confirmations.next() == 1.5


def test_a_second_fresh_read_later_confirms_it() -> None:
    confirmations = Confirmations()
    one(confirmations, DONE, 1.0)
    assert confirmations.due(1.4) == NONE
    assert confirmations.due(1.5) == A
    assert one(confirmations, DONE, 1.5, A) == DONE
    assert confirmations.next() == float("inf")


def test_a_second_read_that_is_not_fresh_confirms_nothing() -> None:
    confirmations = Confirmations()
    one(confirmations, DONE, 1.0)
    assert one(confirmations, DONE, 2.0).kind == "waiting"
    assert one(confirmations, DONE, 2.1, A) == DONE


def test_a_fresh_read_too_early_confirms_nothing() -> None:
    confirmations = Confirmations()
    one(confirmations, DONE, 1.0)
    assert one(confirmations, DONE, 1.2, A).kind == "waiting"
    assert confirmations.next() == 1.5


def test_a_read_in_between_that_disagrees_starts_it_anew() -> None:
    confirmations = Confirmations()
    one(confirmations, DONE, 1.0)
    assert one(confirmations, BUSY, 1.2) == BUSY
    assert confirmations.next() == float("inf")
    assert one(confirmations, DONE, 1.6, A).kind == "waiting"


def test_an_end_of_the_other_kind_starts_it_anew() -> None:
    confirmations = Confirmations()
    one(confirmations, DONE, 1.0)
    assert one(confirmations, BAD, 1.5, A) == waiting("broken (to be confirmed)")
    assert one(confirmations, BAD, 2.0, A) == BAD


def test_what_is_confirmed_stays_so_while_reads_agree_fresh_or_not() -> None:
    confirmations = Confirmations()
    one(confirmations, DONE, 1.0)
    one(confirmations, DONE, 1.5, A)
    assert one(confirmations, DONE, 9.0) == DONE
    assert confirmations.next() == float("inf")


@pytest.mark.parametrize("flip", [BUSY, BAD], ids=["to waiting", "to the other end"])
def test_what_was_confirmed_and_then_flips_must_be_confirmed_again(flip: Decision) -> None:
    confirmations = Confirmations()
    one(confirmations, DONE, 1.0)
    one(confirmations, DONE, 1.5, A)
    one(confirmations, flip, 2.0)
    assert one(confirmations, DONE, 3.0, A).kind == "waiting"


def test_items_do_not_confirm_each_other() -> None:
    confirmations = Confirmations()
    confirmations.count({"a": DONE, "b": DONE}, NONE, 1.0)
    counted = confirmations.count({"a": DONE, "b": DONE}, A, 2.0)
    assert (counted["a"].kind, counted["b"].kind) == ("settled", "waiting")


@dataclass(frozen=True)
class Read:
    decision: Decision
    after: float
    fresh: bool


READS = st.lists(st.builds(Read, st.sampled_from([DONE, BAD, BUSY]), st.sampled_from([0.0, 0.2, 0.5, 3.0]), st.booleans()), max_size=30)


@given(READS)
def test_an_end_counts_only_after_two_agreeing_reads_the_second_fresh_and_late_enough_and_none_between_disagreeing(reads: list[Read]) -> None:
    confirmations, now, since = Confirmations(), 0.0, 0.0
    agreed: str | None = None
    proved = False
    for read in reads:
        now += read.after
        counted = one(confirmations, read.decision, now, A if read.fresh else NONE)
        if read.decision.kind != agreed:
            agreed, since, proved = read.decision.kind, now, False
        elif read.fresh and now >= since + 0.5:
            proved = True
        if counted.is_end:
            assert proved
            assert counted == read.decision
        elif read.decision.is_end:
            assert not proved, "what was proved must count"
            assert confirmations.next() <= now + 0.5
