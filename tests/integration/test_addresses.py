# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration target of server_addresses_info, through ansible-playbook: balancers, console and resolver of the lab, and a port where one listens."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.playing import KUBERNETES, play_target

from lab.installation.installation import NAMESPACE, install
from lab.installation.parts import PARTS
from lab.kots.world import KotsWorld
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.names.resolver import Resolver
from lab.nomad.clock import RealClock

PUBLIC = ("circleci-server-traefik", "output-processor", "vm-service", "nomad-server")
NAMES = {"ci.example.com": "circleci-server-traefik", "nomad.example.com": "nomad-server-external", "output.example.com": "output-processor"}
TOKEN, LISTENING = "canary-token-7d3", "listening"


def _addresses(state: State, service: str) -> list[str]:
    status = (state.get("services", NAMESPACE, service) or {}).get("status") or {}
    return [one["ip"] for one in (status.get("loadBalancer") or {}).get("ingress") or ()]


@pytest.fixture
def place() -> Iterator[dict[str, Any]]:
    state = State(clock=RealClock())
    state.users[TOKEN] = ADMIN
    made = install(state, parts=[part for part in PARTS if part.name in PUBLIC])
    held = state.objects["secrets", NAMESPACE, "kotsadm-authstring"]["data"]["kotsadm-authstring"]
    console = KotsWorld(state, authstring=base64.b64decode(held).decode()).start()
    console.add_app()
    server, resolver = Server(state), Resolver({"old.example.com": ["192.0.2.10"]})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        spec = {"type": "LoadBalancer", "ports": [{"port": listener.getsockname()[1]}]}
        body = {"metadata": {}, "spec": spec, "status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}}
        with state.news:
            state.put("services", NAMESPACE, LISTENING, body)
        try:
            ends = time.monotonic() + 60
            while time.monotonic() < ends and not (all(_addresses(state, one) for one in NAMES.values()) and not made.problems()):
                time.sleep(0.2)
            assert not made.problems()
            resolver.names |= {name: _addresses(state, service) for name, service in NAMES.items()} | {"vm.example.com": ["127.0.0.1"]}
            yield {"target_host": server.url, "target_api_key": TOKEN, "target_resolver": resolver.address, "target_listening": LISTENING}
        finally:
            resolver.stop()
            server.stop()
            console.stop()


def test_target(place: dict[str, Any], tmp_path: Path) -> None:
    played = play_target("server_addresses_info", place, tmp_path, "-vvv", defaults=KUBERNETES)
    assert played.code == 0, played.output
    assert TOKEN not in played.output
