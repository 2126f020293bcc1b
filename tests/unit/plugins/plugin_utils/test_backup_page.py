# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a backup's report: what it calls proven, what it never calls so, and what it tells to do next."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.plugin_utils.backup_page import outcome, page_of
from ansible_collections.serverops.circleci.plugins.plugin_utils.report_blocks import size

GO_ON, LOOK = "ansible-playbook serverops.circleci.backup -e '{}'", "ansible localhost -m serverops.circleci.kots_backup_info -a '{}'"


def volume(claim: str, count: int | None = 1200, phase: str = "Completed") -> dict[str, Any]:
    return {"namespace": "circleci-server", "pod": f"{claim}-0", "volume": "data", "claim": claim, "phase": phase, "bytes": count, "reason": None}


def backup(**fields: Any) -> dict[str, Any]:
    proofs = {"phase": "passed", "volumes": "passed", "files": "passed", "repository": "not_asked", "restored": "not_asked"}
    made = {"name": "instance-x2x7q", "age": 95.0, "errors": 0, "warnings": 0, "volumes": [volume("data-postgresql-0"), volume("datadir-mongodb-0", 2_000_000)]}
    return {**made, "proofs": proofs, "reasons": [], **fields}


def result(verdict: str = "verified", **fields: Any) -> dict[str, Any]:
    told = {"backup": backup(), "verdict": verdict, "reason": "backup instance-x2x7q is proven", "joined": False, "reused": False, "skipped": [], "stalled": []}
    return {**told, "gates": [], "steps": [{"step": "backup"}], "waited": 12.0, **fields}


def journal(told: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    wanted = {"namespace": "circleci-server", "velero_namespace": "velero", "max_age": 0.0, "required_proofs": ["phase", "volumes", "files"]}
    wanted |= {"wait": True, "wait_timeout": 18000.0}
    made = {"phase": "ended", "began": "2026-11-25T01:28:32Z", "time": "2026-11-25T01:30:00Z", "check_mode": False, "asked": {"by": "ada", "job": "job 7"}}
    made |= {"wanted": wanted, "message": "", "changed": True, "run": "r1", "problems": [], "go_on": GO_ON, "look": LOOK}
    return {**made, "result": result() if told is None else told, **fields}


def words_of(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(words_of(inner) for inner in value.values())
    return " ".join(words_of(inner) for inner in value) if isinstance(value, list) else str(value)


CASES: list[tuple[dict[str, Any], str, str, str]] = [
    (journal(), "good", "Proven", "Backup instance-x2x7q was made by this run."),
    (journal(result(reused=True)), "good", "Proven", "was there already, young enough"),
    (journal(result(joined=True)), "good", "Proven", "was running already and was joined"),
    (journal(result("unverified"), phase="failed", message="volumes: no bytes"), "bad", "Not proven", "What the run said: volumes: no bytes."),
    (journal(result("stalled"), phase="failed", message="nobody works on it"), "bad", "Stalled", "nobody works on it"),
    (
        journal(result("refused", backup=None), phase="failed", message="KOTS is 1.39.0"),
        "bad",
        "Refused",
        "No backup was begun. What the run said: KOTS is 1.39.0.",
    ),
    (journal(result("unknown"), phase="failed", message="no answer"), "warn", "Not known", "no answer"),
    (journal(result("running")), "warn", "Not ended", "was made by this run"),
    (journal({}, phase="failed", message="no Velero"), "bad", "Refused", "No backup was begun. What it said: no Velero."),
    (journal({}, phase="begun"), "warn", "Not ended", "takes it up"),
    (journal(check_mode=True), "plain", "Foretold", "Nothing was changed. The real run would begin a backup."),
    (journal(result(steps=[], reused=True), check_mode=True), "plain", "Foretold", "would begin none: backup instance-x2x7q is proven."),
    (journal(check_mode=True, phase="failed", message="no rights"), "bad", "Foretold", "The real run would fail: no rights."),
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


def test_an_empty_volume_stands_first_and_is_no_volume_with_data() -> None:
    made = backup(volumes=[volume("full"), volume("empty", 0)], proofs={"volumes": "failed"})
    page = page_of(journal(result("unverified", backup=made), phase="failed"))
    rows = next(section for section in page["sections"] if section["heading"] == "Volumes")["blocks"][0]["rows"]
    assert [(row[0]["text"], row[1]["tone"]) for row in rows] == [("empty", "bad"), ("full", "good")]
    assert "1 of 2 volumes with data" in words_of(page["sections"][0])


def test_a_volume_that_may_be_empty_is_no_fault_of_a_proven_backup() -> None:
    page = page_of(journal(result(backup=backup(volumes=[volume("full"), volume("empty", 0)]))))
    rows = next(section for section in page["sections"] if section["heading"] == "Volumes")["blocks"][0]["rows"]
    assert [(row[0]["text"], row[1]["tone"], row[2]["text"]) for row in rows] == [("empty", "", "empty, as allow_empty lets it be"), ("full", "good", "")]
    glance = next(item for item in page["sections"][0]["blocks"][0]["items"] if "with data" in words_of(item))
    assert "1 of 2" in words_of(glance) and glance["tone"] == "good"


def test_gates_that_are_open_are_left_out_and_problems_come_with_their_remedy() -> None:
    gates = [
        {"gate": "console", "state": "passed", "reason": "kotsadm answers", "remedy": None},
        {"gate": "kots_version", "state": "failed", "reason": "KOTS is 1.39.0", "remedy": "upgrade it"},
    ]
    problem = {"cause": "clock_skew", "evidence": "RequestTimeTooSkewed", "remedy": "set the clocks"}
    told = words_of(page_of(journal(result("refused", backup=None, gates=gates), phase="failed", problems=[problem])))
    assert "kotsadm answers" not in told and "KOTS is 1.39.0" in told and "upgrade it" in told
    assert "clock skew" in told and "set the clocks" in told


def test_what_was_asked_is_told_with_who_asked() -> None:
    told = words_of(page_of(journal()))
    assert "ada, job 7" in told and "always a new one" in told and "3 proofs required: phase, volumes, files" in told


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (12_345, "12 kB"), (1_234_567, "1.2 MB"), (5_000_000_000, "5.0 GB")])
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text
