# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a recovery's report: what it calls back, what it never calls so, and what it tells to do next."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.filter.recovery_report import FilterModule, recovery_report
from ansible_collections.serverops.circleci.plugins.plugin_utils.recovery_page import outcome, page_of

GO_ON, LOOK = "ansible-playbook serverops.circleci.restore -e '{}'", "ansible localhost -m serverops.circleci.server_pods_info -a '{}'"


def step(name: str, state: str = "done", words: str = "it went well") -> dict[str, Any]:
    return {"step": name, "state": state, "words": words, "seconds": 2.0}


def journal(**fields: Any) -> dict[str, Any]:
    wanted = {"namespace": "circleci-server", "velero_namespace": "velero", "backup": "instance-x2x7q"}
    made = {"phase": "ended", "kind": "restore", "began": "2026-11-25T01:28:32Z", "time": "2026-11-25T01:50:00Z", "check_mode": False}
    made |= {"asked": {"by": "ada", "job": "job 7"}, "wanted": wanted, "message": "", "go_on": GO_ON, "look": LOOK, "addresses": [], "records": []}
    made |= {"backup": {"name": "instance-x2x7q", "started": "2026-11-25T00:00:00Z"}, "volumes": [], "clients": [], "total": 2, "restore": {}}
    made |= {"measured": {"recovery_point": 5312.0, "recovery_time": 1288.0, "restore_time": 700.0}, "steps": [step("look", "there"), step("restore")]}
    return {**made, **fields}


def recovery(**states: str) -> dict[str, Any]:
    """The journal of a recovery that ended: every step is done but those whose state is told."""
    names = ("look", "restore", "pods", "addresses", "settings", "dns", "nomad_server", "clients", "ready", "reachable", "lost_builds", "canary")
    return journal(steps=[step(name, states.get(name, "done")) for name in names], total=len(names))


def words_of(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(words_of(inner) for inner in value.values())
    return " ".join(words_of(inner) for inner in value) if isinstance(value, list) else str(value)


LOST = {"project": "github/example/app", "number": 7, "started": "2026-11-24T23:00:00.000Z", "url": "https://ci.example.com/gh/example/app/7"}


def test_builds_that_are_lost_are_told_and_records_that_were_set_are_not() -> None:
    records = [{"name": "ci.example.com", "type": "A", "value": "198.51.100.5", "now": ["198.51.100.1"]}]
    made = page_of(journal(lost_builds=[LOST], records=records, steps=[step("dns"), step("reachable", "there"), step("lost_builds", "by_hand")]))
    words = words_of(made)
    assert "github/example/app 7" in words and "nobody waits for" in words and "A person is wanted" in words
    assert "Must lead to" not in words and "Have the records" not in words


CASES: list[tuple[dict[str, Any], str, str, str]] = [
    (recovery(), "good", "Back", "The installation is back, with its data, its names, its clients and a first build."),
    (recovery(clients="not_wanted", ready="not_wanted"), "good", "Back", "with its data, its names and a first build. Nobody asked for"),
    (recovery(canary="not_wanted", lost_builds="not_wanted"), "good", "Back", "nothing is known of them: lost builds, canary."),
    (
        recovery(clients="not_wanted", ready="not_wanted", lost_builds="not_wanted", canary="not_wanted"),
        "warn",
        "Back, but unproven",
        "with its data and its names. Nobody asked for these steps, so nothing is known of them: clients, ready, lost builds, canary. Whether anything builds",
    ),
    (recovery(clients="not_wanted", lost_builds="by_hand"), "warn", "A person is wanted", "nothing is known of them: clients."),
    (journal(kind="drill"), "good", "Rehearsed", "restored elsewhere"),
    (journal(kind="drill", wanted={**journal()["wanted"], "into": "a second cluster"}), "good", "Rehearsed", "Take that cluster away now"),
    (journal(phase="begun", steps=[]), "warn", "Not ended", "goes on where it stands"),
    (journal(phase="failed", steps=[step("look", "failed")], message="no Velero"), "bad", "Refused", "0 of 2 steps are behind it. What stopped it: no Velero."),
    (
        journal(phase="failed", steps=[step("look", "there"), step("restore", "failed")], message="it stalled"),
        "bad",
        "Not finished",
        "1 of 2 steps are behind it. What stopped it: it stalled.",
    ),
    (journal(check_mode=True, steps=[step("look", "there"), step("restore", "foretold")]), "plain", "Foretold", "Nothing was changed."),
    (journal(steps=[step("look", "there"), step("dns", "by_hand")]), "warn", "A person is wanted", "what is left is listed below"),
]


@pytest.mark.parametrize(("given", "tone", "word", "lead"), CASES)
def test_the_outcome(given: dict[str, Any], tone: str, word: str, lead: str) -> None:
    found = outcome(given)
    assert (found["tone"], found["word"]) == (tone, word) and lead in found["lead"]


@pytest.mark.parametrize("given", [case[0] for case in CASES])
def test_every_journal_makes_a_page_with_a_command_to_look_again(given: dict[str, Any]) -> None:
    page = page_of(given)
    assert page["sections"] and all(section["blocks"] for section in page["sections"])
    assert LOOK in words_of(page)
    assert (GO_ON in words_of(page)) == (outcome(given)["tone"] != "good")


def test_clients_that_were_not_looked_at_are_not_called_back() -> None:
    for given in (recovery(clients="not_wanted"), recovery(clients="not_wanted", canary="not_wanted"), recovery(clients="not_wanted", dns="by_hand")):
        assert "its clients" not in outcome(given)["lead"]


def test_where_nothing_shows_that_it_builds_it_is_told_what_to_ask_for() -> None:
    told = words_of(page_of(recovery(clients="not_wanted", canary="not_wanted")))
    assert "nomad_clients" in told and "kots_disaster_recovery_canary" in told and GO_ON in told


@pytest.mark.parametrize("fields", [{"phase": "failed"}, {"check_mode": True}])
def test_what_the_command_cannot_carry_is_named_beside_it(fields: dict[str, Any]) -> None:
    told = words_of(page_of(journal(besides=["kots_disaster_recovery_canary", "restore_aws"], **fields)))
    assert "since it may be secret: kots_disaster_recovery_canary, restore_aws. Give that besides (-e @file)" in told
    assert "may be secret" not in words_of(page_of(journal(besides=[], **fields)))


def test_what_was_measured_and_each_step_are_on_it() -> None:
    told = words_of(page_of(journal()))
    for words in (
        "1 h 28 min between backup and restore",
        "21 min 28 s from the command to the end",
        "11 min 40 s of Velero's own work",
        "2 of 2 steps",
        "1 look",
    ):
        assert words in told
    assert "of work would be lost" in words_of(page_of(journal(kind="drill")))


def test_seconds_that_are_texts_as_older_cores_write_them_are_told_too() -> None:
    assert "12 s" in words_of(page_of(journal(steps=[{**step("look"), "seconds": "12.3"}])))


def test_records_addresses_volumes_and_clients_are_listed_with_what_is_wrong() -> None:
    given = journal(
        phase="failed",
        records=[{"name": "ci.example.com", "type": "A", "value": "198.51.100.9", "now": ["198.51.100.1"]}],
        addresses=[{"service": "vm-service", "hosts": [], "addresses": []}],
        volumes=[{"claim": "data-vault-0", "state": "differs", "words": "1 file is missing"}],
        clients=[{"name": "c1", "status": "down"}],
    )
    told = words_of(page_of(given))
    assert "198.51.100.9" not in words_of(page_of({**given, "phase": "ended", "steps": recovery()["steps"]}))
    for words in ("ci.example.com", "198.51.100.9", "198.51.100.1", "none yet", "1 file is missing", "c1", "down"):
        assert words in told


def test_what_a_trial_brought_back_is_counted() -> None:
    told = words_of(page_of(journal(kind="drill", restore={"trial": {"at": "2026-11-25T01:40:00Z", "volumes": 4, "bytes": 96_000_000, "objects": 41}})))
    for words in ("4 volumes came back", "in them", "41 objects came back"):
        assert words in told


def test_nothing_is_measured_where_nothing_was_done() -> None:
    assert "from the command to the end" not in words_of(page_of(journal(check_mode=True)))
    assert "of Velero's own work" not in words_of(page_of(journal(measured={})))


def test_the_filter_is_found_and_refuses_what_is_no_journal() -> None:
    assert FilterModule().filters()["recovery_report"] is recovery_report and recovery_report(journal())["title"].startswith("Recovery of circleci-server")
    with pytest.raises(AnsibleFilterError, match="wants the journal of a recovery"):
        recovery_report({"phase": "ended"})
