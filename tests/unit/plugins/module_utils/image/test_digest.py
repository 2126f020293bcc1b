# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest changes with whatever an image is made of, and with nothing else; of a secret it tells nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.image.digest import digest_of, sealed

GIVEN: dict[str, Any] = {
    "texts": {"0": b"template", "1": b"script"},
    "values": {"variables": {"disk_gb": "100", "list": [1, 2]}, "base_image": "ami-1"},
    "tools": {"packer": "1.6.6"},
    "sealed": {"password": "f00d"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"texts": {"0": b"template", "1": b"script "}},
        {"texts": {"0": b"script", "1": b"template"}},
        {"texts": {"0": b"template"}},
        {"values": {"variables": {"disk_gb": "101", "list": [1, 2]}, "base_image": "ami-1"}},
        {"values": {"variables": {"disk_gb": "100", "list": [2, 1]}, "base_image": "ami-1"}},
        {"values": {"variables": {"disk_gb": "100", "list": [1, 2]}, "base_image": "ami-2"}},
        {"tools": {"packer": "1.7.0"}},
        {"sealed": {"password": "beef"}},
        {"sealed": {}},
    ],
)
def test_whatever_is_different_makes_another(change: dict[str, Any]) -> None:
    assert digest_of(**{**GIVEN, **change}) != digest_of(**GIVEN)


def test_the_order_of_names_makes_no_difference() -> None:
    turned = {key: dict(reversed(list(value.items()))) for key, value in GIVEN.items()}
    assert digest_of(**turned) == digest_of(**GIVEN)
    assert len(digest_of(**GIVEN)) == 64


def test_a_secret_is_sealed_by_a_key() -> None:
    one, key = {"password": Secret("canary-3a")}, Secret("a key")
    first = sealed(one, key)
    assert first == sealed(one, Secret("a key")) and "canary" not in str(first)
    assert first != sealed(one, Secret("another key"))
    assert first != sealed({"password": Secret("canary-3b")}, key)
    assert first["password"] != sealed({"token": Secret("canary-3a")}, key)["token"], "the same value under two names does not show"
    assert sealed(one, None) == {}
