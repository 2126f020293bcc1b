# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of velero_install and velero_info, through ansible-playbook, on a cluster whose controllers run in real time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.clusters.base import until
from integration.playing import play_target

from lab.kubernetes.controllers.control import Control
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.nomad.clock import RealClock
from lab.velero.crds import definitions
from lab.velero.profile import profile_of
from lab.velero.store import MemoryStore
from lab.velero.world import VeleroWorld

TARGETS = ("velero_install", "velero_info")
VERSION, TOKEN, CANARY = "1.6.3", "canary-token-5b1", "canary/secret+9f2"
KINDS = ("deployments.apps", "daemonsets.apps", "namespaces", "serviceaccounts", "backupstoragelocations.velero.io")


@pytest.fixture
def installed() -> Iterator[tuple[State, str]]:
    """Two nodes, Velero as the guide's command line leaves it, and where the API is."""
    state = State(RealClock())
    state.users[TOKEN] = ADMIN
    control = Control(state)
    control.images.set("velero/velero-plugin", run_for=0.2)
    store = MemoryStore()
    with state.news:
        for name in ("node-1", "node-2"):
            control.node(name)
        for name in ("lab-bucket", "other-bucket"):
            store.bucket(name)
        VeleroWorld(state, VERSION, store, validation=2.0).install()
    server = Server(state)
    until(lambda: works(state), "Velero works", 60)
    yield state, server.url
    server.stop()


def works(state: State) -> bool:
    """Its location is Available and both agents are ready."""
    with state.news:
        location = state.get("backupstoragelocations.velero.io", "velero", "default") or {}
        agents = state.get("daemonsets.apps", "velero", "restic") or {}
        return bool((location.get("status") or {}).get("phase") == "Available" and (agents.get("status") or {}).get("numberReady") == 2)


def uids(state: State) -> dict[str, str]:
    with state.news:
        return {"/".join(key): item["metadata"]["uid"] for key, item in state.objects.items() if key[0] in KINDS}


@pytest.mark.parametrize("target", TARGETS)
def test_target(target: str, installed: tuple[State, str], tmp_path: Path) -> None:
    state, url = installed
    crds = tmp_path / "crds.json"
    crds.write_text(json.dumps({"kind": "List", "items": definitions(profile_of(VERSION))}))
    before = uids(state)
    variables: dict[str, Any] = {
        "target_kubernetes": url,
        "target_token": TOKEN,
        "target_crds": str(crds),
        "target_password": str(tmp_path / "password"),
        "target_credentials": f"[default]\naws_access_key_id = key\naws_secret_access_key = {CANARY}\n",
    }
    played = play_target(target, variables, tmp_path)
    assert played.code == 0, played.output
    assert CANARY not in played.output
    after = uids(state)
    assert {name: after.get(name) for name in before} == before, "nothing is recreated"
