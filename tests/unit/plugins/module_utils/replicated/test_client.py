# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument lists of the programs on a Services host, what of their answers counts, and that no secret is in either."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.replicated import client
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import Held
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import Ran

CANARY = "canary-3f9a1c"


class Script:
    """Programs that answer what they are told to; what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Ran) -> None:
        self.answers, self.asked, self.fed = list(answers), [], []
        self.asked: list[list[str]] = []
        self.fed: list[str] = []
        monkeypatch.setattr(commands, "run", self.run)
        monkeypatch.setattr(commands, "find_program", lambda *names: names[-1])

    def run(self, argv: Sequence[str], _timeout: float = 0.0, fed: Any = None) -> Ran:
        self.asked.append(list(argv))
        self.fed.append(fed.reveal() if fed else "")
        return self.answers.pop(0)


def test_argument_lists() -> None:
    lists = [client.status_argv(), client.system_argv(), client.start_argv(), client.stop_argv(), client.export_argv(), client.view_argv()]
    assert [" ".join(one) for one in [*lists, client.import_argv()]] == [
        "app status -o json",
        "system status -q",
        "app start -q",
        "app stop -q",
        "app-config export --hidden -o json",
        "app-config view -o json",
        "app-config import",
    ]
    assert client.inspect_argv(["a", "b"])[-2:] == ["a", "b"]
    assert "Env" not in client.INSPECT


def test_items_are_fed_and_never_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, Ran(0))
    ReplicatedClient().import_items({"ssl_private_key": Held(Secret("key.pem"), Secret(CANARY))})
    assert json.loads(script.fed[0]) == {"ssl_private_key": {"value": "key.pem", "data": CANARY}}
    assert CANARY not in str(script.asked)


def test_a_refusal_is_told_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, Ran(1, "", f"Error: {CANARY} is no\n  key"))
    with pytest.raises(Refused) as caught:
        ReplicatedClient().import_items({"ssl_private_key": Held(Secret("key.pem"), Secret(CANARY))})
    assert "import the settings: replicatedctl refuses: Error: ******** is no key" in str(caught.value)


@pytest.mark.parametrize(
    ("ran", "kind"),
    [(Ran(None), Unreachable), (Ran(1, "", "Error: Replicated is initializing"), Unreachable), (Ran(0, "ok"), Unreachable)],
)
def test_no_state_is_no_state(monkeypatch: pytest.MonkeyPatch, ran: Ran, kind: type[CollectionError]) -> None:
    Script(monkeypatch, ran)
    with pytest.raises(kind, match="read the state of the app"):
        ReplicatedClient().status()


def test_an_order_without_an_answer_is_in_doubt_and_a_refused_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, Ran(None), Ran(1, "", "Error: no"))
    with pytest.raises(Unreachable):
        ReplicatedClient().stop()
    with pytest.raises(Refused, match="stop the app: replicatedctl refuses: Error: no"):
        ReplicatedClient().stop()


def test_containers_that_are_not_there_are_left_out_and_a_silent_docker_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "Error: No such object: b\nError: No such object: c\n"
    Script(monkeypatch, Ran(1, "/a true 2026-03-04T05:06:07Z\n", missing), Ran(1, "", "Cannot connect to the Docker daemon"), Ran(None))
    assert [one.name for one in ReplicatedClient().containers(["a", "b", "c"])] == ["a"]
    for _each in range(2):
        with pytest.raises(Unreachable, match="docker inspect does not answer"):
            ReplicatedClient().containers(["a"])


def test_elsewhere_than_on_a_services_host_the_programs_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "find_program", lambda *_names: None)
    with pytest.raises(NotFound, match="replicatedctl is neither"):
        ReplicatedClient().status()
    with pytest.raises(NotFound, match="docker is not on PATH"):
        ReplicatedClient().containers(["a"])
