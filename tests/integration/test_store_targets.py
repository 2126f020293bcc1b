# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of what asks an object store, through ansible-playbook."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.playing import play_target

from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.store.store import Store
from lab.velero.crds import definitions
from lab.velero.profile import profile_of

TARGETS = ("velero_location_check",)
TOKEN, CANARY = "canary-token-5b1", "canary/secret+9f2"
LOCATIONS = "backupstoragelocations.velero.io"


@pytest.fixture
def place() -> Iterator[dict[str, Any]]:
    """A cluster with Velero's objects and the store that they name."""
    state = State()
    state.users[TOKEN] = ADMIN
    for body in definitions(profile_of("1.14.0")):
        state.put("customresourcedefinitions.apiextensions.k8s.io", "", body["metadata"]["name"], body)
    keys = f"[default]\naws_access_key_id=AKIALAB\naws_secret_access_key={CANARY}\n"
    state.put("secrets", "velero", "cloud-credentials", {"data": {"cloud": base64.b64encode(keys.encode()).decode()}})
    with Store.start() as store:
        store.bucket("backups", "eu-west-1")
        state.put(LOCATIONS, "velero", "default", store.location("backups", "velero", "eu-west-1"))
        state.put(LOCATIONS, "velero", "moved", store.location("backups", "velero", "us-east-2", "moved"))
        server = Server(state)
        yield {"target_kubernetes": server.url, "target_token": TOKEN, "target_store": store.url, "target_canary": CANARY}
        server.stop()


@pytest.mark.parametrize("target", TARGETS)
def test_target(target: str, place: dict[str, Any], tmp_path: Path) -> None:
    played = play_target(target, place, tmp_path, "-vvv")
    assert played.code == 0, played.output
    assert CANARY not in played.output.replace(f'"target_canary": "{CANARY}"', "")
