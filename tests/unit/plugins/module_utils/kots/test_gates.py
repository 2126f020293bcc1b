# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates: every version at both sides of its bound, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Server, gates, ttl_gate
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import App, Licence
from unit.plugins.module_utils.kots.values import site


def state_of(name: str, **changes: Any) -> str:
    return next(gate.state for gate in gates(site(**changes)) if gate.name == name)


def apps(label: str, permitted: bool | None = True) -> tuple[App, ...]:
    return (App("circleci-server", deployed=1, deployed_label=label, snapshots=permitted),)


def test_all_are_passed_by_a_good_installation() -> None:
    assert {gate.state for gate in gates(site())} == {"passed"} and len(gates(site())) == 9


@pytest.mark.parametrize(
    ("version", "state"),
    [("1.39.9", "failed"), ("1.40.0", "passed"), ("1.124.18", "passed"), ("v1.65.0", "passed"), ("2.0.0", "passed"), ("dev", "unknown"), (None, "unknown")],
)
def test_kots(version: str | None, state: str) -> None:
    assert state_of("kots_version", console=version) == state


@pytest.mark.parametrize(
    ("label", "state"),
    [("3.0.9", "failed"), ("3.1.0", "passed"), ("3.1.0-rc1", "passed"), ("4.0.0", "passed"), ("2.19.14", "failed"), ("", "unknown"), ("main", "unknown")],
)
def test_server(label: str, state: str) -> None:
    assert state_of("server_version", apps=apps(label)) == state


VELERO = [
    ("1.65.0", "1.6.3", "passed"),
    ("1.65.0", "1.9.0", "unknown"),
    ("1.117.2", "1.14.1", "unknown"),
    ("1.117.3", "1.14.1", "passed"),
    ("1.117.3", "1.14.2", "failed"),
    ("1.124.0", "1.15.2", "passed"),
    ("1.124.18", "1.16.0", "failed"),
    ("1.125.2", "1.16.2", "passed"),
    ("1.125.2", "1.17.0", "failed"),
    ("1.130.7", "1.18.3", "passed"),
    ("1.130.7", "1.19.0", "failed"),
    ("1.130.6", "1.18.3", "failed"),
    (None, "1.6.3", "unknown"),
]


@pytest.mark.parametrize(("kots", "velero", "state"), VELERO)
def test_velero_by_kots(kots: str | None, velero: str, state: str) -> None:
    assert state_of("velero_version", console=kots, server=Server(True, velero, True)) == state


def test_velero_without_a_version_of_its_own_is_what_kotsadm_saw() -> None:
    assert state_of("velero_version", server=Server(True, "", True)) == "passed"
    assert state_of("velero_version", server=Server(True, "", True), settings=None) == "unknown"


@pytest.mark.parametrize(
    ("licence", "permitted", "state"),
    [(True, False, "passed"), (False, True, "failed"), (None, True, "passed"), (None, False, "failed"), (None, None, "unknown")],
)
def test_the_licence_is_believed_before_kotsadm(licence: bool | None, permitted: bool | None, state: str) -> None:
    assert state_of("entitlement", licence=Licence(snapshots=licence), apps=apps("3.4.0", permitted)) == state
    assert licence is not None or state_of("entitlement", licence=None, apps=apps("3.4.0", permitted)) == state


BLIND = [
    ("console", "console", "console"),
    ("apps", "apps", "server_version"),
    ("server", "server", "velero"),
    ("minimal", "minimal", "minimal_rbac"),
    ("agents", "agents", "agents"),
]


@pytest.mark.parametrize(("field", "name", "gate"), BLIND)
def test_what_could_not_be_read_is_unknown_and_says_why(field: str, name: str, gate: str) -> None:
    found = next(one for one in gates(site(**{field: None}, blind={name: "refused (403)"})) if one.name == gate)
    assert found.state == "unknown" and "refused (403)" in found.reason


def test_a_location_that_could_not_be_read_is_unknown_and_one_that_is_not_there_is_not() -> None:
    assert state_of("location", location=None, blind={"location": "refused (403)"}) == "unknown"
    assert state_of("location", location=None) == "failed"


def test_every_failure_has_a_remedy() -> None:
    spoilt = site(console="1.39.0", apps=apps("3.0.0", False), licence=None, server=Server(), minimal=True, location=None)
    failed = [gate for gate in (*gates(spoilt), ttl_gate({"x": "30d"})) if gate.state == "failed"]
    assert len(failed) >= 6 and all(gate.remedy for gate in failed)
