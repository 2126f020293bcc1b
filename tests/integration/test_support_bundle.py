# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A support bundle with a secret in it, through ansible-playbook, a real port-forward and a console of the lab."""

from __future__ import annotations

import base64
from pathlib import Path

from integration.playing import KUBERNETES, play_target

from lab.kots.world import KotsWorld
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN

PASSWORD = "told-to-nobody-at-all"


def test_support_bundle(tmp_path: Path) -> None:
    server = Server()
    server.state.users["target-token"] = ADMIN
    world = KotsWorld(server.state).start()
    try:
        world.add_app()
        world.bundle_seconds = 9.0  # long enough for a line of progress
        world.bundle_files = {"logs/api.txt": f"login with {PASSWORD}\n"}
        data = {"password": base64.b64encode(PASSWORD.encode()).decode()}
        server.state.put("secrets", world.namespace, "minio", {"type": "Opaque", "data": data})
        variables = {"target_host": server.url, "target_api_key": "target-token", "target_planted": True}
        played = play_target("kots_support_bundle", variables, tmp_path, defaults=KUBERNETES)
        assert played.code == 0, played.output
        assert PASSWORD not in played.output
        assert "[support bundle]" in played.output, "the action plugin says what is waited for"
        assert len(world.bundles) == 1
    finally:
        world.stop()
        server.stop()
