# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, schedules and names: what Go's programs take, and one clear sentence for what they do not."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core import durations
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("72h0m0s", 259200),
        ("720h", 2592000),
        ("1h30m", 5400),
        ("90m", 5400),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("250ms", 0.25),
        ("0", 0),
        ("0s", 0),
        ("10µs", 1e-5),
    ],
)
def test_a_duration_as_go_reads_it(text: str, meant: float) -> None:
    assert durations.seconds(text, "ttl") == pytest.approx(meant)


@pytest.mark.parametrize(
    "text", ["", "30d", "1w", "5", "h", "1 h", "1h 30m", " 1h", "1h\n", "-1h", "+1h", "1h30", "1.2.3s", ".s", "1H", "99999999h", "١h", "0d"]
)
def test_what_is_no_duration_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        durations.seconds(text, "backup_ttl")
    assert str(caught.value).startswith("backup_ttl is ") and "72h0m0s" in str(caught.value) and "\n" not in str(caught.value)


def test_days_are_told_as_hours() -> None:
    with pytest.raises(BadInput, match="30d is 720h"):
        durations.seconds("30d", "ttl")


@given(st.integers(0, 10**9))
def test_whole_seconds_come_back(duration: int) -> None:
    assert durations.seconds(durations.text_of(duration), "x") == duration


@pytest.mark.parametrize(("duration", "text"), [(259200, "72h0m0s"), (5400, "1h30m0s"), (90, "1m30s"), (7, "7s"), (0, "0s")])
def test_whole_seconds_as_go_writes_them(duration: float, text: str) -> None:
    assert durations.text_of(duration) == text


@pytest.mark.parametrize("text", ["a", "velero", "my-backup.2026", "0-a", "a" * 253])
def test_a_name_of_an_object(text: str) -> None:
    assert durations.checked_name(text, "name") == text


@pytest.mark.parametrize("text", ["", "Not_A_Name", "-a", "a-", "a.", ".a", "a..b", "a/b", "a b", "a\n", "é", "a" * 254])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"^backup is .*small letters"):
        durations.checked_name(text, "backup")


@pytest.mark.parametrize(("text", "fine"), [("velero", True), ("a" * 63, True), ("a.b", False), ("", False), ("a" * 64, False), ("A", False), ("a\n", False)])
def test_a_namespace_has_no_dots(text: str, fine: bool) -> None:
    if fine:
        assert durations.checked_label(text, "namespace") == text
    else:
        with pytest.raises(BadInput, match="^namespace is"):
            durations.checked_label(text, "namespace")


@pytest.mark.parametrize(
    "text",
    [
        "0 3 * * *",
        "*/15 * * * ?",
        "0 0 1,15 jan-jun MON",
        "5-50/5 0-23 31 12 6",
        "@daily",
        "@every 6h",
        "@midnight",
        "CRON_TZ=Europe/London 0 3 * * *",
        "TZ=UTC @weekly",
    ]
    + ["3/5 * * * *"],
)
def test_a_schedule(text: str) -> None:
    assert durations.checked_cron(text, "schedule") == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields"),
        ("0 3 * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("60 3 * * *", "minute '60' must be of numbers from 0 to 59"),
        ("0 24 * * *", "hour '24'"),
        ("0 0 0 * *", "day of the month '0'"),
        ("0 0 * 13 *", "month '13'"),
        ("0 0 * * 7", "day of the week '7' must be of numbers from 0 to 6 or sun"),
        ("0 0 * * mon-sun", "ends before it begins"),
        ("*/0 * * * *", "step"),
        ("*/ * * * *", "step"),
        ("*/² * * * *", "step"),
        ("1-2-3 * * * *", "minute '1-2-3'"),
        ("a * * * *", "minute 'a'"),
        ("-1 * * * *", "minute '-1'"),
        ("1, * * * *", "minute '1,'"),
        ("² * * * *", "minute"),
        ("@dayly", "the words are @yearly"),
        ("@every", "the words are"),
        ("@every 1d", "1d is 24h"),
        ("@every 10ms", "a second at least"),
        ("TZ= 0 3 * * *", "five fields"),
    ],
)
def test_what_is_no_schedule_is_refused_and_why(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=r"^schedule is ") as caught:
        durations.checked_cron(text, "schedule")
    assert words in str(caught.value)
