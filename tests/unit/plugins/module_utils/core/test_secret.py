# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret shows itself in none of the ways in which values slip into text."""

from __future__ import annotations

import copy
import json
import pickle
import pprint
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, Secret, passwords_in, without_passwords

CANARY = "s3cr3t-canary"


@dataclass(frozen=True)
class Holder:
    token: Secret
    name: str = "x"


WAYS: dict[str, Callable[[Secret], str]] = {
    "str": str,
    "repr": repr,
    "f-string": lambda secret: f"a {secret}",
    "f-string with !r": lambda secret: f"{secret!r}",
    "f-string with a width": lambda secret: f"{secret:>40}",
    "format": "{:s}".format,
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "in a list": lambda secret: str([secret, (secret,), {"k": secret}]),
    "in a dataclass": lambda secret: repr(Holder(secret)),
    "pretty-printed": lambda secret: pprint.pformat({"k": [Holder(secret)]}),
    "in an exception": lambda secret: str(CollectionError(f"{secret}")) + repr(ValueError(secret)),
    "ascii": ascii,
}


@pytest.mark.parametrize("way", WAYS)
def test_printing_shows_stars(way: str) -> None:
    text = WAYS[way](Secret(CANARY))
    assert CANARY not in text
    assert HIDDEN in text


@pytest.mark.parametrize("write", [json.dumps, pickle.dumps, copy.deepcopy, copy.copy, lambda s: asdict(Holder(s))])
def test_writing_it_down_fails_without_showing_it(write: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        write(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_a_traceback_with_all_local_values_does_not_show_it() -> None:
    def fail(token: Secret) -> None:
        held = Holder(token)
        raise ValueError(held)

    with pytest.raises(ValueError) as caught:
        fail(Secret(CANARY))
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "held" in text
    assert HIDDEN in text
    # The test's own line names the constant, not its value.
    assert CANARY not in text


def test_it_has_no_dict_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def test_only_reveal_tells() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_equal_secrets_are_equal_and_nothing_else_is() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_value_is_no_secret(nothing: str | None) -> None:
    assert Secret.maybe(nothing) is None
    assert Secret.maybe("a") == Secret("a")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"http://me:{CANARY}@10.0.0.33:3128/x", [CANARY]),
        (f"me:{CANARY}@10.0.0.33:3128", [CANARY]),
        ({"a": [f"see amqp://u:{CANARY}@h and http://x", 1, None]}, [CANARY]),
        ("http://me@10.0.0.33:3128", []),
        ("http://me:@10.0.0.33:3128", []),
        ("git@github.com:me/repository", []),
        ("10.0.0.33:3128", []),
        (True, []),
    ],
)
def test_passwords_in_addresses_are_found_at_any_depth(value: Any, found: list[str]) -> None:
    assert list(passwords_in(value)) == found


def test_addresses_are_shown_without_name_and_password() -> None:
    text = f'urls = ["http://me:{CANARY}@h:1", "http://h:2"]'
    assert without_passwords(text) == f'urls = ["http://{HIDDEN}@h:1", "http://h:2"]'
