# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected failures: one sentence, with the acts around it in order."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import (
    BadInput,
    CollectionError,
    NotFound,
    NotPermitted,
    Refused,
    Unreachable,
    doing,
)

KINDS = [BadInput, NotPermitted, NotFound, Refused, Unreachable]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_an_expected_failure_whose_text_is_its_sentence(kind: type[CollectionError]) -> None:
    assert str(kind("c1 is on fire")) == "c1 is on fire"
    assert issubclass(kind, CollectionError)


def test_acts_nest_from_the_outermost_to_the_innermost() -> None:
    with pytest.raises(Refused) as caught, doing("drain clients"), doing("drain client c1"):
        raise Refused("the server refused")
    assert str(caught.value) == "drain clients: drain client c1: the server refused"


def test_an_act_outside_of_which_it_failed_is_not_named() -> None:
    with pytest.raises(Refused) as caught, doing("second"):
        with doing("first"):
            pass
        raise Refused("no")
    assert str(caught.value) == "second: no"


def test_the_kind_and_its_fields_survive_the_acts() -> None:
    with pytest.raises(Unreachable) as caught, doing("read"):
        raise Unreachable("busy", retry=False, after=3.0)
    assert (caught.value.retry, caught.value.after) == (False, 3.0)


def test_an_unexpected_failure_passes_untouched() -> None:
    with pytest.raises(KeyError) as caught, doing("read"):
        raise KeyError("a bug of ours")
    assert caught.value.args == ("a bug of ours",)


def test_the_message_is_one_line() -> None:
    with pytest.raises(BadInput) as caught, doing("read the options"):
        raise BadInput("deadline is -1, but it must be more than 0")
    assert "\n" not in str(caught.value)


def test_asking_again_makes_sense_unless_said_otherwise() -> None:
    error = Unreachable("gone for now")
    assert (error.retry, error.after) == (True, None)
