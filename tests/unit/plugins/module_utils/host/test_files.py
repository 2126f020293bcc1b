# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for files that belong together: a mark, all files, one note; nothing where one of them cannot be written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.fold import fold
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.host import files
from ansible_collections.serverops.circleci.plugins.module_utils.host.files import Begin, LeaveNote, Write
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import FileState, FileWish, HostSpec, HostState
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import ClearNote, Note

SPEC = HostSpec(
    "proxy", (FileWish("/a", "exports", {"A": None}, restart="app"), FileWish("/b", "exports", {"A": None}, restart="app"), FileWish("/c", "apt", {}))
)
DONE = FileState("/x", True, True, {}, {})
DIFFERS = replace(DONE, as_wanted=False)
STUCK = replace(DIFFERS, hindrance="/x is immutable")
MISREAD = replace(DONE, misread="a shell reads A otherwise")
LEFT = replace(DIFFERS, left_alone="not read any more")
RESTART = "restart of app"


def look(a: FileState, b: FileState, c: FileState = DONE, begun: bool = False, noted: bool = False) -> Look[HostSpec, HostState]:
    one = frozenset({"app"})
    return Look(SPEC, HostState({"/a": a, "/b": b, "/c": c}, one if begun else frozenset(), one if noted else frozenset()))


def due(at: Look[HostSpec, HostState]) -> list[object]:
    return [step for decision in files.decide(at).values() for step in decision.steps]


@pytest.mark.parametrize(
    ("at", "steps"),
    [
        (look(DONE, DONE), []),
        (look(DONE, DONE, noted=True), []),
        (look(DIFFERS, DONE), [Begin("app")]),
        (look(DIFFERS, DIFFERS, begun=True), [Write("/a", ("A",)), Write("/b", ("A",))]),
        (look(DONE, DIFFERS, begun=True), [Write("/b", ("A",))]),
        (look(DONE, DONE, begun=True), [LeaveNote("app")]),
        (look(DONE, DONE, DIFFERS), [Write("/c", ())]),
        (look(DONE, DIFFERS, DIFFERS), [Write("/c", ()), Begin("app")]),
        (look(DONE, LEFT), []),
        (look(MISREAD, DONE, begun=True), []),
    ],
)
def test_what_is_due(at: Look[HostSpec, HostState], steps: list[object]) -> None:
    assert due(at) == steps


def test_a_hindrance_counts_only_where_something_is_to_be_done() -> None:
    assert files.refusals(look(STUCK, DONE)) == ["/x is immutable"]
    assert files.refusals(look(replace(STUCK, as_wanted=True), replace(LEFT, hindrance="x"))) == []


def test_what_is_misread_asks_for_no_restart() -> None:
    decisions = files.decide(look(MISREAD, DONE, begun=True))
    assert decisions["/a"].kind == "stuck" and decisions[RESTART].kind == "stuck" and "/a is not as wanted" in decisions[RESTART].reason


def test_a_note_is_taken_away_once_its_restart_was_made() -> None:
    note = Note("proxy (app)", "proxy changed", datetime(2026, 3, 4, tzinfo=timezone.utc), "app")
    done, differs = look(DONE, DONE, noted=True), look(DIFFERS, DONE, noted=True)
    served = [replace(at, state=replace(at.state, served=(note,))) for at in (done, differs)]
    assert due(served[0]) == [ClearNote(note, RESTART)] and due(served[1]) == [Begin("app")], "what is not written yet is noted anew"
    end = fold(files, served[0], True)
    assert [step["step"] for step in end.steps] == ["clear"] and end.look.state.noted == frozenset()
    again = fold(files, served[1], True)
    assert [step["step"] for step in again.steps] == ["begin", "write", "note"] and again.look.state.noted == {"app"}


def test_check_mode_goes_the_whole_way() -> None:
    end = fold(files, look(DIFFERS, DIFFERS, DIFFERS), True)
    assert [step["step"] for step in end.steps] == ["write", "begin", "write", "write", "note"]
    assert end.look.state.noted == {"app"} and end.look.state.begun == frozenset()
    told = files.view(end.look, end.decisions)
    assert told["restart_required"] and told["restarts"] == ["app"]
