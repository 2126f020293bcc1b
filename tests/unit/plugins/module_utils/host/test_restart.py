# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes that something waits for a restart: names, texts, times, merging."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import (
    DOCKER,
    LONGEST_WHY,
    Note,
    is_satisfied,
    merged,
    note_name,
    parse_note,
    parse_time,
    render_note,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, 89, timezone.utc)
WHATS = ("/etc/circle-installation-customizations", "settings", "../../etc/passwd", "a b", "a-b", "A-b", "", ".", "x" * 300, "Straße", "\n", "x.json", "\udc80")


def test_names_are_safe_and_no_two_are_equal() -> None:
    names = [note_name(what) for what in WHATS]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*\.json", name) and len(name) < 100 for name in names), names
    assert len(set(names)) == len(WHATS)
    assert names == [note_name(what) for what in WHATS]


@pytest.mark.parametrize("note", [Note("settings", "hostname was changed", NOW), Note("/etc/docker/daemon.json", 'a "word"\nmore', NOW, DOCKER)])
def test_a_note_is_read_as_it_was_written(note: Note) -> None:
    assert parse_note(render_note(note)) == note


def test_what_has_no_restart_is_about_the_app() -> None:
    assert parse_note('{"what": "x", "why": "y", "time": "2026-03-04T05:06:07Z"}').restart == "app"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("[]", "what, why and time"),
        ('{"what": "x", "why": "y"}', "what, why and time"),
        ('{"what": "", "why": "y", "time": "2026-03-04T05:06:07Z"}', "what, why and time"),
        ('{"what": 1, "why": "y", "time": "2026-03-04T05:06:07Z"}', "what, why and time"),
        ('{"what": "x", "why": "y", "time": "today"}', "no time"),
        ('{"what": "x", "why": "y", "time": "2026-13-04T05:06:07Z"}', "no time"),
        ('{"what": "x", "why": "y", "time": "2026-03-04T05:06:07Z", "restart": "all"}', "one of app, docker, nomad"),
    ],
)
def test_what_is_no_note_is_told(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_note(text)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-03-04T05:06:07Z", 0),
        ("2026-03-04T05:06:07.5Z", 500000),
        ("2026-03-04T05:06:07.123456789Z", 123456),
        ("2026-03-04T07:06:07.000001+02:00", 1),
        ("2026-03-04T05:06:07.089Z", 89000),
    ],
)
def test_times_of_docker_and_of_notes(text: str, microseconds: int) -> None:
    assert parse_time(text) == NOW.replace(microsecond=microseconds)


def test_one_note_for_two_changes_of_one_thing() -> None:
    first, second = Note("settings", "hostname was changed", NOW), Note("settings", "ssl_cert was changed", NOW + timedelta(seconds=9))
    both = merged(first, second)
    assert (both.why, both.time) == ("hostname was changed; ssl_cert was changed", second.time)
    assert merged(both, first).time == second.time, "never back in time"
    assert merged(both, first).why == both.why, "a reason stands once"
    long = merged(Note("settings", "x" * LONGEST_WHY, NOW), second)
    assert long.why == second.why


def test_what_started_before_or_with_the_note_has_not_read_it() -> None:
    note = Note("settings", "hostname was changed", NOW)
    later = [is_satisfied(note, NOW + timedelta(microseconds=shift)) for shift in (-1, 0, 1)]
    assert later == [False, False, True]
