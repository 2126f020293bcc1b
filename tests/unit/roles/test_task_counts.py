# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of hosts stay small: twelve tasks at most in a run that finds nothing to do, counted in their files. What a run costs, `make bench` measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"
HOST_ROLES = ("ca_trust", "managed_python", "nomad_client_proxy", "services_certificates", "services_proxy")
MOST = 12
AFTER_A_CHANGE = ("served.yml",)  # files that come in only where a note waits: not in a run that finds nothing to do
INCLUDES = ("include_tasks", "import_tasks")
ELSEWHERE = ("include_role", "import_role")


def tasks_of(role: Path) -> int:
    """Tasks that a run plays where none fails, skipped ones too; and the look at the role's arguments, which is a task as well."""
    return (role / "meta" / "argument_specs.yml").exists() + sum(count(task, role / "tasks") for task in read(role / "tasks" / "main.yml"))


def count(task: dict[str, Any], folder: Path) -> int:
    """One task with all that it brings along, but for `rescue`."""
    if "block" in task:
        return sum(count(inner, folder) for inner in (*task["block"], *task.get("always", ())))
    named = {name.removeprefix("ansible.builtin."): value for name, value in task.items()}
    assert not any(name in named for name in ELSEWHERE), f"{task['name']}: another role's tasks are not counted here"
    for name in INCLUDES:
        if name in named:
            file = named[name] if isinstance(named[name], str) else named[name]["file"]
            assert "loop" not in task and "{{" not in file, f"{task['name']}: how many tasks come in is not known before a run"
            if file in AFTER_A_CHANGE:
                assert "restart_noted" in str(task["when"]), f"{task['name']}: it would come in also where nothing changed"
                return 1
            return (name == "include_tasks") + sum(count(inner, folder) for inner in read(folder / file))
    return 1


def read(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text())
    return found


@pytest.mark.parametrize("role", HOST_ROLES)
def test_a_role_of_hosts_has_twelve_tasks_at_most(role: str) -> None:
    assert 1 < tasks_of(ROLES / role) <= MOST


def role_with(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / "tasks" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


DEBUG = "- name: x\n  ansible.builtin.debug:\n"
INCLUDE = "- name: y\n  ansible.builtin.include_tasks: more.yml\n"
IN_A_BLOCK = f"- name: z\n  block:\n  {DEBUG.replace(chr(10), chr(10) + '  ')}{INCLUDE.replace(chr(10), chr(10) + '  ')}rescue: [{{name: w, fail: }}]\n"


@pytest.mark.parametrize(
    ("main", "tasks"),
    [
        (DEBUG * 13, 13),
        (INCLUDE * 3, 9),
        (INCLUDE.replace("include", "import") * 3, 6),
        (INCLUDE.replace("more.yml", "{file: more.yml}"), 3),
        (IN_A_BLOCK, 4),
    ],
)
def test_tasks_are_counted_through_includes_and_blocks(tmp_path: Path, main: str, tasks: int) -> None:
    assert tasks_of(role_with(tmp_path, main=main, more=DEBUG * 2)) == tasks


@pytest.mark.parametrize(
    "main", [INCLUDE + "  loop: [1, 2]\n", INCLUDE.replace("more.yml", "'{{ which }}.yml'"), "- name: x\n  ansible.builtin.include_role: {name: other}\n"]
)
def test_what_cannot_be_counted_is_refused(tmp_path: Path, main: str) -> None:
    with pytest.raises(AssertionError):
        tasks_of(role_with(tmp_path, main=main, more=DEBUG))


@pytest.mark.parametrize(("condition", "tasks"), [("result.restart_noted", 1), ("true", None)])
def test_what_comes_in_after_a_change_counts_once_and_only_under_that_condition(tmp_path: Path, condition: str, tasks: int | None) -> None:
    role = role_with(tmp_path, main=f"{INCLUDE.replace('more', 'served')}  when: {condition}\n", served=DEBUG * 5)
    if tasks is None:
        with pytest.raises(AssertionError):
            tasks_of(role)
    else:
        assert tasks_of(role) == tasks
