# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence of a recovery by itself: names are moved away from where a connection is refused, and from nowhere else."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from integration.playing import Played, play

OLD = "127.0.0.4"
ROLE = "serverops.circleci.kots_disaster_recovery"


def one_file(name: str, home: Path, given: dict[str, Any]) -> Played:
    """One of the role's files, with the variables that the steps before it leave."""
    tasks = [{"name": "Play it", "ansible.builtin.include_role": {"name": ROLE, "tasks_from": name}}]
    book = home / "book.yml"
    book.write_text(json.dumps([{"name": "One step", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return play(str(book), {f"kots_disaster_recovery_{key}": value for key, value in given.items()}, home / "home")


def fenced(home: Path, ports: dict[str, int], **more: Any) -> tuple[int, str]:
    """How it goes where the name of each of these services leads to OLD."""
    records = [{"service": role, "name": f"{role}.example.com", "type": "A", "value": "127.0.0.9", "now": [OLD]} for role in ports]
    found = {"services": {role: {"port": port} for role, port in ports.items()}}
    played = one_file("fence.yml", home, {"records": records, "found": found, **more})
    return played.code, " ".join(played.output.split())


@contextmanager
def listening(silent: bool = False) -> Iterator[int]:
    """A port where somebody listens; where `silent`, one that neither answers nor refuses, as its queue is full."""
    with ExitStack() as stack:
        port = stack.enter_context(socket.create_server((OLD, 0), backlog=0 if silent else 5)).getsockname()[1]
        for _number in range(4 if silent else 0):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((OLD, port))
        yield int(port)


def free() -> int:
    with socket.create_server((OLD, 0)) as taken:
        return int(taken.getsockname()[1])


def test_each_name_is_asked_for_at_the_port_of_its_own_service(tmp_path: Path) -> None:
    with listening() as port:
        code, said = fenced(tmp_path, {"frontend": free(), "nomad_server": port})
        assert code == 2 and f"something still answers at {OLD} port {port}, where" in said
    code, said = fenced(tmp_path, {"frontend": free(), "nomad_server": free()})
    assert code == 0, said


def test_where_nobody_answers_or_refuses_nothing_is_known_and_no_name_is_moved(tmp_path: Path) -> None:
    with listening(silent=True) as port:
        code, said = fenced(tmp_path, {"frontend": 443}, fence_port=port)
    assert code == 2 and f"nobody knows whether something lives at {OLD} port {port}" in said and "then give kots_disaster_recovery_old_is_fenced" in said
