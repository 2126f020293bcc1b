# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters become typed specs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import not_negative, positive, spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret


@dataclass(frozen=True)
class Spec:
    nodes: tuple[str, ...]
    deadline: float | None = None
    token: Secret | None = None
    retries: int = 3
    tags: tuple[str, ...] = field(default_factory=tuple)


def test_every_field_is_looked_up_by_its_prefixed_name_and_nothing_else_is() -> None:
    given = {"x_nodes": ["a"], "x_deadline": 5.0, "deadline": 7.0, "other": 1}
    assert spec_from_params(Spec, given, prefix="x_") == Spec(nodes=("a",), deadline=5.0)


@pytest.mark.parametrize("given", [{}, {"retries": None, "deadline": None, "tags": None}])
def test_what_is_absent_or_none_takes_the_default(given: dict[str, Any]) -> None:
    assert spec_from_params(Spec, {"nodes": ["a"], **given}) == Spec(("a",), None, None, 3, ())


@pytest.mark.parametrize("given", [{}, {"nodes": None}])
def test_a_field_without_default_must_be_given(given: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="^x_nodes is required"):
        spec_from_params(Spec, {f"x_{key}": value for key, value in given.items()}, prefix="x_")


def test_falsy_values_are_values() -> None:
    spec = spec_from_params(Spec, {"nodes": [], "deadline": 0.0, "retries": 0})
    assert spec == Spec((), 0.0, None, 0)


def test_a_text_of_a_secret_field_becomes_a_secret() -> None:
    spec = spec_from_params(Spec, {"nodes": ["a"], "token": "canary"})
    assert spec.token == Secret("canary")
    assert "canary" not in repr(spec)


def test_a_list_is_frozen() -> None:
    given = ["a", "b"]
    spec = spec_from_params(Spec, {"nodes": given})
    given.append("c")
    assert spec.nodes == ("a", "b")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (['["a"', ' "b"]'], ("a", "b")),
        (['["a"]'], ("a",)),
        (["[]"], ()),
        (["a", "b"], ("a", "b")),
        (["[a", "b"], ("[a", "b")),
    ],
)
def test_a_survey_that_gives_a_list_as_json_text_cut_at_its_commas_is_understood(given: list[str], kept: tuple[str, ...]) -> None:
    assert spec_from_params(Spec, {"nodes": given}).nodes == kept


def test_a_list_that_begins_like_json_and_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="begins like JSON"):
        spec_from_params(Spec, {"nodes": ["[a", "b]"]})


@pytest.mark.parametrize(("value", "fine"), [(None, True), (0, True), (1, True), (-1, False), (-0.5, False)])
def test_not_negative_lets_zero_pass(value: float | None, fine: bool) -> None:
    if fine:
        not_negative(min_ready=value)
    else:
        with pytest.raises(BadInput, match=f"^min_ready is {value}, but it must be 0 or more$"):
            not_negative(first=1, min_ready=value)


@pytest.mark.parametrize(("value", "fine"), [(None, True), (0, False), (0.1, True), (-1, False)])
def test_positive_lets_zero_not_pass(value: float | None, fine: bool) -> None:
    if fine:
        positive(deadline=value)
    else:
        with pytest.raises(BadInput, match=f"^deadline is {value}, but it must be more than 0$"):
            positive(deadline=value)
