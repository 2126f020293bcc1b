# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins of systemd, JSON, apt, /etc/hosts: one value each, the rest as it was."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host import apt, hosts, json_file, unit
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)
NAMES = st.sampled_from(["A", "B", "HTTP_PROXY"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[Service]\nEnvironment="A=1"\n'),
        ("[Service]\n", '[Service]\nEnvironment="A=1"\n'),
        ("[Unit]\nAfter=x\n\n[Service]\n# c\nRestart=no\n\n[Install]\n", '[Unit]\nAfter=x\n\n[Service]\n# c\nRestart=no\nEnvironment="A=1"\n\n[Install]\n'),
        ("[Service]\nEnvironment=A=1\n", "[Service]\nEnvironment=A=1\n"),
        ("[Service]\nEnvironment=A=2 'B=x y'\n", "[Service]\nEnvironment='B=x y'\nEnvironment=\"A=1\"\n"),
        ("[Service]\nEnvironment=A=1\nEnvironment=A=1\n", '[Service]\nEnvironment="A=1"\n'),
        ("[Service]\nEnvironment=A=1\nEnvironment=\n", '[Service]\nEnvironment=\nEnvironment="A=1"\n'),
        ("[Service]\r\nEnvironment=A=2\r\n", '[Service]\nEnvironment="A=1"\n'),
        ("[Service]\n#Environment=A=2\nEnvironment=A=2 \\\n  B=3", '[Service]\n#Environment=A=2\nEnvironment=B=3\nEnvironment="A=1"\n'),
        ("[Unit]\nEnvironment=A=1\n", '[Unit]\nEnvironment=A=1\n\n[Service]\nEnvironment="A=1"\n'),
        ("[Service]\nEnvironment=A=%h\n", '[Service]\nEnvironment="A=1"\n'),
    ],
)
def test_a_drop_in(before: str, after: str) -> None:
    assert unit.with_environment(before, {"A": "1"}) == after
    assert unit.with_environment(after, {"A": "1"}) == after
    assert "A" not in unit.environment(unit.with_environment(after, {"A": None}))


@given(st.dictionaries(NAMES, TEXTS), st.sampled_from(["", "[Service]\nEnvironment=A=1 C=2\n", "[Service]\nUser=x\n[Install]\n"]))
def test_a_drop_in_holds_what_was_written(wanted: dict[str, str], text: str) -> None:
    after = unit.with_environment(text, wanted)
    found = unit.environment(after)
    assert {name: found[name] for name in wanted} == wanted and unit.with_environment(after, wanted) == after
    assert ("C" in unit.environment(text)) == ("C" in found)


def test_a_drop_in_that_systemd_would_not_read_is_refused() -> None:
    with pytest.raises(Refused, match="never closed"):
        unit.with_environment('[Service]\nEnvironment="A=1\n', {"A": "1"})
    with pytest.raises(BadInput, match="control character"):
        unit.with_environment("", {"A": "a\nb"})


@given(st.text(st.sampled_from("[Service]\nEnvironment=A \\\"'%#"), max_size=60))
def test_no_letter_of_a_drop_in_is_lost(text: str) -> None:
    assert "".join(unit.LINE.findall(text)) == text


BASE, OURS, LATER = "/lib/systemd/system/docker.service", "/etc/systemd/system/docker.service.d/http-proxy.conf", "/etc/systemd/system/docker.service.d/zz.conf"
SHOWN = f"""# {BASE}
[Unit]
Description=x
[Service]
# /no/part/of/it
Environment=A=0 C=%h
EnvironmentFile=-/etc/sysconfig/docker

# {LATER}
[Service]
Environment="B=2"
"""


def test_a_unit_is_put_together_of_its_files() -> None:
    made_of = unit.parts(SHOWN)
    assert [path for path, _text in made_of] == [BASE, LATER]
    assert unit.last_words(made_of) == {"A": ("0", BASE), "C": (None, BASE), "B": ("2", LATER)}
    assert unit.environment_files(made_of) == ["/etc/sysconfig/docker"]
    assert unit.environment_files([*made_of, ("/x.conf", "[Service]\nEnvironmentFile=\n")]) == []
    ours = unit.with_part(made_of, OURS, '[Service]\nEnvironment="A=1" "B=1"\n')
    assert [path for path, _text in ours] == [BASE, OURS, LATER], "drop-ins are read by their names, the unit first"
    assert unit.with_part(ours, OURS, ours[1][1]) == ours
    assert unit.last_words(ours) == {"A": ("1", OURS), "C": (None, BASE), "B": ("2", LATER)}
    assert unit.last_words([*ours, ("/z.conf", "[Service]\nEnvironment=\n")]) == {}
    assert unit.last_words([*ours, ("/z.conf", '[Service]\nEnvironment="A=9\n')])["A"] == ("1", OURS), "systemd leaves such a line out"
    assert unit.parts("No files found for docker.service.\n") == []


NOW = datetime(2026, 11, 29, 15, 10, 0, tzinfo=timezone.utc)
STARTED = "ExecMainStartTimestamp=Sun 2026-11-29 15:02:41 UTC\nExecMainStartTimestampMonotonic={}\nNeedDaemonReload={}\n"


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        (STARTED.format(561_250_000, "no"), "15:02:41.250000"),  # 1000 s after boot it is 15:10:00
        (STARTED.format(900_000_000, "no"), "15:02:41.000000"),  # the clock was set since: only what was written down then counts
        (STARTED.format("", "no"), "15:02:41.000000"),
        (STARTED.format(561_250_000, "yes"), None),  # systemd has not read its files again, so the restart had the old ones
        ("ExecMainStartTimestamp=\nExecMainStartTimestampMonotonic=0\nNeedDaemonReload=no\n", None),
        ("", None),
    ],
)
def test_when_a_unit_started(shown: str, found: str | None) -> None:
    started = unit.started(shown, NOW, 1000.0)
    assert (started and started.strftime("%H:%M:%S.%f")) == found


PLACE = "/proxies/default/httpProxy"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", {"proxies": {"default": {"httpProxy": "u"}}}),
        ('{"auths": {}, "proxies": {"default": {"noProxy": "x"}}}', {"auths": {}, "proxies": {"default": {"noProxy": "x", "httpProxy": "u"}}}),
        ('{"proxies": {"default": {"httpProxy": "a", "httpProxy": "u"}}}', {"proxies": {"default": {"httpProxy": "u"}}}),
    ],
)
def test_json(before: str, after: dict[str, Any]) -> None:
    text = json_file.with_members(before, {PLACE: "u"})
    assert json.loads(text) == after and list(json.loads(text)) == list(after)
    assert json_file.with_members(text, {PLACE: "u"}) == text and json_file.members(text, [PLACE]) == {PLACE: "u"}


def test_json_keeps_its_indent_and_leaves_no_empty_objects() -> None:
    text = '{\n    "a": 1,\n    "proxies": {\n        "default": {\n            "httpProxy": "u"\n        }\n    }\n}\n'
    assert json_file.with_members(text, {PLACE: None}) == '{\n    "a": 1\n}\n'
    assert json_file.with_members(text, {PLACE: "u"}) == text
    assert json_file.with_members("", {PLACE: None}) == ""


@pytest.mark.parametrize(("text", "words"), [("{", "line 1"), ("[]", "no object"), ('{"proxies": 1}', "proxies is no object")])
def test_json_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        json_file.with_members(text, {PLACE: "u"})


APT = {"Acquire::http::Proxy": "http://p:1", "Acquire::http::Proxy::ghe": "DIRECT"}


@pytest.mark.parametrize(
    "before",
    [
        "",
        "// c\n",
        'acquire::HTTP::proxy "http://p:1"; // kept\n',
        'Acquire::http::Proxy "http://old:1";\nAcquire::http::Proxy::gone "DIRECT";\nAPT::Get::Assume-Yes "true";',
    ],
)
def test_apt(before: str) -> None:
    after = apt.with_proxy(before, APT)
    assert {name.lower(): value for name, value in apt.proxies(after).items()} == {name.lower(): value for name, value in APT.items()}
    assert apt.with_proxy(after, APT) == after and apt.proxies(apt.with_proxy(after, {})) == {}
    assert [line for line in ("// c", "// kept", "Assume-Yes") if line in before] == [line for line in ("// c", "// kept", "Assume-Yes") if line in after]


def test_apt_in_another_way_is_refused() -> None:
    with pytest.raises(Refused, match="line 1 sets a proxy in another way"):
        apt.with_proxy('Acquire { http { Proxy "x"; } }\n', APT)
    with pytest.raises(BadInput, match="apt does not take"):
        apt.with_proxy("", {"Acquire::http::Proxy": 'a"b'})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "10.0.0.1\tghe\n"),
        ("10.0.0.1 ghe", "10.0.0.1 ghe"),
        ("10.0.0.2 ghe # c\n", "# c\n10.0.0.1\tghe\n"),
        ("10.0.0.2 other GHE\n", "10.0.0.2\tother\n10.0.0.1\tghe\n"),
        ("10.0.0.1 ghe\n10.0.0.1 x ghe\n::1 ghe\n", "10.0.0.1 ghe\n10.0.0.1\tx\n"),
        ("127.0.0.1 localhost\r\n", "127.0.0.1 localhost\n10.0.0.1\tghe\n"),
    ],
)
def test_hosts(before: str, after: str) -> None:
    assert hosts.with_names(before, {"ghe": "10.0.0.1"}) == after
    assert hosts.with_names(after, {"ghe": "10.0.0.1"}) == after and hosts.addresses(after)["ghe"] == "10.0.0.1"
    assert "ghe" not in hosts.addresses(hosts.with_names(after, {"ghe": None}))


@pytest.mark.parametrize(("name", "address"), [("localhost", "10.0.0.1"), ("a b", "10.0.0.1"), ("ghe", "10.0.0"), ("ghe", "ghe2"), ("-", "10.0.0.1")])
def test_hosts_that_cannot_be_are_refused(name: str, address: str) -> None:
    with pytest.raises(BadInput):
        hosts.with_names("", {name: address})
