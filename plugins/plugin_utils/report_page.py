# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report as plain blocks (figures, orders, tables, facts, a chart), which the template only has to set; pure."""

from __future__ import annotations

from typing import Optional

from ansible_collections.serverops.circleci.plugins.plugin_utils import report_chart as charts
from ansible_collections.serverops.circleci.plugins.plugin_utils import report_words as words
from ansible_collections.serverops.circleci.plugins.plugin_utils.report_blocks import (
    BAD,
    GOOD,
    PLAIN,
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
    table,
    text,
)

STEPS = {
    "drain": "closed it, with a drain",
    "cordon": "closed it for new builds",
    "make_eligible": "made it eligible",
    "lift_drain": "lifted its drain and made it eligible",
    "change_drain": "changed its drain",
    "take_over": "took over somebody else's drain",
    "unstick": "sent its drain again, since it hung",
}


def page_of(journal: Json) -> Json:
    """The page for the journal of one run of the role."""
    how = words.outcome(journal)
    sections = [
        section("At a glance", figures(journal)),
        section("What to do next", orders(words.next_steps(journal))),
        section("Verdicts", verdicts(journal)),
        section("Builds killed, lost or left", harmed(journal)),
        section("What was asked", facts(asked(journal))),
        section("Timeline", *timeline(journal)),
        section("What would be done" if journal["check_mode"] else "What was done", done(journal)),
    ]
    foot = "Written by the role serverops.circleci.nomad_drain from the journal of the run, which holds all of this as data."
    return page(words.title(journal), how, [one for one in sections if one["blocks"]], foot)


# -- what the blocks of a drain hold ------------------------------------------------------------------------


def figures(journal: Json) -> Optional[Json]:
    """The numbers that matter: nothing where no client could be read."""
    nodes, wish = journal["nodes"], journal["wanted"]["state"]
    if not nodes:
        return None
    done = sum(1 for node in nodes if node["verdict"] == wish)
    killed, lost, left = (words.total(journal, key) for key in ("killed", "lost", "running"))
    found = [figure(f"{done} of {len(nodes)}", f"clients {wish}", GOOD if done == len(nodes) else WARN)]
    if wish == "drained":
        found += [
            figure(words.total(journal, "finished"), "builds ended by themselves"),
            figure(left, "builds left", WARN if left else PLAIN),
        ]
        found += [figure(count, name, BAD if count else GOOD) for count, name in ((killed, "builds killed"), (lost, "builds lost"))]
    if not journal["check_mode"]:
        found.append(figure(duration(max(node["waited"] for node in nodes)), "waited at most"))
    return {"kind": "figures", "items": found}


def verdicts(journal: Json) -> Optional[Json]:
    """A row for each client, those that need a look first."""
    builds = ("Ended by themselves#", "Left#", "Killed#", "Lost#") if journal["wanted"]["state"] == "drained" else ()
    waited = () if journal["check_mode"] else ("Waited#",)
    columns = ("Client", "Verdict", "In words", *builds, *waited)
    return table("One verdict for each client", columns, [_verdict(journal, node, bool(builds)) for node in _sorted(journal)])


def _verdict(journal: Json, node: Json, builds: bool) -> list[Json]:
    cells = [cell(node["name"], small=_ids(node)), cell(node["verdict"], _tone(journal, node)), cell(words.in_words(node))]
    if builds:
        killed, lost = len(node["killed"]), len(node["lost"])
        cells += [
            cell(node["finished"]),
            cell(len(node["running"])),
            cell(killed, BAD if killed else ""),
            cell(lost, BAD if lost else ""),
        ]
    return cells + ([] if journal["check_mode"] else [cell(duration(node["waited"]))])


def _ids(node: Json) -> str:
    return "\n".join(filter(None, [node["id"] if node["id"] != node["name"] else "", node["instance_id"] or ""]))


def _tone(journal: Json, node: Json) -> str:
    return words.tone_of(node, journal["wanted"]["allow_killing_builds"])


def _sorted(journal: Json) -> list[Json]:
    worth = (BAD, WARN, GOOD)
    return sorted(journal["nodes"], key=lambda node: (worth.index(_tone(journal, node)), node["name"]))


def harmed(journal: Json) -> Optional[Json]:
    """Builds that were killed or lost, and those still left, by name."""
    rows = []
    for key, what, tone in (("killed", "killed by a drain", BAD), ("lost", "lost with its client", BAD), ("running", "still runs", WARN)):
        for node in journal["nodes"] if journal["wanted"]["state"] == "drained" else ():
            rows += [
                [
                    cell(build["job"], small=build["allocation"]),
                    cell(node["name"]),
                    cell(what, tone),
                    cell(moment(build["started"] or "")[:19]),
                ]
                for build in node[key]
            ]
    return table("Each one by name", ("Build", "Client", "What became of it", "Started, UTC"), rows)


def asked(journal: Json) -> list[tuple[str, str]]:
    """What was asked: by whom, of which clients and servers, when, and with what options."""
    server, wanted = journal["server"], journal["wanted"]
    version = f"Nomad {server['version']}" + (f", region {server['region']}" if server.get("region") else "") if server.get("version") else ""
    return [
        ("Wanted", f"{wanted['state']}" + (" (check mode: foretold, nothing is changed)" if journal["check_mode"] else "")),
        ("Clients", ", ".join(words.asked_for(journal))),
        ("Asked by", ", ".join(filter(None, [journal["asked"]["by"], journal["asked"]["job"]]))),
        ("Began", moment(journal["began"])),
        ("Ended", moment(journal["time"]) if journal["phase"] != "begun" else ""),
        ("Servers", ", ".join(filter(None, [journal["asked"]["url"], version]))),
        ("Terms", "; ".join(terms(wanted))),
        ("Run", journal["run"]),
    ]


def terms(wanted: Json) -> list[str]:
    """The options in words; those that say the usual are left out, but for what may be killed, what must stay open and how long is waited."""
    limit, longest, wish = wanted["deadline"], wanted["max_build_time"], wanted["state"]
    found = [("builds may be killed" if wanted["allow_killing_builds"] else "no build may be killed", wish == "drained")]
    found += [(f"what is left after {duration(limit or 0)} is killed", limit)]
    found += [(f"at most {number(wanted['max_in_flight'], 'client')} closed and not empty at a time", wanted["max_in_flight"])]
    found += [(f"at most {duration(longest or 0)} for one client", longest)]
    found += [(f"at least {number(wanted['min_ready'], 'other client')} must stay open", wanted["min_ready"] and wish != "eligible")]
    found += [("system jobs must end too", not wanted["ignore_system_jobs"]), ("takes over from others", wanted["take_over"])]
    found += [(f"waits {duration(wanted['wait_timeout'])} at most" if wanted["wait"] else "does not wait for the end", True)]
    return [sentence for sentence, holds in found + [(f"owner of the mark: {wanted['owner']}", True)] if holds]


def timeline(journal: Json) -> list[Optional[Json]]:
    """The chart, and a word on what it leaves out."""
    nodes = _sorted(journal)
    if not nodes or journal["check_mode"] or not any(node["history"] for node in nodes):
        return []
    axis = charts.axis_for(nodes)
    groups, left_out = charts.groups_of(nodes, axis)
    more = text(f"{number(left_out, 'client')} more, all of them in the table above, would make this page too long." if left_out else "")
    told = f"Time runs from the begin of the run, {moment(journal['began'])}. Builds that ran before it are drawn from there."
    return [charts.chart(groups, axis, told), more]


def done(journal: Json) -> Optional[Json]:
    """The orders that were sent, in their sequence, each with its client."""
    names = {node["id"]: node["name"] for node in journal["nodes"]}
    caption = "Orders that the real run would send" if journal["check_mode"] else "Orders that were sent to the servers, in this sequence"
    rows = []
    for place, step in enumerate(journal["steps"], 1):
        limit = step.get("deadline")
        more = f", and kills what is left after {duration(limit)}" if limit else ""
        rows.append([cell(place), cell(names.get(step["id"], step["id"])), cell(STEPS.get(step["step"], step["step"].replace("_", " ")) + more)])
    return table(caption, ("Order", "Client", "What it did"), rows)
