# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Awkward values by every reader: they come through equal, or are refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host import apt, assignments, unit
from ansible_collections.serverops.circleci.plugins.module_utils.host.shell import statements
from unit.plugins.module_utils.host import readers

SOME, ALL = 40, 200
COUNTS = [SOME, pytest.param(ALL, marks=pytest.mark.soak)]


def named(values: list[str]) -> dict[str, str]:
    return {f"V{number}": value for number, value in enumerate(values)}


def taken(count: int, dialect: assignments.Dialect) -> dict[str, str]:
    return named([one for one in readers.awkward(count) if readers.fits(lambda value: dialect.quoted("V", value), one)])


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("shell", readers.SHELLS)
def test_exports(shell: str, count: int, tmp_path: Path) -> None:
    wanted = taken(count, assignments.EXPORTS)
    assert len(wanted) >= count - 5, "only NUL and line ends are refused"
    path = tmp_path / "customizations"
    path.write_text(assignments.with_variables("", wanted, assignments.EXPORTS))
    read = readers.by_shell(shell, path)
    assert {name: read.get(name) for name in wanted} == wanted
    assert assignments.variables(path.read_text()) == wanted


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("shell", readers.SHELLS)
def test_environment_by_shells_and_by_the_rule_of_pam(shell: str, count: int, tmp_path: Path) -> None:
    wanted = taken(count, assignments.ENVIRONMENT)
    assert len(wanted) >= count // 10
    path = tmp_path / "environment"
    path.write_text(assignments.with_variables("", wanted, assignments.ENVIRONMENT))
    read = readers.by_shell(shell, path, export=False)
    assert {name: read.get(name) for name in wanted} == wanted == readers.by_pam(path.read_text())


@pytest.mark.parametrize("count", COUNTS)
def test_a_drop_in_by_systemd(count: int, tmp_path: Path) -> None:
    wanted = named([one for one in readers.awkward(count) if readers.fits(lambda value: unit._escaped("V", value), one) and len(one) < 9999])
    assert len(wanted) >= count - 6
    text = unit.with_environment("", wanted)
    assert readers.by_systemd(text, tmp_path) == wanted
    assert unit.environment(text) == wanted


@pytest.mark.parametrize("count", COUNTS)
def test_an_env_file_by_the_rule_of_docker(count: int) -> None:
    wanted = named([one for one in readers.awkward(count) if readers.fits(lambda value: assignments.with_entries("", {"V": value}), one)])
    text = assignments.with_entries("", wanted)
    assert readers.by_docker(text) == wanted == assignments.entries(text)


@pytest.mark.parametrize("count", COUNTS)
def test_apt(count: int, tmp_path: Path) -> None:
    path = tmp_path / "95proxy"
    good = [one for one in readers.awkward(count) if readers.fits(lambda value: apt._checked("V", value), one) and one]
    assert len(good) > 5
    wanted = {f"Acquire::http::Proxy::h{number}": value for number, value in enumerate(good)}
    path.write_text(apt.with_proxy("", wanted))
    assert readers.by_apt(path) == wanted == apt.proxies(path.read_text())


def test_java_gets_the_words_of_jvm_opts(tmp_path: Path) -> None:
    path = tmp_path / "customizations"
    hosts = "169.254.169.254|*.s3.amazonaws.com|[::1]"
    options = f"-Dhttp.proxyHost=10.0.0.33 -Dhttp.proxyPort=3128 -Dhttp.nonProxyHosts={hosts}"
    path.write_text(assignments.with_variables("", {"JVM_OPTS": options}, assignments.EXPORTS))
    read = readers.by_java(path)
    assert (read["http.proxyHost"], read["http.proxyPort"], read["http.nonProxyHosts"]) == ("10.0.0.33", "3128", hosts)


PIECES = (
    "A",
    "B",
    "=",
    "1",
    " ",
    "'",
    '"',
    "\\",
    "\n",
    "#",
    "$",
    "`",
    "é",
    "\r",
    "export ",
    "A=1",
    'B="x y"',
    "export A='2'\n",
    "\\\n",
    "*",
    "~",
    "!",
    "{a,b}",
    ":",
)


@pytest.mark.parametrize(("count", "seed"), [(400, 1), pytest.param(20_000, 2, marks=pytest.mark.soak)])
def test_whatever_is_taken_for_plain_is_read_so_by_the_shells(count: int, seed: int, tmp_path: Path) -> None:
    """Files made of pieces at random: where no command is seen and each value is known, all shells know the same ones, before and after a change."""
    chance = random.Random(seed)
    path, tried = tmp_path / "file", 0
    while tried < count:
        text = "".join(chance.choice(PIECES) for _number in range(chance.randint(1, 14)))
        try:
            after = assignments.with_variables(text, {"A": "n w"}, assignments.EXPORTS)
        except Refused:
            continue
        tried += 1
        for now in (text, after):
            if assignments.is_plain(now):
                path.write_text(now, newline="")
                exported = {one.name for statement in statements(now) for one in statement.settings if one.exported}
                known = {name: value for name, value in assignments.variables(now).items() if name in exported}
                shell = readers.SHELLS[tried % 3]
                read = readers.by_shell(shell, path)
                assert {name: value for name, value in read.items() if name in ("A", "B", "AB", "BA", "AA", "BB")} == {
                    name: value for name, value in known.items() if name in ("A", "B", "AB", "BA", "AA", "BB")
                }, (shell, now)
