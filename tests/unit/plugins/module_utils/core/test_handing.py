# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes from slice to slice as one text: whole whatever Ansible's filter for secrets does to it, and without secrets."""

from __future__ import annotations

import json
import string

import pytest
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.serverops.circleci.plugins.module_utils.core.handing import SHORTEST, packed, unpacked
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

VALUE: Json = {"run": "r-1", "spent": 61.25, "looked": True, "memory": {"ids": ["a1", "b2"], "none": None}, "words": "caf\u00e9 \u2603"}


@pytest.mark.parametrize("secrets", [set(), {"1"}, {"61"}, {"r-1"}, set(string.printable), {"True", "None", "null"}])
def test_it_comes_back_whole_through_ansibles_filter(secrets: set[str]) -> None:
    text = remove_values(packed(VALUE, secrets), secrets)
    assert unpacked(json.loads(json.dumps(text))) == VALUE


@pytest.mark.parametrize("secret", ["x" * SHORTEST, "caf\u00e9 \u2603 and more", 'a-long-secret-with-"quotes"-and-\\'])
def test_a_secret_in_its_texts_is_hidden(secret: str) -> None:
    told = unpacked(packed({"last": [{"reason": f"it said {secret}!"}], "spent": 1.5}, [secret, secret[:-1]]))
    assert told == {"last": [{"reason": "it said ********!"}], "spent": 1.5}
    assert secret not in packed({"words": secret})


def test_a_large_one_is_no_larger_than_its_json() -> None:
    """A thousand clients with two builds each."""
    targets = {
        f"{number:08x}-2222": {"name": f"c{number}", "builds": {f"{number:08x}-{b}": ["job", "", 0.1, None, None] for b in "ab"}} for number in range(1000)
    }
    assert len(json.dumps(packed({"memory": targets}))) < len(json.dumps(targets))
