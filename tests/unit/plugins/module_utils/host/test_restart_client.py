# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of the notes on a real file system: modes, renewal, clearing, what is refused."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import note_name, render_mark
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts

NOW = datetime(2026, 3, 4, 5, 6, 7, 0, timezone.utc)
SECOND = timedelta(seconds=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "serverops" / "pending-restart.d"


@pytest.fixture
def pending(folder: Path) -> PendingRestarts:
    return PendingRestarts(str(folder))


def test_without_a_folder_nothing_is_pending(folder: Path, pending: PendingRestarts) -> None:
    assert pending.notes() == ()
    assert not folder.exists(), "looking makes nothing"


def test_a_note_is_left_for_all_to_read_whatever_the_umask(folder: Path, pending: PendingRestarts) -> None:
    for umask in (0o077, 0o000):
        before = os.umask(umask)
        try:
            pending.leave(f"file {umask}", "it was changed", NOW)
        finally:
            os.umask(before)
    assert [oct(path.stat().st_mode & 0o777) for path in (folder.parent, folder)] == ["0o755", "0o755"]
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o644"}
    assert [note.what for note in pending.notes()] == ["file 0", "file 63"]


def test_the_oldest_comes_first_and_one_thing_has_one_note(pending: PendingRestarts) -> None:
    pending.leave("a", "first", NOW + SECOND)
    pending.leave("b", "second", NOW)
    pending.leave("a", "third", NOW + 2 * SECOND)
    assert [(note.what, note.why, note.time - NOW) for note in pending.notes()] == [("b", "second", 0 * SECOND), ("a", "first; third", 2 * SECOND)]


def test_a_note_that_was_renewed_meanwhile_stays(pending: PendingRestarts) -> None:
    pending.leave("a", "first", NOW)
    pending.leave("b", "second", NOW)
    seen = pending.notes()
    pending.leave("a", "first", NOW + SECOND)
    pending.settle(seen)
    assert [note.what for note in pending.notes()] == ["a"]
    pending.settle(seen)
    assert len(pending.notes()) == 1
    pending.clear([note_name("a"), note_name("not there")])
    assert pending.notes() == ()


def test_a_name_leads_nowhere_else(folder: Path, pending: PendingRestarts) -> None:
    other = folder.parent / "other.json"
    pending.leave("a", "first", NOW)
    other.write_text("{}")
    with pytest.raises(Refused, match="no name of a file"):
        pending.clear(["../other.json"])
    assert other.exists()


@pytest.mark.parametrize("text", ["", "{}", '{"what": "other", "why": "y", "time": "2026-03-04T05:06:07Z"}'])
def test_what_cannot_be_read_is_not_taken_for_nothing(text: str, folder: Path, pending: PendingRestarts) -> None:
    pending.leave("a", "first", NOW)
    (folder / note_name("a")).write_text(text)
    with pytest.raises(Refused, match="restart note .*a-"):
        pending.notes()


def test_what_is_no_note_by_its_name_is_left_alone(folder: Path, pending: PendingRestarts) -> None:
    pending.leave("a", "first", NOW)
    (folder / "README").write_text("by hand")
    (folder / ".serverops-half").write_text("{")
    (folder / "dir.json").mkdir()
    assert len(pending.notes()) == 1


@pytest.mark.parametrize("spoil", ["writable", "link"])
def test_a_folder_that_others_can_fill_is_refused(spoil: str, folder: Path, pending: PendingRestarts) -> None:
    folder.parent.mkdir(mode=0o755)
    if spoil == "writable":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        (folder.parent / "elsewhere").mkdir(mode=0o755)
        folder.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(Refused, match="nobody else may write to"):
        pending.leave("a", "first", NOW)
    assert list(folder.iterdir()) == []


def _many(folder: str, mine: str) -> None:
    pending = PendingRestarts(folder)
    for turn in range(50):
        pending.leave("shared", mine, NOW + turn * SECOND)
        pending.leave(mine, "own", NOW)
        pending.settle([note for note in pending.notes() if note.what == mine])


def test_two_who_write_at_once_lose_nothing(folder: Path, pending: PendingRestarts) -> None:
    context = get_context("fork")
    both = [context.Process(target=_many, args=(str(folder), name)) for name in ("one", "two")]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert [one.exitcode for one in both] == [0, 0]
    notes = pending.notes()
    assert [(note.what, note.time) for note in notes] == [("shared", NOW + 49 * SECOND)]
    assert set(notes[0].why.split("; ")) == {"one", "two"}
    assert [path.name for path in folder.iterdir()] == [notes[0].name]


def test_a_change_that_began_and_left_no_note_is_half_done(folder: Path, pending: PendingRestarts) -> None:
    assert pending.half_done() == ()
    marks = Path(f"{folder}.begun")
    marks.mkdir(parents=True)
    (marks / "a.json").write_text(render_mark("proxy (app)", "app"))
    (marks / "b.json").write_text(render_mark("proxy (docker)", "docker"))
    (marks / "old-1234.json").write_text("{}\n")
    assert pending.half_done() == ("old-1234.json", "proxy (app)")
    assert pending.half_done("docker") == ("proxy (docker)",)
