# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of kots_*, through ansible-playbook, on one simulated installation over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.kots_site import Site
from integration.playing import TARGETS, play

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  module_defaults:
    group/serverops.circleci.kubernetes:
      host: "{{ target_host }}"
      api_key: "{{ target_api_key }}"
  tasks:
    - ansible.builtin.include_role:
        name: "{{ target }}"
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site.start()
    yield made
    made.stop()


@pytest.mark.parametrize("target", sorted(path.name for path in TARGETS.glob("kots_*") if path.is_dir()))
def test_target(target: str, site: Site, tmp_path: Path) -> None:
    playbook = tmp_path / "target.yml"
    playbook.write_text(PLAY)
    played = play(str(playbook), {"target": target, "target_host": site.url, "target_api_key": site.token}, tmp_path / "home")
    assert played.code == 0, played.output
    assert site.token not in played.output
    if target == "kots_backup":
        assert "[backup] instance-" in played.output, "a person who waits is told how far it is"
