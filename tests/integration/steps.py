# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single files of the role that recovers, played by themselves, with the variables that the steps before them leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from integration.playing import Played, play

ROLE = "serverops.circleci.kots_disaster_recovery"
TOLD = "{{ kots_disaster_recovery_told | default({}) }}"
OPEN = ("kubernetes_", "restore_", "journal_")  # variables that are not the role's


def one_file(name: str | list[str], home: Path, given: dict[str, Any], *options: str, tell: str = TOLD) -> Played:
    """One of the role's files, or several, and then a message."""
    names = [name] if isinstance(name, str) else name
    tasks: list[dict[str, Any]] = [{"name": f"Play {one}", "ansible.builtin.include_role": {"name": ROLE, "tasks_from": one, "public": True}} for one in names]
    tasks.append({"name": "Tell", "ansible.builtin.debug": {"msg": tell}})
    defaults = {
        "group/serverops.circleci.kubernetes": {"kubeconfig": "{{ kubernetes_kubeconfig | default(omit) }}"},
        "group/amazon.aws.aws": "{{ restore_aws | default({}) }}",
    }
    book = home / "book.yml"
    book.write_text(json.dumps([{"name": "One step", "hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}]))
    named = {key if key.startswith(OPEN) else f"kots_disaster_recovery_{key}": value for key, value in given.items()}
    return play(str(book), named, home / "home", *options)
