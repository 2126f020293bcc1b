# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Go reads them, times as Kubernetes writes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import checked_duration, epoch_of, seconds_of, text_of
from hypothesis import given
from hypothesis import strategies as st

GOOD = [
    ("720h0m0s", 2592000.0),
    ("1h30m", 5400.0),
    ("0", 0.0),
    ("0s", 0.0),
    ("1.5h", 5400.0),
    (".5s", 0.5),
    ("-1h", -3600.0),
    ("+2m", 120.0),
    ("300ms", 0.3),
    ("1us", 1e-6),
]
BAD: list[Any] = ["30d", "1w", "", "h", "1", "1 h", "720", "1h 30m", "-", "one hour", None, 30, "99999999999h", "1H", "1.2.3s"]


@pytest.mark.parametrize(("text", "seconds"), GOOD)
def test_what_go_reads_we_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", BAD)
def test_what_go_cannot_read_is_none(text: Any) -> None:
    assert seconds_of(text) is None


@pytest.mark.parametrize(("text", "words"), [("30d", "there are no days"), ("0s", "more than 0"), ("-1h", "more than 0")])
def test_a_bad_duration_is_refused_by_the_options_name(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=f"ttl is '{text}'.*{words}"):
        checked_duration("ttl", text)
    assert checked_duration("ttl", "720h") == "720h"


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("2026-11-23T08:50:42Z", 1795423842.0),
        ("2026-11-23T08:50:42.25Z", 1795423842.25),
        ("2026-11-23T09:50:42+01:00", 1795423842.0),
        ("2026-02-31T00:00:00Z", None),
        ("2026-11-23", None),
        ("", None),
        (None, None),
    ],
)
def test_times(text: Any, epoch: Any) -> None:
    assert epoch_of(text) == epoch


@given(st.integers(0, 4_000_000_000))
def test_a_time_written_is_the_time_read(epoch: int) -> None:
    assert epoch_of(text_of(float(epoch))) == epoch
    assert text_of(None) is None


@given(st.text(max_size=12))
def test_no_text_makes_the_reader_fall(text: str) -> None:
    found = seconds_of(text)
    assert found is None or isinstance(found, float)
