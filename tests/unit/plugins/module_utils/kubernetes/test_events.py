# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of a watch: whole lines only, and what they make of a list."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.answers import Listing
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.events import Garbled, Lines, Shown, error_in, event_of
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils.kubernetes.scripted import recorded

Json = dict[str, Any]


def event(kind: str, name: str, version: int, **more: Any) -> Json:
    return {"type": kind, "object": {"metadata": {"namespace": "lab", "name": name, "resourceVersion": str(version)}, **more}}


def names(shown: Shown) -> list[str]:
    return [item["metadata"]["name"] for item in shown.items]


@given(st.lists(st.binary(max_size=20), max_size=8), st.integers(1, 7))
def test_lines_come_whole_however_the_stream_is_cut(lines: list[bytes], size: int) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    text = b"".join(line + b"\n" for line in lines) + b"the begin of one more"
    made = Lines()
    assert [line for at in range(0, len(text), size) for line in made.feed(text[at : at + size])] == lines


@given(st.integers(0, 200))
def test_a_truncated_line_is_no_event(at: int) -> None:
    text = json.dumps(event("ADDED", "a", 5)).encode() + b"\n"
    made = Lines()
    assert list(made.feed(text[: min(at, len(text) - 1)])) == []


@pytest.mark.parametrize("line", [b"{", b"<html>", b"[]", b"3", b'{"type": "ADDED"}', b'{"type": "ADDED", "object": null}', b"\xff\xfe"])
def test_what_is_no_event_breaks_the_stream(line: bytes) -> None:
    with pytest.raises(Garbled):
        event_of(line)


def test_an_empty_line_is_nothing() -> None:
    assert event_of(b"  \r") is None


@pytest.mark.parametrize("item", [{}, {"metadata": {}}, {"metadata": {"resourceVersion": "9"}}, {"metadata": None}, {"metadata": {"name": "a"}}])
def test_an_object_without_name_or_version_changes_nothing(item: Json) -> None:
    shown = Shown(CONFIG_MAP)
    shown.replace(Listing((), "3"))
    with pytest.raises(Garbled):
        shown.apply({"type": "ADDED", "object": item})
    assert shown.items == () and shown.version == "3"


def test_the_recorded_watches_are_understood() -> None:
    """Each ends with the objects that its own events leave, by a second reckoning."""
    watches = [line for name in ("watch", "watch-bookmarks", "gone-410") for line in recorded(name) if "lines" in line.get("response", {})]
    assert len(watches) > 8
    for line in watches:
        shown, left = Shown(CONFIG_MAP), dict[str, Any]()
        for one in (row["event"] for row in line["response"]["lines"]):
            if "type" not in one or error_in(one):  # a named object is answered whole, watch or not
                continue
            shown.apply(one)
            meta = one["object"]["metadata"]
            assert shown.version == meta["resourceVersion"]
            if one["type"] in ("ADDED", "MODIFIED"):
                left[meta["name"]] = meta["resourceVersion"]
            elif one["type"] == "DELETED":
                left.pop(meta["name"], None)
        assert {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in shown.items} == left


def test_the_recorded_error_is_a_410() -> None:
    errors = [error_in(row["event"]) for line in recorded("gone-410") for row in line.get("response", {}).get("lines", [])]
    assert [one.code for one in errors if one] == [410]


def test_a_bookmark_moves_the_version_alone() -> None:
    shown = Shown(CONFIG_MAP)
    assert shown.apply(event("ADDED", "a", 5)) and not shown.apply({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})
    assert names(shown) == ["a"] and shown.version == "9"


def test_an_unknown_type_is_ignored() -> None:
    shown = Shown(CONFIG_MAP)
    shown.apply(event("ADDED", "a", 5))
    assert not shown.apply(event("SOMETHING_NEW", "a", 99)) and not shown.apply({"object": {}})
    assert shown.version == "5" and names(shown) == ["a"]


def test_what_was_seen_is_no_news_when_it_is_told_again() -> None:
    shown = Shown(CONFIG_MAP)
    assert shown.apply(event("ADDED", "a", 5)) and not shown.apply(event("ADDED", "a", 5))
    assert shown.apply(event("DELETED", "a", 6)) and not shown.apply(event("DELETED", "a", 6))


def test_an_object_that_is_made_again_between_two_lists_is_news() -> None:
    shown = Shown(CONFIG_MAP)
    one, other = event("ADDED", "a", 5)["object"], event("ADDED", "a", 8)["object"]
    assert shown.replace(Listing((one,), "5")) and not shown.replace(Listing((one,), "6")) and shown.replace(Listing((other,), "9"))


def test_events_name_their_kind_and_carry_no_book_of_managers() -> None:
    shown = Shown(CONFIG_MAP)
    one = event("ADDED", "a", 5)
    one["object"]["metadata"]["managedFields"] = [{"manager": "x"}]
    shown.apply(one)
    assert (shown.items[0]["kind"], shown.items[0]["apiVersion"]) == ("ConfigMap", "v1") and "managedFields" not in shown.items[0]["metadata"]
