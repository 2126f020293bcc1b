# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets, through ansible-playbook, on every cluster there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.clusters.base import Cluster, endings
from integration.playing import TARGETS, play_target


def _variables(cluster: Cluster) -> dict[str, object]:
    version = tuple(int(part) for part in cluster.version.split("."))
    facts = {"target_version": cluster.version, "target_marks": version >= (1, 1, 0), "target_cordons": version >= (0, 8, 0)}
    return {"nomad_url": cluster.url, **facts}


@pytest.mark.parametrize("target", sorted(path.name for path in TARGETS.glob("nomad_*") if path.is_dir()))
def test_target(target: str, cluster: Cluster, tmp_path: Path) -> None:
    cluster.build("build-1", "c1", 25)
    played = play_target(target, _variables(cluster), tmp_path)
    assert played.code == 0, played.output
    assert endings(cluster.witness)["build-1"] in ("itself", "started"), played.output
