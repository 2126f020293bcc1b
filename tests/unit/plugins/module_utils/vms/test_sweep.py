# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about the machines of the VM service, line by line; and what is told of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Decision, Look
from ansible_collections.serverops.circleci.plugins.module_utils.vms import sweep
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import Records, Vm, VmSpec
from ansible_collections.serverops.circleci.plugins.module_utils.vms.sweep import VmState

NOW, HOUR = 1_700_000_000.0, 3600.0
LIST = VmSpec("aws", "eu-west-1", security_groups=("sg-1",))
SWEEP = replace(LIST, orphans="terminated", records="2.x")
KNOWN = Vm("i-0aaaaaaaaaaaaaaaa", type="m5.large", launched=NOW - 2 * HOUR)
LOST = Vm("i-0bbbbbbbbbbbbbbbb", type="m5.large", launched=NOW - 2 * HOUR)
RECORDS = Records(('{"provider_id": "i-0aaaaaaaaaaaaaaaa"}',), ())
OTHERS = Records(('{"provider_id": "i-0cccccccccccccccc"}',), ())
EMPTY, FOREIGN = Records(), Records(('{"host": "10.0.0.1"}',), ())


def state(*vms: Vm, records: Any = RECORDS, why: str = "") -> VmState:
    return VmState(vms, records, why, NOW)


def decide(spec: VmSpec, seen: VmState) -> Decision:
    return sweep.decide(Look(spec, seen, {}))["vms"]


def told(decision: Decision) -> str:
    return " ".join([decision.kind, *(str(step.describe()["vm"])[-1] for step in decision.steps)]) + (" unknown" if decision.unknown else "")


TABLE: list[tuple[str, VmSpec, VmState, str]] = [
    ("none there", SWEEP, state(), "settled"),
    ("only known ones", SWEEP, state(KNOWN), "settled"),
    ("an orphan, only to be listed", LIST, state(KNOWN, LOST), "settled"),
    ("an orphan", SWEEP, state(KNOWN, LOST), "steps b"),
    ("the records name others, none of those that are there", SWEEP, state(LOST, records=OTHERS), "stuck"),
    ("the same, and one of them is young", SWEEP, state(LOST, replace(KNOWN, launched=NOW - 60), records=OTHERS), "stuck"),
    ("the same, and that is consented to", replace(SWEEP, all_may_be_orphans=True), state(LOST, records=OTHERS), "steps b"),
    ("consent to empty ones is none to those of others", replace(SWEEP, records_may_be_empty=True), state(LOST, records=OTHERS), "stuck"),
    ("consent to those of others is none to empty ones", replace(SWEEP, all_may_be_orphans=True), state(LOST, records=EMPTY), "stuck"),
    ("the known one ends", SWEEP, state(replace(KNOWN, state="shutting-down"), LOST), "steps b"),
    ("the known one is gone", SWEEP, state(replace(KNOWN, state="terminated"), LOST), "stuck"),
    ("the records name others, and none is old enough", SWEEP, state(replace(LOST, launched=NOW - 60), records=OTHERS), "settled"),
    ("an orphan that is off", SWEEP, state(KNOWN, replace(LOST, state="stopped")), "steps b"),
    ("one that is young", SWEEP, state(KNOWN, replace(LOST, launched=NOW - 60)), "settled"),
    ("one just at the age", SWEEP, state(KNOWN, replace(LOST, launched=NOW - HOUR)), "settled"),
    ("one of which it is not known since when", SWEEP, state(KNOWN, replace(LOST, launched=0.0)), "settled"),
    ("one that stays in any case", replace(SWEEP, keep=(LOST.id,)), state(KNOWN, LOST), "settled"),
    ("a known one that is old", SWEEP, state(replace(KNOWN, launched=NOW - 90 * HOUR)), "settled"),
    ("an orphan that ends", SWEEP, state(KNOWN, replace(LOST, state="shutting-down")), "waiting"),
    ("a known one that ends", SWEEP, state(replace(KNOWN, state="shutting-down")), "settled"),
    ("an orphan that has ended", SWEEP, state(KNOWN, replace(LOST, state="terminated")), "settled"),
    ("records cannot be read", SWEEP, state(KNOWN, LOST, records=UNKNOWN, why="docker ended with 1"), "waiting unknown"),
    ("records cannot be read, only to be listed", LIST, state(KNOWN, LOST, records=UNKNOWN, why="x"), "settled"),
    ("records are empty", SWEEP, state(LOST, records=EMPTY), "stuck"),
    ("records are empty, and nothing is there", SWEEP, state(records=EMPTY), "settled"),
    ("records may be empty", replace(SWEEP, records_may_be_empty=True), state(LOST, records=EMPTY), "steps b"),
    ("records speak another language", SWEEP, state(KNOWN, LOST, records=FOREIGN), "stuck"),
    ("and no consent helps", replace(SWEEP, records_may_be_empty=True, all_may_be_orphans=True), state(LOST, records=FOREIGN), "stuck"),
]


@pytest.mark.parametrize(("spec", "seen", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_decisions(spec: VmSpec, seen: VmState, wanted: str) -> None:
    assert told(decide(spec, seen)) == wanted


def view(spec: VmSpec, seen: VmState, **memory: Any) -> dict[str, Any]:
    look = Look(spec, seen, memory)
    return sweep.view(look, sweep.decide(look))


def test_what_is_told_of_each() -> None:
    busy = Records(
        ('{"id": "11111111-0000-4000-8000-000000000000", "provider_id": "i-0aaaaaaaaaaaaaaaa"}', '{"provider_id": "i-0cccccccccccccccc"}'),
        ('{"vm": "11111111-0000-4000-8000-000000000000"}',),
    )
    idle = replace(KNOWN, id="i-0cccccccccccccccc", launched=NOW - 25 * HOUR, type="m5.xlarge")
    found = view(SWEEP, state(idle, KNOWN, LOST, replace(LOST, id="i-gone", state="terminated"), records=busy))
    assert {one["id"][-1]: (one["old"], one["known"], one["task"], one["orphan"]) for one in found["vms"]} == {
        "a": (False, True, True, False),
        "b": (False, False, False, True),
        "c": (True, True, False, False),
    }
    assert (found["count"], found["count_by_type"]) == (3, {"m5.large": 2, "m5.xlarge": 1})
    assert (found["old"], found["orphans"], found["terminated"]) == ([idle.id], [LOST.id], [])
    assert found["vms"][1]["age"] == 7200 and found["vms"][1]["launched"] == "2023-11-14T20:13:20Z"


@pytest.mark.parametrize("records", [None, UNKNOWN])
def test_unknown_is_told_as_unknown(records: Any) -> None:
    found = view(LIST, state(LOST, records=records, why="x"))
    assert found["orphans"] is None
    assert [(one["known"], one["task"], one["orphan"]) for one in found["vms"]] == [(None, None, None)]


@pytest.mark.parametrize("spec", [LIST, SWEEP])
@pytest.mark.parametrize(("records", "words"), [(EMPTY, "hold no machine at all"), (FOREIGN, "as the cloud does"), (OTHERS, "none of those that are there")])
def test_records_in_doubt_are_told_as_unknown(spec: VmSpec, records: Records, words: str) -> None:
    found = view(spec, state(LOST, records=records))
    assert found["orphans"] is None and "orphans is not known" in found["reason"] and words in found["reason"]
    assert [(one["known"], one["task"], one["orphan"]) for one in found["vms"]] == [(None, None, None)]
    look = Look(spec, state(LOST, records=records), {})
    assert (sweep.facts(look)["vms"][LOST.id]["orphan"], sweep.remember(look)["orphans"]) == (False, [])


def test_where_none_is_old_enough_there_is_no_orphan_whatever_the_records_say() -> None:
    found = view(SWEEP, state(replace(LOST, launched=NOW - 60), records=OTHERS))
    assert (found["orphans"], found["reason"], found["vms"][0]["known"]) == ([], "1 machine", None)


def test_only_what_this_task_saw_as_an_orphan_was_terminated_by_it() -> None:
    gone = state(KNOWN, replace(LOST, state="terminated"))
    assert view(SWEEP, gone, orphans=[LOST.id])["terminated"] == [LOST.id]
    assert view(SWEEP, gone)["terminated"] == []
    assert view(LIST, gone, orphans=[LOST.id])["terminated"] == []


def test_when_no_answer_comes_any_more_nothing_is_known() -> None:
    assert sweep.out_of_sight(view(SWEEP, state(KNOWN)))["orphans"] is None
