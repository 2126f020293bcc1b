# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login: what it may be, the command line it becomes, and what the ssh client's words mean. Texts are those of OpenSSH 9."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.transport.login import Login, argv, checked, failure


def test_the_command_line_asks_nothing_checks_the_host_and_shares_nothing() -> None:
    login = Login("bastion.example", "ops", 2222, "/keys/id", "/keys/known")
    made = argv(login, "127.0.0.1:4646", 8.4)
    assert made[:3] == ["ssh", "-W", "127.0.0.1:4646"] and made[-2:] == ["--", "bastion.example"]
    options = {made[index + 1] for index, word in enumerate(made) if word == "-o"}
    wanted = {"BatchMode=yes", "StrictHostKeyChecking=yes", "ExitOnForwardFailure=yes", "ControlMaster=no", "ControlPath=none", "ConnectTimeout=8"}
    assert wanted | {"IdentitiesOnly=yes", 'UserKnownHostsFile="/keys/known"', "ServerAliveInterval=15"} <= options
    assert [made[made.index(flag) + 1] for flag in ("-l", "-p", "-i")] == ["ops", "2222", "/keys/id"]


def test_what_is_not_given_is_left_to_the_ssh_client() -> None:
    made = argv(Login("bastion.example"), "127.0.0.1:4646", 0.2)
    assert not {"-l", "-p", "-i"} & set(made) and not any("Identities" in word or "KnownHosts" in word for word in made)
    assert "ConnectTimeout=1" in made


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "-oProxyCommand=touch"},
        {"host": "a b"},
        {"host": "ops@bastion"},
        {"host": "$(id)"},
        {"host": "a;id"},
        {"host": ""},
        {"user": "-x"},
        {"user": "a b"},
        {"user": "`id`"},
        {"port": 0},
        {"port": 70000},
        {"key_file": "/a%h"},
        {"known_hosts_file": '/a"b'},
    ],
)
def test_what_cannot_be_is_refused_with_its_option(fields: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=f"ssh_forward.{next(iter(fields))} is"):
        checked(Login(**{"host": "bastion", **fields}))


@pytest.mark.parametrize("host", ["bastion", "10.0.0.1", "2001:db8::1", "[::1]", "services_1.example"])
def test_what_can_be_is_taken(host: str) -> None:
    login = Login(host, "DOMAIN\\ops", 22)
    assert checked(login) is login


WORDS: list[tuple[str, type[CollectionError], bool, list[str]]] = [
    ("Host key verification failed.", Refused, False, ["ssh_forward.host", "known_hosts_file"]),
    ("No ED25519 host key is known for x and you have requested strict checking.\nHost key verification failed.", Refused, False, ["ssh-keyscan"]),
    ("@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\nHost key verification failed.", Refused, False, ["differs", "in between"]),
    ("ops@x: Permission denied (publickey).", NotPermitted, False, ["ops@bastion:22", "key_file (/k)", "authorized_keys"]),
    ("@ WARNING: UNPROTECTED PRIVATE KEY FILE! @\nops@x: Permission denied (publickey).", BadInput, False, ["/k", "chmod 600"]),
    ("ssh: Could not resolve hostname x: Name or service not known", BadInput, False, ["no address here"]),
    ("ssh: Could not resolve hostname x: Temporary failure in name resolution", Unreachable, True, ["nobody answers"]),
    ("ssh: connect to host x port 22: Connection refused", Unreachable, True, ["nobody answers", "ssh_forward.port"]),
    ("ssh: connect to host x port 22: Connection timed out", Unreachable, True, ["nobody answers"]),
    ("channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed", Unreachable, True, ["127.0.0.1:4646", "nomad_url"]),
    ("channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed", Refused, False, ["AllowTcpForwarding", "PermitOpen"]),
    ("Timeout, server x not responding.", Unreachable, True, ["broke", "not responding"]),
    ("Connection to x closed by remote host.", Unreachable, True, ["broke"]),
    ("", Unreachable, True, ["it said nothing"]),
    ("Access is for staff. Permission denied to all others.\nssh: connect to host x port 22: Connection refused", Unreachable, True, ["nobody answers"]),
]


@pytest.mark.parametrize(("text", "kind", "again", "words"), WORDS)
def test_the_clients_words_become_one_sentence(text: str, kind: type[CollectionError], again: bool, words: list[str]) -> None:
    found = failure(Login("bastion", "ops", 22, "/k"), "127.0.0.1:4646", text)
    assert isinstance(found, kind) and all(word in str(found) for word in words), str(found)
    assert getattr(found, "retry", False) == again
    assert "\n" not in str(found)
