# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list read entry by entry is the list, however its text is cut; what is none, or not whole, is never taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.entries import entries
from hypothesis import given, settings
from hypothesis import strategies as st

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@settings(deadline=None)
@given(st.lists(JSON, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_the_entries_are_those_of_the_list_however_it_is_cut(values: list[Any], size: int, indent: int | None, ascii_only: bool) -> None:
    data = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass" if ascii_only else "replace")
    assert list(entries(cut(data, size))) == json.loads(data)


@settings(deadline=None)
@given(st.lists(JSON, min_size=1, max_size=4), st.integers(1, 40), st.data())
def test_a_list_that_is_cut_short_is_none(values: list[Any], size: int, drawn: st.DataObject) -> None:
    data = json.dumps(values).encode()
    end = drawn.draw(st.integers(0, len(data) - 1))
    with pytest.raises(ValueError):
        list(entries(cut(data[:end], size)))


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("text", ["", " ", "[", "[1", "[1,", "[1 2]", "[1] 2", "[,]", "<html>", '[{"a": 1}', '[{"a": 1}}', "[1]]", '["\udce4"]'])
def test_what_is_no_json_is_refused(text: str, size: int) -> None:
    with pytest.raises(ValueError):
        list(entries(cut(text.encode("utf-8", "surrogateescape"), size)))


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("text", ["{}", "null", "12", '"[]"', '{"a": [1]}'])
def test_json_that_is_no_list_is_another_mistake(text: str, size: int) -> None:
    with pytest.raises(TypeError):
        list(entries(cut(text.encode(), size)))


def test_an_entry_is_handed_out_before_the_next_has_come() -> None:
    def slowly() -> Any:
        yield b'[{"a": 1}, '
        raise AssertionError("the first entry was not handed out")

    assert next(entries(slowly())) == {"a": 1}
