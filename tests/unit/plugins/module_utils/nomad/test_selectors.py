# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar that names clients."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.selectors import check_selectors, is_group, needs_instances, select
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils.nomad.values import opened

ONE = "11111111-2222-4333-8444-555555555551"
TWO = "11111111-2222-4333-9999-555555555552"
THREE = "31111111-2222-4333-8444-555555555553"


def client(item: str, name: str, **fields: str) -> object:
    return opened(name, **fields)._replace(id=item)


NODES = [
    client(THREE, "c3", node_class="gpu", datacenter="dc2", version="1.7.7", instance_id="1234567890123456789"),
    client(ONE, "c1", node_class="linux", datacenter="dc1", version="1.1.2", instance_id="i-00000000000000001"),
    client(TWO, "c2", node_class="linux", datacenter="dc1", version="1.1.2", status="down"),
]


@pytest.mark.parametrize(
    ("selectors", "found"),
    [
        ([ONE], [ONE]),
        ([ONE.upper()], [ONE]),
        (["31111111"], [THREE]),
        ([ONE[:20]], [ONE]),
        (["c2"], [TWO]),
        ([" c2 "], [TWO]),
        (["i-00000000000000001"], [ONE]),
        (["1234567890123456789"], [THREE]),
        (["class=linux"], [ONE, TWO]),
        (["datacenter=dc2"], [THREE]),
        (["status=down"], [TWO]),
        (["version=1.1.2"], [ONE, TWO]),
        (["class = linux "], [ONE, TWO]),
        (["all"], [ONE, TWO, THREE]),
        (["c3", "all"], [THREE, ONE, TWO]),
        (["c1", ONE, "class=linux"], [ONE, TWO]),
    ],
)
def test_a_selector_finds_each_client_once_in_order(selectors: list[str], found: list[str]) -> None:
    check_selectors(selectors)
    assert list(select(selectors, NODES)) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("c9", ["'c9'", "no such client", "among 3"]),
        ("1111111", ["'1111111'", "no such client"]),
        ("11111111", ["'11111111'", "names 2 clients", "c1", "c2", "whole id"]),
        ("99999999", ["no such client"]),
        ("class=windows", ["'class=windows'", "none of the 3 clients fits"]),
        ("i-00000000000000009", ["no such client"]),
        ("C1", ["no such client"]),
    ],
)
def test_a_selector_that_names_none_or_two_is_refused(selector: str, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        select([selector], NODES)  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in words)


def test_two_clients_of_one_name_are_refused_with_their_ids() -> None:
    with pytest.raises(BadInput) as caught:
        select(["c1"], [client(ONE, "c1"), client(TWO, "c1")])  # type: ignore[list-item]
    assert ONE in str(caught.value) and TWO in str(caught.value)


def test_the_whole_id_of_one_beats_another_of_that_name() -> None:
    assert select([ONE], [client(ONE, "c1"), client(TWO, ONE)]) == (ONE,)  # type: ignore[list-item]


@pytest.mark.parametrize("given_list", [[], [""], ["  "], ["c1", ""], ["name=c1"], ["class="], ["=linux"], ["class= "]])
def test_what_cannot_name_anything_is_refused_before_anything_is_read(given_list: list[str]) -> None:
    with pytest.raises(BadInput, match="nodes"):
        check_selectors(given_list)


@pytest.mark.parametrize(
    ("selector", "instance", "group"),
    [
        ("i-00000000000000001", True, False),
        ("i-12345678", True, False),
        ("1234567890123456789", True, False),
        ("c1", False, False),
        (ONE, False, False),
        ("class=linux", False, True),
        (" all ", False, True),
    ],
)
def test_which_selectors_need_each_clients_own_object(selector: str, instance: bool, group: bool) -> None:
    assert (needs_instances([selector]), is_group(selector)) == (instance, group)


@given(st.text(max_size=40))
def test_any_text_finds_clients_or_is_refused_in_one_sentence(text: str) -> None:
    try:
        check_selectors([text])
        assert set(select([text], NODES)) <= {ONE, TWO, THREE}  # type: ignore[arg-type]
    except BadInput as error:
        assert "nodes holds" in str(error)
