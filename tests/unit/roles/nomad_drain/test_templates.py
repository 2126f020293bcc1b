# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain's journal and its table, rendered as Ansible does: the commands they name reach the servers as the run did."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.plugins.plugin_utils.journals import node

ROLE = Path(__file__).resolve().parents[4] / "roles/nomad_drain"
URL = "http://nomad:4646"
MARK = {"owner": "serverops.circleci", "run": "r", "intent": "drained", "since": "", "was": "eligible"}
DEFAULTS = {key: value for key, value in yaml.safe_load((ROLE / "defaults/main.yml").read_text()).items() if "{{" not in str(value)}
JOURNAL = yaml.safe_load((ROLE.parent / "journal/vars/main.yml").read_text())  # what is the same in every journal
KNOWN = {"journal_known": {"drained": {"began": ""}, "eligible": {"began": ""}}, "journal_asked_by": "", "journal_asked_job": "", "ansible_check_mode": False}
# A process of its own: Ansible's loader of plugins changes how collections are imported.
RENDERER = """
import json, sys
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
init_plugin_loader([])
for line in sys.stdin:
    path, given = json.loads(line)
    variables = {name: trust_as_template(value) if isinstance(value, str) and "{{" in value else value for name, value in given.items()}
    look = "{{ lookup('ansible.builtin.template', '" + path + "', convert_data=false) }}"
    print(json.dumps(str(Templar(loader=DataLoader(), variables=variables).template(trust_as_template(look)))), flush=True)
"""
Render = Callable[..., str]
Journal = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def rendered() -> Iterator[Render]:
    """A template of the role with these variables."""
    with subprocess.Popen([sys.executable, "-c", RENDERER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def render(template: str, **given: Any) -> str:
            assert process.stdin and process.stdout
            variables = {"nomad_url": URL, "nomad_drain_nodes": "c1", **JOURNAL, **KNOWN, **DEFAULTS, **given}
            print(json.dumps([str(ROLE / "templates" / template), variables]), file=process.stdin, flush=True)
            return str(json.loads(process.stdout.readline()))

        yield render
        process.kill()


@pytest.fixture
def journal(rendered: Render) -> Journal:
    """The journal in that phase."""
    return lambda phase="ended", **given: dict(json.loads(rendered("journal.json.j2", nomad_drain_phase=phase, **given)))


def commands(book: dict[str, Any]) -> list[dict[str, Any]]:
    """What each command of the journal hands over."""
    return [json.loads(shlex.split(book[name])[-1]) for name in ("go_on", "undo", "look")]


@pytest.mark.parametrize("answer", [False, "false", "no"])
def test_the_commands_keep_how_the_servers_are_spoken_to(journal: Journal, answer: Any) -> None:
    book = journal(nomad_drain_result={"nodes": [node(mark=MARK)]}, nomad_validate_certs=answer, nomad_timeout="30")
    for handed in commands(book):
        assert (handed["nomad_url"], handed["nomad_validate_certs"], handed["nomad_timeout"]) == (URL, False, 30.0)


@pytest.mark.parametrize("given", [{}, {"nomad_validate_certs": True, "nomad_timeout": ""}])
def test_what_is_usual_is_left_out(journal: Journal, given: dict[str, Any]) -> None:
    book = journal(nomad_drain_result={"nodes": [node(mark=MARK)]}, **given)
    assert [sorted(handed) for handed in commands(book)] == [
        ["nomad_drain_nodes", "nomad_url"],
        ["nomad_drain_nodes", "nomad_url"],
        ["allocations", "nodes", "nomad_url"],
    ]


def test_while_no_client_is_known_the_way_back_says_what_an_old_nomad_needs(journal: Journal) -> None:
    book = journal("begun")
    assert "nomad_drain_take_over" not in book["undo"] and "before 1.1 with -e nomad_drain_take_over=true" in book["undo_note"]
    assert journal("begun", nomad_drain_state="eligible")["undo_note"] == ""


@pytest.mark.parametrize(("mark", "by_force"), [(MARK, False), ("none", True)])
def test_once_clients_are_known_the_way_back_is_whole(journal: Journal, mark: Any, by_force: bool) -> None:
    book = journal(nomad_drain_result={"nodes": [node(mark=mark)]})
    assert ("nomad_drain_take_over" in book["undo"], book["undo_note"]) == (by_force, "")


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"msg": "no such client", "steps": []}, "nothing was done: no such client"),
        ({"msg": "MODULE FAILURE"}, "what was done is not known: MODULE FAILURE"),
        ({"msg": "unreachable", "unreachable": True}, "what was done is not known: unreachable"),
        ({"msg": "cut off", "steps": [{"step": "drain"}], "nodes": [node(verdict="unknown")]}, "c1: c1 is unknown"),
    ],
)
def test_the_table_says_nothing_was_done_only_where_that_is_known(rendered: Render, result: dict[str, Any], says: str) -> None:
    lines = rendered("verdicts.txt.j2", nomad_drain_result=result).splitlines()
    assert lines[-1] == says
