# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""velero_install as a subject of the laws: into an empty cluster, over an installation of the guide's command line, across 1.10."""

from __future__ import annotations

from importlib import import_module

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.subject import Reading, Subject
from unit.laws.velero_world import OTHER, Cluster

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
INSTALL = import_module(MODULES + "velero_install").DOOR
INFO = import_module(MODULES + "velero_info").DOOR
CANARY = "s3cret-of-a-key-that-nobody-sees"
PLUGIN = "velero/velero-plugin-for-aws:v1.2.0"
WISH: Json = {
    "version": "1.6.3",
    "provider": "aws",
    "bucket": OTHER,
    "backup_location_config": {"region": "us-east-1", "s3ForcePathStyle": "true"},
    "snapshot_location_config": {"region": "us-east-1"},
    "credentials": f"[default]\naws_access_key_id = lab-key\naws_secret_access_key = {CANARY}\n",
    "wait_timeout": 900.0,
}
# Times, what a later run of the same task finds done, and how many nodes want an agent, which only their controller knows.
VOLATILE = ("waited", "adopted", "repository_password", "agents.wanted", "agents.ready")


def _ends(image: str = "velero/velero:v1.6.3", plugin: str = PLUGIN, agents: str = "restic") -> Json:
    return {"bucket": OTHER, "phase": "Available", "image": image, "plugins": [plugin], "agents": [agents], "passwords": True}


def _gone(world: Cluster) -> None:
    world.store.buckets.pop(OTHER, None)


def _no_room(world: Cluster) -> None:
    for number in range(1, 4):
        world.control.node(f"node-{number}", cpu="400m", memory="256Mi")


def subjects() -> list[Subject]:
    """The installation from nothing, over the guide's, and over an older version's."""
    newer = {**WISH, "version": "1.14.0", "uploader": "kopia"}
    new_ends = _ends("velero/velero:v1.14.0", "velero/velero-plugin-for-aws:v1.10.0", "node-agent")
    troubles = (_gone, _no_room)
    return [
        Subject(
            "velero_install into nothing, 1.6.3",
            INSTALL,
            lambda: Cluster("1.6.3", nodes=1).settle_in(),
            WISH,
            _ends(),
            CANARY,
            2.0,
            VOLATILE,
            troubles=troubles,
        ),
        Subject("velero_install over the guide's 1.6.3 to 1.14.0", INSTALL, _upgraded, newer, new_ends, CANARY, 2.0, VOLATILE),
    ]


def _upgraded() -> Cluster:
    world = Cluster("1.6.3", nodes=1).guide()
    world.version = "1.14.0"
    return world


def readings() -> list[Reading]:
    """velero_info of a sound installation, and of one whose bucket is gone."""
    return [
        Reading("velero_info, 1.6.3", INFO, lambda: _made("1.6.3"), {}, CANARY, (_gone, _no_room)),
        Reading("velero_info, 1.14.0", INFO, lambda: _made("1.14.0"), {}, CANARY, (_gone,)),
    ]


def _made(version: str) -> Cluster:
    return Cluster(version).guide(credentials=WISH["credentials"])
