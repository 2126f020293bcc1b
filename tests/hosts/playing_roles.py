# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role on a test host, as a user plays it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from integration.playing import Played, play

from lab.hosts.machines import Machines


def play_role(machines: Machines, host: str, role: str, folder: Path, *options: str, **variables: Any) -> Played:
    """Play one role of the collection on one host; `variables` are the role's, without its name before them."""
    given = {f"{role}_{name}": value for name, value in variables.items()}
    book = folder / f"{role}.yml"
    book.write_text(json.dumps([{"hosts": host, "gather_facts": False, "tasks": [{"ansible.builtin.include_role": {"name": f"serverops.circleci.{role}"}}]}]))
    return play(str(book), given, folder / "home", "-i", str(machines.inventory()), *options)


def changes(played: Played) -> int:
    """How many tasks said `changed`; fails the test where the play did."""
    assert played.code == 0, played.output
    [found] = re.findall(r"changed=(\d+)", played.output)
    return int(found)
