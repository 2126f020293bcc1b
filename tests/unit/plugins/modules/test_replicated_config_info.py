# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of replicated_config_info, against the lab's Services host."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from unit.laws.services_world import ServicesWorld

MODULE = import_module("ansible_collections.serverops.circleci.plugins.modules.replicated_config_info")
Json = dict[str, Any]


def read(world: ServicesWorld, *names: str) -> dict[str, Json]:
    with world.open():
        return {item["name"]: item for item in MODULE.DOOR.read({"names": list(names)}, world.clock)["settings"]}


def test_items_with_keys_titles_and_what_is_no_secret() -> None:
    world = ServicesWorld()
    found = read(world)
    assert (found["hostname"]["title"], found["hostname"]["value"], found["hostname"]["group"]) == ("Hostname", "circleci.example.com", "general")
    assert (found["secret_passphrase"]["set"], found["secret_passphrase"]["value"], found["secret_passphrase"]["secret"]) == (True, None, True)
    assert [option["name"] for option in found["ghe_type"]["options"]] == ["github_type_public", "github_type_enterprise"]
    assert "privacy_note" not in found, "a label holds nothing"
    world.host.run("replicatedctl", "app-config", "set", "ssl_cert", "--value", "c.pem", "--data", "Y2FuYXJ5")
    cert = read(world)["ssl_cert"]
    assert (cert["set"], cert["value"]) == (True, "c.pem") and "Y2FuYXJ5" not in str(cert)
    assert "canary" not in str(found)


def test_some_by_key_or_title() -> None:
    assert list(read(ServicesWorld(), "Storage/AWS Region", "datadog metrics/enabled")) == ["aws_region", "lab_datadog_enabled"]
    with pytest.raises(BadInput, match="near it are hostname"):
        read(ServicesWorld(), "hostnam")
