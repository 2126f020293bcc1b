# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of a report: which sections there are, and what their tables and facts hold."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.filter.drain_report import FilterModule
from ansible_collections.serverops.circleci.plugins.plugin_utils.report_page import page_of, terms
from unit.plugins.plugin_utils.journals import journal, named, node, wanted


def headings(given: dict[str, Any]) -> list[str]:
    return [section["heading"] for section in page_of(given)["sections"]]


def block(given: dict[str, Any], heading: str, kind: str = "table") -> Any:
    section = next(section for section in page_of(given)["sections"] if section["heading"] == heading)
    return next(one for one in section["blocks"] if one["kind"] == kind)


def texts(table: Any) -> list[list[str]]:
    return [[cell["text"] for cell in row] for row in table["rows"]]


def test_a_drain_that_went_well_has_the_summary_first_and_then_the_details() -> None:
    assert headings(journal(node())) == ["At a glance", "What to do next", "Verdicts", "What was asked", "Timeline", "What was done"]


def test_a_refusal_has_what_was_asked_and_what_to_do_and_no_empty_section() -> None:
    assert headings(journal(phase="failed", message="no")) == ["What to do next", "What was asked"]


def test_check_mode_draws_no_timeline_and_foretells_the_orders() -> None:
    given = journal(node(), check_mode=True)
    assert "Timeline" not in headings(given)
    assert texts(block(given, "What would be done")) == [["1", "c1", "closed it, with a drain"]]
    assert "foretold" in str(block(given, "What was asked", "facts")["items"][0])


def test_the_figures_count_over_all_clients() -> None:
    given = journal(node(), node("c2", "killed", finished=3, killed=[named("x")], running=[named("y")], waited=70.0), phase="failed")
    figures = {item["label"]: (item["value"], item["tone"]) for item in block(given, "At a glance", "figures")["items"]}
    assert figures == {
        "clients drained": ("1 of 2", "warn"),
        "builds ended by themselves": ("4", "plain"),
        "builds left": ("1", "warn"),
        "builds killed": ("1", "bad"),
        "builds lost": ("0", "good"),
        "waited at most": ("1 min 10 s", "plain"),
    }


def test_verdicts_that_need_a_look_come_first_with_their_sign() -> None:
    rows = block(journal(node("a"), node("b", "unknown"), node("c", "lost", lost=[named()])), "Verdicts")["rows"]
    assert [(row[0]["text"], row[1]["tone"], row[1]["sign"]) for row in rows] == [("c", "bad", "✕"), ("b", "warn", "!"), ("a", "good", "✓")]


def test_every_build_that_did_not_end_by_itself_is_named() -> None:
    given = journal(node(verdict="killed", killed=[named("x")], lost=[named("y")], running=[named("z")]), phase="failed")
    found = texts(block(given, "Builds killed, lost or left"))
    assert [row[:3] for row in found] == [["x", "c1", "killed by a drain"], ["y", "c1", "lost with its client"], ["z", "c1", "still runs"]]


def test_a_release_counts_no_builds() -> None:
    given = journal(node(verdict="eligible", running=[named()]), wish=wanted(state="eligible"))
    assert "Builds killed, lost or left" not in headings(given)
    assert [column["text"] for column in block(given, "Verdicts")["columns"]] == ["Client", "Verdict", "In words", "Waited"]


def test_what_was_asked_names_who_when_where_and_what_is_not_known_is_left_out() -> None:
    told = {item["label"]: item["text"] for item in block(journal(node()), "What was asked", "facts")["items"]}
    assert told["Asked by"] == "ada" and told["Servers"] == "http://nomad:4646, Nomad 1.1.2, region global"
    assert told["Began"] == "2026-11-24 20:59:07 UTC" and told["Ended"] == "2026-11-24 21:00:12 UTC"
    empty = block(journal(phase="begun", asked={"by": "", "job": "", "url": ""}), "What was asked", "facts")
    assert {"Asked by", "Servers", "Ended"} & {item["label"] for item in empty["items"]} == set()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "no build may be killed"),
        ({"allow_killing_builds": True, "deadline": 90.0}, "what is left after 1 min 30 s is killed"),
        ({"max_in_flight": 2}, "at most 2 clients closed"),
        ({"max_build_time": 60.0}, "at most 1 min for one client"),
        ({"min_ready": 3}, "at least 3 other clients must stay open"),
        ({"ignore_system_jobs": False}, "system jobs must end too"),
        ({"take_over": True}, "takes over from others"),
        ({"wait": False}, "does not wait"),
    ],
)
def test_the_options_in_words(given: dict[str, Any], says: str) -> None:
    assert any(says in sentence for sentence in terms(wanted(**given)))


def test_orders_name_the_client_and_a_deadline() -> None:
    steps = [{"step": "drain", "id": "id-c1", "deadline": 30.0}, {"step": "lift_drain", "id": "unheard"}, {"step": "some_new", "id": "id-c1"}]
    told = texts(block(journal(node(), steps=steps), "What was done"))
    assert told == [
        ["1", "c1", "closed it, with a drain, and kills what is left after 30 s"],
        ["2", "unheard", "lifted its drain and made it eligible"],
        ["3", "c1", "some new"],
    ]


def test_a_thousand_clients_are_all_in_the_table_and_the_timeline_says_what_it_leaves_out() -> None:
    given = journal(*(node(f"c{number}") for number in range(1000)))
    assert len(block(given, "Verdicts")["rows"]) == 1000
    assert "700 clients more" in block(given, "Timeline", "text")["text"]


def test_the_filter_takes_a_journal_and_refuses_what_is_none() -> None:
    make = FilterModule().filters()["drain_report"]
    assert make(journal(node())) == page_of(journal(node()))
    with pytest.raises(AnsibleFilterError, match="wants the journal of a drain"):
        make({"phase": "ended"})
