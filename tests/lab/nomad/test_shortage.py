"""What found no room says why, as recorded servers did; and in the dimensions that were not recorded."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from pathlib import Path
from typing import Any

import pytest

from lab.nomad.lab import Lab

RECORDED = Path(__file__).parents[2] / "unit" / "plugins" / "module_utils" / "nomad" / "recorded" / "1.1.2" / "no-room.jsonl"
UNLIKE = ("AllocationTime", "ResourcesExhausted")  # a duration; what was asked for, which nobody reads


def recorded(full: bool) -> dict[str, Any]:
    """The metrics of a recorded blocked evaluation: all clients full, or none open."""
    bodies = [json.loads(line)["body"] for line in RECORDED.read_text().splitlines()]
    metrics = [e["FailedTGAllocs"]["group"] for body in bodies for e in body if e["Status"] == "blocked" and e["FailedTGAllocs"]]
    return next(m for m in metrics if bool(m["NodesExhausted"]) == full)


def told(lab: Lab, job: str) -> dict[str, Any]:
    """The newest metrics of a job."""
    found = [e["FailedTGAllocs"]["group"] for e in lab.get(f"/v1/job/{job}/evaluations") if e["FailedTGAllocs"]]
    assert found
    return dict(found[0])


def alike(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return set(ours) == set(theirs) and all(ours[key] == theirs[key] for key in theirs if key not in UNLIKE)


def test_full_by_memory_and_nobody_open_as_recorded() -> None:
    lab = Lab("1.1.2", clients=3)
    for number in range(4):
        lab.build(f"big-{number}", seconds=None, memory=14463)
        lab.clock.sleep(0.5)
    assert alike(told(lab, "big-3"), recorded(full=True))
    for name in ("c1", "c2", "c3"):
        lab.session().put(f"http://lab/v1/node/{lab.node_id(name)}/eligibility", json={"Eligibility": "ineligible"}).raise_for_status()
    lab.build("late", seconds=None, memory=14463)
    lab.clock.sleep(0.5)
    assert alike(told(lab, "late"), recorded(full=False))


@pytest.mark.parametrize(("version", "word"), [("0.5.6", "cpu exhausted"), ("1.1.2", "cpu")])
def test_full_by_cpu(version: str, word: str) -> None:
    lab = Lab(version, clients=2)
    lab.build("fits", "c1", seconds=None, cpu=3000)
    lab.clock.sleep(0.5)
    lab.build("waits", "c1", seconds=None, cpu=3000)
    lab.clock.sleep(0.5)
    found = told(lab, "waits")
    assert found["DimensionExhausted"] == {word: 1} and found["ConstraintFiltered"] == {"${node.unique.name} regexp ^(c1)$": 1}
    assert (found["NodesEvaluated"], found["NodesExhausted"], found["NodesFiltered"]) == (2, 1, 1)
    lab.cancel("fits")
    lab.clock.sleep(3)
    assert [a["ClientStatus"] for a in lab.get("/v1/job/waits/allocations")] == ["running"], "room came, and it was placed"


def test_the_rest_of_a_job_that_was_placed_in_part() -> None:
    lab = Lab("1.1.2", clients=1)
    lab.build("parts", seconds=None, count=4, memory=10000)
    lab.clock.sleep(0.5)
    found = told(lab, "parts")
    assert found["DimensionExhausted"] == {"memory": 1}
    assert lab.get("/v1/job/parts/summary")["Summary"]["group"]["Queued"] == 2


def test_another_datacenter() -> None:
    lab = Lab("1.1.2", clients=0)
    lab.add_client(datacenter="us-east-1")
    lab.build("build")
    lab.clock.sleep(0.5)
    found = told(lab, "build")
    assert (found["NodesAvailable"], found["NodesEvaluated"], found["ConstraintFiltered"]) == ({"dc1": 0}, 0, None)
