# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report page of a recovery or of its rehearsal as plain blocks, from the journal: what came back, how fast, what is left to do; pure."""

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
    few,
    figure,
    moment,
    orders,
    page,
    section,
    sentence,
    size,
    table,
)

STATES = {
    "done": (GOOD, "done"),
    "there": (GOOD, "was there"),
    "foretold": (PLAIN, "would be done"),
    "not_wanted": (PLAIN, "not wanted"),
    "by_hand": (WARN, "for a person"),
    "failed": (BAD, "failed"),
}
# What may be called back, by the step that has looked at it.
PARTS = {"reachable": "its names", "clients": "its clients", "canary": "a first build"}
SECOND = "a second cluster"
TITLES = {"restore": "Recovery of {0} from {1}", "drill": "Rehearsal of a recovery of {0} from {1}"}
COMMANDS = {"restore": "serverops.circleci.restore", "drill": "serverops.circleci.recovery_drill"}


def page_of(journal: Json) -> Json:
    """The page for the journal of one run."""
    wanted = journal["wanted"]
    sections = [
        section("At a glance", _figures(journal)),
        section("What to do next", orders(_next_steps(journal))),
        section("Step by step", _steps(journal)),
        section("Records for whoever keeps the names", _records(journal)),
        section("Builds that are lost", _lost_builds(journal)),
        section("Addresses", _addresses(journal)),
        section("Volumes", _volumes(journal)),
        section("Clients", _clients(journal)),
        section("What was asked", facts(_asked(journal))),
    ]
    title = TITLES[journal["kind"]].format(wanted["namespace"], wanted["backup"] or "its newest backup")
    foot = f"Written by the playbook {COMMANDS[journal['kind']]} from the journal of the run, which holds all of this as data."
    return page(title, outcome(journal), [one for one in sections if one["blocks"]], foot)


def outcome(journal: Json) -> Json:
    """How it went as a whole: tone, sign, one or two words, a sentence."""
    tone, word, lead = _outcome(journal)
    return {"tone": tone, "sign": SIGNS[tone], "word": word, "lead": lead}


def _outcome(journal: Json) -> tuple[str, str, str]:
    steps, said = journal["steps"], sentence(journal["message"])
    if journal["phase"] == "begun":
        return WARN, "Not ended", (
            "This run has begun and has not told its end: it is under way, or it was broken off. The same command goes on where it stands."
        )  # fmt: skip
    if journal["phase"] == "failed":
        done = sum(1 for one in steps if one["state"] in ("done", "there"))
        lead = f"{done} of {journal['total']} steps are behind it. What stopped it: {said or 'nothing was said.'}"
        return BAD, "Not finished" if done else "Refused", lead
    if journal["check_mode"]:
        return PLAIN, "Foretold", "Nothing was changed. This is what the run would do, in its order."
    if any(one["state"] == "by_hand" for one in steps):
        return WARN, "A person is wanted", f"All that could be done is done; what is left is listed below.{_unasked(steps)}"
    if journal["kind"] == "restore":
        return _back(steps)
    if journal["wanted"].get("into") == SECOND:
        return GOOD, "Rehearsed", "The backup is whole and running in a second cluster. The installation itself was not touched. Take that cluster away now."
    return GOOD, "Rehearsed", "The backup was restored elsewhere, compared, and taken away again. The installation itself was not touched."


def _back(steps: list[Json]) -> tuple[str, str, str]:
    """Only what was looked at is called back. Where neither clients nor a build were asked for, nothing shows that there is a machine that builds."""
    seen = {one["step"] for one in steps if one["state"] in ("done", "there")}
    lead = f"The installation is back, with {few(['its data', *(part for step, part in PARTS.items() if step in seen)])}.{_unasked(steps)}"
    if seen.isdisjoint(("clients", "canary")):
        return WARN, "Back, but unproven", f"{lead} Whether anything builds on it is not known."
    return GOOD, "Back", lead


def _unasked(steps: list[Json]) -> str:
    names = [one["step"].replace("_", " ") for one in steps if one["state"] == "not_wanted"]
    return f" Nobody asked for these steps, so nothing is known of them: {', '.join(names)}." if names else ""


def _figures(journal: Json) -> Optional[Json]:
    if journal["check_mode"] or journal["phase"] == "begun":
        return None
    measured, found = journal["measured"], []
    drill = journal["kind"] == "drill"
    if measured.get("recovery_point") is not None:
        found.append(figure(duration(measured["recovery_point"]), "of work would be lost" if drill else "between backup and restore"))
    if measured.get("recovery_time") is not None:
        found.append(figure(duration(measured["recovery_time"]), "from the command to the end"))
    if measured.get("restore_time") is not None:
        found.append(figure(duration(measured["restore_time"]), "of Velero's own work"))
    trial = journal["restore"].get("trial") or {}
    if trial:
        found += [
            figure(trial["volumes"], "volumes came back", GOOD),
            figure(size(trial["bytes"]), "in them"),
            figure(trial["objects"], "objects came back", GOOD),
        ]
    done = sum(1 for one in journal["steps"] if one["state"] in ("done", "there", "not_wanted"))
    found.append(figure(f"{done} of {journal['total']}", "steps", GOOD if done == journal["total"] else BAD))
    return {"kind": "figures", "items": found}


def _steps(journal: Json) -> Optional[Json]:
    rows = []
    for number, one in enumerate(journal["steps"], 1):
        tone, words = STATES.get(one["state"], (WARN, one["state"]))
        took = duration(float(one["seconds"]))  # before ansible-core 2.19 facts that are floats are texts
        rows.append([cell(f"{number} {one['step'].replace('_', ' ')}"), cell(words, tone), cell(one["words"]), cell(took)])
    return table("What each step found or did", ("Step", "State", "What", "Took#"), rows)


def _records(journal: Json) -> Optional[Json]:
    """What is left for a person; nothing once the names lead there."""
    rows = [[cell(one["name"]), cell(one["type"]), cell(one["value"]), cell(", ".join(one.get("now") or ()) or "nothing")] for one in _open_records(journal)]
    return table("Names that must lead to the new balancers", ("Name", "Type", "Must lead to", "Leads to now"), rows)


def _open_records(journal: Json) -> list[Json]:
    """Those that the run has not seen set."""
    reached = any(one["step"] == "reachable" and one["state"] == "there" for one in journal["steps"])
    return [] if reached or outcome(journal)["tone"] == GOOD else list(journal["records"])


def _lost_builds(journal: Json) -> Optional[Json]:
    rows = [[cell(f"{one['project']} {one['number']}"), cell(moment(one["started"])), cell(one["url"])] for one in journal.get("lost_builds", [])]
    return table("Shown as running when they were asked for, though their machines are gone", ("Build", "Began", "Where"), rows)


def _addresses(journal: Json) -> Optional[Json]:
    places = [(one["service"], ", ".join([*one["hosts"], *one["addresses"]])) for one in journal["addresses"]]
    rows = [[cell(service), cell(place or "none yet", GOOD if place else WARN)] for service, place in places]
    return table("The services that are reached from outside", ("Service", "Address"), rows)


def _volumes(journal: Json) -> Optional[Json]:
    rows = [[cell(one["claim"]), cell(one["state"], GOOD if one["state"] == "equal" else BAD), cell(one.get("words") or "")] for one in journal["volumes"]]
    return table("What came out of the backup", ("Volume", "State", "What was seen"), rows)


def _clients(journal: Json) -> Optional[Json]:
    rows = [[cell(one["name"]), cell(one["status"], GOOD if one["status"] == "ready" else BAD)] for one in journal["clients"]]
    return table("Nomad clients, as the new server sees them", ("Client", "Status"), rows)


def _next_steps(journal: Json) -> list[Json]:
    tone = outcome(journal)["tone"]
    found = [{"words": "Look again, changing nothing", "command": journal["look"]}]
    if tone != GOOD:
        words = "Do it" if tone == PLAIN else _once_more(journal)
        found.insert(0, {"words": words + _besides(journal), "command": journal["go_on"]})
    return found


def _once_more(journal: Json) -> str:
    """What comes before the command that goes on."""
    if _open_records(journal):
        return "Have the records below set, then run it again"
    if journal["phase"] == "ended" and journal.get("lost_builds"):
        return "Cancel the builds below that nobody waits for, or have them all canceled with kots_disaster_recovery_lost_builds: canceled; then run it again"
    if journal["phase"] == "ended" and not any(one["state"] == "by_hand" for one in journal["steps"]):
        return "Put the clients into the group nomad_clients, or name a build in kots_disaster_recovery_canary, then run it again; what is done is left alone"
    return "Once the cause is mended, run it again; what is done is left alone"


def _besides(journal: Json) -> str:
    """What was given and is not in the command, since it may be secret."""
    names = journal.get("besides")
    return f". Not in it, since it may be secret: {', '.join(names)}. Give that besides (-e @file), unless the inventory has it" if names else ""


def _asked(journal: Json) -> list[tuple[str, str]]:
    wanted, asked, backup = journal["wanted"], journal["asked"], journal["backup"]
    return [
        ("Installation", f"namespace {wanted['namespace']}, Velero in {wanted['velero_namespace']}"),
        ("Backup", _backup(backup) or wanted["backup"]),
        ("Into", wanted.get("into") or ""),
        ("Asked by", ", ".join(filter(None, [asked["by"], asked["job"]]))),
        ("Began", moment(journal["began"])),
        ("Ended", moment(journal["time"]) if journal["phase"] != "begun" else ""),
    ]


def _backup(backup: Any) -> str:
    started = (backup or {}).get("started")
    return f"{backup['name']}, begun {moment(started)}" if started else ""
