# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook whose pattern matches nobody fails and says so, in place of a success that did nothing; the example inventories have whom it asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.playing import ROOT, play

PATTERNS = {
    "backup": "backup_hosts",
    "build_vm_image": "vm_image_hosts",
    "configure": "configure_hosts",
    "diagnose": "nomad_drain_hosts",
    "drain": "nomad_drain_hosts",
    "recovery_drill": "drill_hosts",
    "release": "nomad_drain_hosts",
    "restore": "restore_hosts",
    "rotate_certificates": "configure_hosts",
}
INVENTORIES = ["2.17-aws", "3.x-eks", "3.x-gke", "lab", "static"]
LOOK = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ {'services': groups.services | default([]), 'nomad_clients': groups.nomad_clients | default([]), 'forward': forward} | to_json }}"
        dest: "{{ seen }}"
        mode: "0600"
      vars:
        forward: "{{ kubernetes_forward | default(ssh_forward | default(nomad_url | default(''))) }}"
"""


@pytest.mark.parametrize("playbook", PATTERNS)
def test_a_pattern_that_matches_nobody_is_refused(playbook: str, tmp_path: Path) -> None:
    variable = PATTERNS[playbook]
    played = play(f"serverops.circleci.{playbook}", {variable: "machine-of-nobody"}, tmp_path)
    words = " ".join(played.output.split())
    assert played.code == 2 and "no host of the inventory matches machine-of-nobody, so nothing was done" in words and variable in words, played.output


@pytest.mark.parametrize("playbook", ["configure", "rotate_certificates"])
def test_without_the_group_services_nothing_is_called_done(playbook: str, tmp_path: Path) -> None:
    played = play(f"serverops.circleci.{playbook}", {}, tmp_path, "-i", str(ROOT / "inventories" / "3.x-eks"))
    assert played.code == 2 and "no host of the inventory matches services, so nothing was done" in " ".join(played.output.split()), played.output


def test_every_playbook_that_can_miss_its_hosts_is_asked_above() -> None:
    able = {path.stem for path in (ROOT / "playbooks").glob("*.yml") if "_hosts | default(" in path.read_text()}
    assert {name.removesuffix("_kots") for name in able} == set(PATTERNS)


@pytest.mark.parametrize("name", INVENTORIES)
def test_the_example_inventories_load_and_tell_the_road_to_nomad(name: str, tmp_path: Path) -> None:
    playbook, seen = tmp_path / "look.yml", tmp_path / "seen.json"
    playbook.write_text(LOOK)
    played = play(str(playbook), {"seen": str(seen)}, tmp_path / "home", "-i", str(ROOT / "inventories" / name))
    assert played.code == 0 and "WARNING" not in played.output, played.output
    found = json.loads(seen.read_text())
    assert found["forward"] and bool(found["services"]) == name.startswith("2") and bool(found["nomad_clients"]) == (name != "lab")


def test_they_are_all_that_there_are() -> None:
    assert sorted(path.name for path in (ROOT / "inventories").iterdir()) == INVENTORIES
