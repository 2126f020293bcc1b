# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report page of a backup as plain blocks, from its journal: whether it is proven, by what, what is in it, what to do next; pure."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.plugin_utils.report_blocks import (
    BAD,
    GOOD,
    PLAIN,
    SIGNS,
    WARN,
    Json,
    cell,
    duration,
    facts,
    figure,
    moment,
    number,
    orders,
    page,
    section,
    sentence,
    size,
    table,
)

TONES = {"passed": GOOD, "failed": BAD, "unknown": WARN, "not_asked": ""}
PROOFS = {
    "phase": "Velero ended it as Completed, without an error",
    "volumes": "Each volume that should be in it is, with data",
    "files": "Its files are in the object store",
    "repository": "The repository that holds the volumes is sound",
    "repository_check": "restic itself went through the repository, and found no error",
    "restored": "It was restored elsewhere and compared",
}
VERDICTS = {
    "verified": (GOOD, "Proven"),
    "refused": (BAD, "Refused"),
    "unverified": (BAD, "Not proven"),
    "stalled": (BAD, "Stalled"),
    "gone": (BAD, "Gone"),
    "unknown": (WARN, "Not known"),
}


def page_of(journal: Json) -> Json:
    """The page for the journal of one run of the playbook."""
    result, backup = journal["result"], journal["result"].get("backup")
    sections = [
        section("At a glance", _figures(journal, backup)),
        section("What to do next", orders(_next_steps(journal))),
        section("Proofs", _proofs(backup)),
        section("Volumes", _volumes(backup)),
        section("What stands in the way", _gates(result)),
        section("Problems seen", _problems(journal)),
        section("Passed over", _passed_over(result)),
        section("What was asked", facts(_asked(journal))),
    ]
    foot = "Written by the playbook serverops.circleci.backup from the journal of the run, which holds all of this as data."
    return page(_title(journal, backup), outcome(journal), [one for one in sections if one["blocks"]], foot)


def outcome(journal: Json) -> Json:
    """How it went as a whole: tone, sign, one or two words, a sentence."""
    tone, word, lead = _outcome(journal)
    return {"tone": tone, "sign": SIGNS[tone], "word": word, "lead": lead}


def _outcome(journal: Json) -> tuple[str, str, str]:
    result, said = journal["result"], sentence(journal["message"])
    if journal["phase"] == "begun":
        return WARN, "Not ended", (
            "This run has begun and has not told its end: it is under way, or it was broken off. "
            "A backup that it asked for goes on by itself; the same command with max_age takes it up."
        )  # fmt: skip
    if not result:
        return BAD, "Refused", f"No backup was begun. What it said: {said or 'nothing.'}"
    if journal["check_mode"]:
        lead = f"The real run would fail: {said}" if journal["phase"] == "failed" else sentence(_foretold(result))
        return BAD if journal["phase"] == "failed" else PLAIN, "Foretold", f"Nothing was changed. {lead}"
    tone, word = VERDICTS.get(result["verdict"], (WARN, "Not ended"))
    return tone, word, sentence(_lead(result)) + (f" What the run said: {said}" if said and tone != GOOD else "")


def _foretold(result: Json) -> str:
    return "The real run would begin a backup" if result["steps"] else f"The real run would begin none: {result['reason']}"


def _lead(result: Json) -> str:
    backup = result.get("backup")
    if not backup:
        return "No backup was begun"
    how = "was there already, young enough" if result["reused"] else "was running already and was joined" if result["joined"] else "was made by this run"
    return f"Backup {backup['name']} {how}"


def _title(journal: Json, backup: Optional[Json]) -> str:
    return f"Backup of {journal['wanted']['namespace']}" + (f": {backup['name']}" if backup else "")


def _figures(journal: Json, backup: Optional[Json]) -> Optional[Json]:
    if not backup or journal["check_mode"]:
        return None
    volumes = backup["volumes"]
    full = sum(1 for one in volumes if _is_full(one))
    empty = sum(1 for one in volumes if _may_be_empty(one, backup))
    passed = sum(1 for state in backup["proofs"].values() if state == "passed")
    asked = sum(1 for state in backup["proofs"].values() if state != "not_asked")
    found = [
        figure(f"{passed} of {asked}", "proofs passed", GOOD if passed == asked else BAD),
        figure(f"{full} of {len(volumes)}", "volumes with data", GOOD if full + empty == len(volumes) else WARN),
        figure(size(sum(one["bytes"] or 0 for one in volumes)), "in volumes"),
        figure(backup["errors"], "errors", BAD if backup["errors"] else GOOD),
        figure(backup["warnings"], "warnings", WARN if backup["warnings"] else PLAIN),
    ]
    if backup["age"] is not None:
        found.append(figure(duration(backup["age"]), "old"))
    return {"kind": "figures", "items": found}


def _proofs(backup: Optional[Json]) -> Optional[Json]:
    rows = [
        [cell(name), cell(state.replace("_", " "), TONES.get(state, WARN)), cell(PROOFS.get(name, ""))]
        for name, state in (backup or {"proofs": {}})["proofs"].items()
    ]
    why = [[cell("why"), cell(""), cell(reason)] for reason in (backup or {"reasons": []})["reasons"]]
    return table("What was looked at, after the end of the backup", ("Proof", "Result", "Meaning"), rows + why)


def _volumes(backup: Optional[Json]) -> Optional[Json]:
    rows = []
    for one in sorted((backup or {"volumes": []})["volumes"], key=lambda one: (bool(one["bytes"]), one["pod"])):
        may = _may_be_empty(one, backup)
        tone = GOOD if _is_full(one) else "" if may else BAD
        place = cell(one["claim"] or one["volume"], small=f"{one['namespace']}/{one['pod']}")
        said = one["reason"] or ("empty, as allow_empty lets it be" if may else "")
        rows.append([place, cell(one["phase"], tone), cell(said), cell(size(one["bytes"] or 0))])
    return table("Each volume that Velero took up", ("Volume", "Phase", "What it said", "Size#"), rows)


def _is_full(volume: Json) -> bool:
    return volume["phase"] == "Completed" and bool(volume["bytes"])


def _may_be_empty(volume: Json, backup: Optional[Json]) -> bool:
    """Empty where the proof of the volumes passed: it was named in allow_empty."""
    passed = bool(backup and backup["proofs"].get("volumes") == "passed")
    return passed and volume["phase"] == "Completed" and not volume["bytes"]


def _gates(result: Json) -> Optional[Json]:
    shut = [gate for gate in result.get("gates") or () if gate["state"] != "passed"]
    rows = [
        [cell(gate["gate"].replace("_", " ")), cell(gate["state"], TONES.get(gate["state"], WARN)), cell(gate["reason"], small=gate["remedy"] or "")]
        for gate in shut
    ]
    return table("What a backup needs and does not have", ("Gate", "State", "Why, and what to do"), rows)


def _problems(journal: Json) -> Optional[Json]:
    rows = [[cell(one["cause"].replace("_", " "), WARN), cell(one["evidence"]), cell(one["remedy"])] for one in journal["problems"]]
    return table("What is wrong with Velero", ("Cause", "Evidence", "Remedy"), rows)


def _passed_over(result: Json) -> Optional[Json]:
    rows = [[cell(text.partition(": ")[0]), cell(text.partition(": ")[2])] for text in result.get("skipped") or ()]
    rows += [[cell(name), cell("stalled: nobody works on it any more")] for name in result.get("stalled") or ()]
    return table("Backups that do not count", ("Backup", "Why"), rows)


def _next_steps(journal: Json) -> list[Json]:
    tone = outcome(journal)["tone"]
    found = [{"words": "Look again, changing nothing", "command": journal["look"]}]
    if tone == PLAIN:
        found.insert(0, {"words": "Do it", "command": journal["go_on"]})
    elif tone != GOOD:
        found.insert(0, {"words": "Once the cause is mended, run it again; what is proven and young enough is taken", "command": journal["go_on"]})
    return found


def _asked(journal: Json) -> list[tuple[str, str]]:
    wanted, asked = journal["wanted"], journal["asked"]
    age = f"one at most {duration(wanted['max_age'])} old will do" if wanted["max_age"] else "always a new one"
    waits = f"waits {duration(wanted['wait_timeout'])} at most" if wanted["wait"] else "does not wait for the end"
    return [
        ("Installation", f"namespace {wanted['namespace']}, Velero in {wanted['velero_namespace']}"),
        ("Asked by", ", ".join(filter(None, [asked["by"], asked["job"]]))),
        ("Began", moment(journal["began"])),
        ("Ended", moment(journal["time"]) if journal["phase"] != "begun" else ""),
        ("Terms", "; ".join([age, _required(wanted), waits])),
        ("Run", journal["run"]),
    ]


def _required(wanted: Any) -> str:
    return f"{number(len(wanted['required_proofs']), 'proof')} required: {', '.join(wanted['required_proofs'])}"
