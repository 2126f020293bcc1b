# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of a report: the outcome as a whole, verdicts in words, what to do next."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.plugin_utils import report_blocks as blocks
from ansible_collections.serverops.circleci.plugins.plugin_utils import report_words as words
from unit.plugins.plugin_utils.journals import journal, named, node, wanted

KILLED = node(verdict="killed", killed=[named()], reason="c1: 1 build killed by a drain")
UNFINISHED = node("c2", "unfinished", running=[named("b2")], reason="c2 drains; 1 build left")
ALLOWED = wanted(allow_killing_builds=True, deadline=30.0)
LIFT = wanted(state="eligible")
CLOSED = node(verdict="unfinished", reason="c1 was closed by somebody who left no mark; set take_over")


@pytest.mark.parametrize(
    ("given", "tone", "word", "says"),
    [
        (journal(node(), node("c2")), "good", "As asked", "2 of 2 clients are drained."),
        (journal(node(), changed=False), "good", "As asked", "c1 is drained. Nothing had to be changed."),
        (journal(node(), UNFINISHED, phase="failed", message="too late"), "bad", "Not as asked", "1 of 2 clients is drained; 1 is unfinished (c2). What the"),
        (journal(KILLED, phase="failed", message="killed"), "bad", "Not as asked", "c1 is killed."),
        (journal(KILLED, wish=ALLOWED), "warn", "Done, with kills", "1 build was killed, as allowed."),
        (journal(UNFINISHED, wish=wanted(wait=False)), "warn", "Ordered", "told not to wait"),
        (journal(phase="failed", message="nodes holds 'c9', but"), "bad", "Refused", "Nothing was changed. What it said: nodes holds 'c9', but."),
        (journal(phase="failed", crashed=True, message="Module failed"), "bad", "Not known", "could not tell what it did"),
        (journal(phase="begun"), "warn", "Not ended", "under way, or it was broken off"),
        (journal(node(), check_mode=True), "plain", "Foretold", "Nothing was changed. The real run would end so, by 1 order."),
        (journal(node(verdict="reopened"), check_mode=True, phase="failed", message="no"), "bad", "Foretold to fail", "The real run would fail: no."),
    ],
)
def test_the_outcome_as_a_whole(given: dict[str, Any], tone: str, word: str, says: str) -> None:
    how = words.outcome(given)
    assert (how["tone"], how["word"]) == (tone, word)
    assert says in how["lead"]
    assert how["sign"], "not by colour alone"


def commands(given: dict[str, Any]) -> list[str]:
    return [step["command"] for step in words.next_steps(given)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (journal(node()), ["UNDO"]),
        (journal(node(), UNFINISHED, phase="failed"), ["GO ON", "UNDO"]),
        (journal(node(verdict="lost", lost=[named()]), phase="failed"), ["LOOK", "GO ON", "UNDO"]),
        (journal(node(verdict="unknown"), phase="failed"), ["LOOK", "GO ON", "UNDO"]),
        (journal(KILLED, phase="failed"), ["LOOK", "UNDO"]),
        (journal(node(verdict="gone"), phase="failed"), ["LOOK", "UNDO"]),
        (journal(phase="failed", message="no"), ["GO ON"]),
        (journal(phase="failed", crashed=True), ["LOOK", "GO ON"]),
        (journal(phase="begun"), ["GO ON", "UNDO"]),
        (journal(phase="begun", wish=LIFT, undo=""), ["GO ON"]),
        (journal(node(), check_mode=True), ["GO ON"]),
        (journal(node(verdict="eligible"), wish=LIFT), []),
        (journal(CLOSED, wish=LIFT, phase="failed"), ["GO ON", "GO ON -e nomad_drain_take_over=true"]),
    ],
)
def test_what_to_do_next_in_order(given: dict[str, Any], expected: list[str]) -> None:
    assert commands(given) == expected
    assert all(step["words"] for step in words.next_steps(given))


def test_the_way_back_of_a_run_that_was_killed_says_what_an_old_nomad_needs() -> None:
    back = words.next_steps(journal(phase="begun", undo_note="on Nomad before 1.1 with more behind it"))[1]
    assert back["words"] == "To give up, make the clients eligible again; on Nomad before 1.1 with more behind it."
    assert words.next_steps(journal(phase="begun"))[1]["words"] == "To give up, make the clients eligible again."


def test_what_is_lost_and_what_was_killed_is_told_by_what_to_look_for() -> None:
    first = words.next_steps(journal(KILLED, node("c2", "lost", lost=[named()]), phase="failed"))[0]
    assert "machines of the lost clients" in first["words"] and "killed builds again" in first["words"]


def test_a_verdict_in_words_gives_the_reason_where_it_says_more() -> None:
    assert words.in_words(node()) == "closed and empty, seen twice"
    assert words.in_words(UNFINISHED) == "not as asked yet: c2 drains; 1 build left"
    assert "somebody else had closed it" in words.in_words(node(joined=True))
    assert "keeps no mark" in words.in_words(node(joined=True, mark="none"))


def test_a_kill_that_was_allowed_is_a_warning_and_a_loss_never() -> None:
    assert [words.tone_of(node(verdict=verdict), True) for verdict in ("killed", "lost", "unknown", "drained")] == ["warn", "bad", "warn", "good"]
    assert words.tone_of(KILLED, False) == "bad"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 min"), (61, "1 min 1 s"), (725, "12 min 5 s"), (3599.9, "1 h"), (18180, "5 h 3 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert blocks.duration(seconds) == text


def test_titles_and_names() -> None:
    assert words.title(journal(node("a"), node("b"), wish=LIFT)) == "Release of a and b"
    assert words.title(journal(*(node(name) for name in "abcd"))) == "Drain of 4 clients"
    assert words.title(journal(phase="failed", wish=wanted(nodes="c1,c9"))) == "Drain of c1,c9"
    assert blocks.few(["a", "b", "c", "d"]) == "a, b, c and d"
    assert blocks.few([str(n) for n in range(9)]) == "0, 1, 2 and 6 more"
    assert blocks.moment("2026-11-24T20:59:07Z") == "2026-11-24 20:59:07 UTC"
