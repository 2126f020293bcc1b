# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of a 2.x Services host, through ansible-playbook, against the lab's programs, ports and files on a real clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from integration.playing import play_target

from lab.nomad.pki import Pki
from lab.replicated.services import ServicesHost

CANARY = "canary-datadog-9a17"
SECRETS = ("canary-passphrase-5b1", "canary-client-secret-8e2", "canary-datadog-key-4c7")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ServicesHost]:
    with ServicesHost(tmp_path / "host", pace=0.03) as made:
        yield made


@pytest.fixture
def place(host: ServicesHost, tmp_path: Path) -> dict[str, Any]:
    return {"target_path": host.path, "target_health_urls": host.health_urls, "target_notes": str(tmp_path / "serverops" / "pending-restart.d")}


def secret_free(output: str) -> bool:
    return not any(secret in output for secret in SECRETS)


def test_replicated_app(host: ServicesHost, place: dict[str, Any], tmp_path: Path) -> None:
    pending = PendingRestarts(place["target_notes"])
    for what in ("settings", "/etc/circle-installation-customizations"):
        pending.leave(what, "it was changed", datetime.now(UTC))
    played = play_target("replicated_app", place, tmp_path, "-vvv")
    assert played.code == 0, played.output
    assert secret_free(played.output)
    assert (host.count("create"), pending.notes()) == (3, ())


def test_replicated_config(host: ServicesHost, place: dict[str, Any], tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ca("good")
    pki.issue("server", "good", "new.example.com")
    pair = {"target_cert": str(pki.path("server")), "target_key": str(pki.path("server-key"))}
    played = play_target("replicated_config", {**place, **pair, "target_secret": CANARY}, tmp_path, "-vvv")
    assert played.code == 0, played.output
    key = pki.path("server-key").read_text().splitlines()[1]
    assert secret_free(played.output) and CANARY not in played.output.replace(f'"target_secret": "{CANARY}"', "") and key not in played.output
    assert (host.count("create"), host.count("import"), host.live("lab_datadog_key")) == (2, 2, {"value": CANARY})
    assert host.live("ssl_private_key")["data"]


def test_replicated_config_info(host: ServicesHost, place: dict[str, Any], tmp_path: Path) -> None:
    played = play_target("replicated_config_info", place, tmp_path, "-vvv")
    assert played.code == 0, played.output
    assert secret_free(played.output) and host.count("import") == 0
