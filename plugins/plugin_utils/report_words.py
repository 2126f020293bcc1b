# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of a drain's report: how it went as a whole, what each verdict says, what to do next; all from the journal, pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.serverops.circleci.plugins.plugin_utils.report_blocks import BAD, GOOD, PLAIN, SIGNS, WARN, Json, few, number, sentence

ASKED = {"drained": "Drain", "cordoned": "Cordon", "eligible": "Release"}
TONES = {"drained": GOOD, "cordoned": GOOD, "eligible": GOOD, "killed": BAD, "lost": BAD, "gone": BAD}
MEANINGS = {
    "drained": "closed and empty, seen twice",
    "cordoned": "closed for new builds; what runs on it goes on",
    "eligible": "open for builds",
    "unfinished": "not as asked yet",
    "killed": "a drain stopped builds on it",
    "lost": "it went down with builds on it",
    "gone": "the servers no longer know it",
    "reopened": "somebody else opened it meanwhile, and it was left open",
    "unknown": "it could not be judged, and is not known to be empty",
}
ENDS = {
    "finished": "ended by itself",
    "killed": "killed by a drain",
    "cancelled": "called off by a person",
    "lost": "lost with its client",
    "forgotten": "no longer listed by the servers",
}
NAMED = 3  # clients at most that a title names
NEED_A_LOOK = ("unknown", "gone", "lost", "killed", "reopened")


def outcome(journal: Json) -> Json:
    """How it went as a whole: tone, sign, one or two words, a sentence."""
    tone, word, lead = _outcome(journal)
    return {"tone": tone, "sign": SIGNS[tone], "word": word, "lead": lead}


def _outcome(journal: Json) -> tuple[str, str, str]:
    if journal["phase"] == "begun":
        return WARN, "Not ended", (
            "This run has begun and has not told its end: it is under way, or it was broken off. "
            "A client that it closed stays closed, and the builds on it run on. The same command goes on where things stand."
        )  # fmt: skip
    if not journal["nodes"]:
        return _nothing(journal)
    failed, message = journal["phase"] == "failed", sentence(journal["message"])
    if journal["check_mode"]:
        verdict = "The real run would fail: " + message if failed else f"The real run would end so, by {_count(journal['steps'], 'order')}."
        return (BAD, "Foretold to fail", "Nothing was changed. " + verdict) if failed else (PLAIN, "Foretold", "Nothing was changed. " + verdict)
    if failed:
        return BAD, "Not as asked", f"{_tally(journal)} What the run said: {message}"
    return _ended(journal)


def _nothing(journal: Json) -> tuple[str, str, str]:
    message = f"What it said: {sentence(journal['message'] or 'nothing')}"
    if journal["crashed"]:
        return BAD, "Not known", f"The run broke and could not tell what it did. Look at the clients before anything else. {message}"
    return BAD, "Refused", f"Nothing was changed. {message}"


def _ended(journal: Json) -> tuple[str, str, str]:
    killed = total(journal, "killed")
    if any(node["verdict"] == "killed" for node in journal["nodes"]):
        return WARN, "Done, with kills", f"{_tally(journal)} {number(killed, 'build')} {'was' if killed == 1 else 'were'} killed, as allowed."
    if any(node["verdict"] != journal["wanted"]["state"] for node in journal["nodes"]):
        return WARN, "Ordered", f"{_tally(journal)} The run was told not to wait for the end."
    quiet = "" if journal["changed"] else " Nothing had to be changed."
    return GOOD, "As asked", _tally(journal) + quiet


def _tally(journal: Json) -> str:
    """Such as "c1 is drained." and "2 of 3 clients are drained; 1 is unfinished (c3)."."""
    wish, nodes = journal["wanted"]["state"], journal["nodes"]
    if len(nodes) == 1:
        return f"{nodes[0]['name']} is {nodes[0]['verdict']}."
    done = sum(1 for node in nodes if node["verdict"] == wish)
    words = [f"{done} of {len(nodes)} clients {'is' if done == 1 else 'are'} {wish}"]
    for verdict in sorted({node["verdict"] for node in nodes} - {wish}):
        names = [node["name"] for node in nodes if node["verdict"] == verdict]
        words.append(f"{len(names)} {'is' if len(names) == 1 else 'are'} {verdict} ({few(names)})")
    return "; ".join(words) + "."


def title(journal: Json) -> str:
    """Such as "Drain of c1 and c2" and "Drain of 40 clients"."""
    names = [node["name"] for node in journal["nodes"]] or asked_for(journal)
    return f"{ASKED[journal['wanted']['state']]} of {few(names) if len(names) <= NAMED else number(len(names), 'client')}"


def asked_for(journal: Json) -> list[str]:
    """The clients as they were asked for: a list, or the text that the playbook was given."""
    nodes = journal["wanted"]["nodes"]
    return [str(entry) for entry in nodes] if isinstance(nodes, list) else [str(nodes)]


def tone_of(node: Json, allowed: bool) -> str:
    """How a client's verdict is to be taken; `allowed`: killing builds was."""
    if node["verdict"] == "killed" and allowed:
        return WARN
    return TONES.get(node["verdict"], WARN)


def in_words(node: Json) -> str:
    """The verdict of a client as a sentence; the module's reason where it says more than the word."""
    words = MEANINGS.get(node["verdict"], "")
    if node["verdict"] not in ("drained", "cordoned", "eligible"):
        words += f": {node['reason']}"
    unmarked = "it was closed already, and this Nomad keeps no mark of who did it"
    return words + (f"; {unmarked if node['mark'] == 'none' else 'somebody else had closed it, whose drain was joined'}" if node["joined"] else "")


def next_steps(journal: Json) -> list[Json]:
    """What to do now, in order, as {words, command}."""
    if not journal["nodes"]:
        return _next_of_nothing(journal)
    if journal["check_mode"]:
        return [_order("If that is what you want, do it.", journal["go_on"])]
    verdicts = {node["verdict"] for node in journal["nodes"]}
    found = [_order(_look_words(journal, verdicts), journal["look"])] if verdicts & set(NEED_A_LOOK) else []
    if journal["wanted"]["state"] == "eligible":
        return found + _next_of_release(journal)
    if verdicts - {journal["wanted"]["state"], "killed", "gone"}:
        found.append(_order("To go on, give the same command again. It looks where things stand; nothing is done twice.", journal["go_on"]))
    return found + [_order("When the work on the clients is done, or to give up, make them eligible again.", journal["undo"])]


def _next_of_nothing(journal: Json) -> list[Json]:
    if journal["phase"] == "begun":
        go_on, undo, note = journal["go_on"], journal["undo"], journal["undo_note"]
        words = "To give up, make the clients eligible again" + (f"; {note}." if note else ".")
        return [_order("To go on, give the same command again.", go_on)] + ([_order(words, undo)] if undo else [])
    if journal["crashed"]:
        return [_order("Look at the clients.", journal["look"]), _order("Then give the same command again.", journal["go_on"])]
    return [_order("Put right what the message names, and ask again. This is what was asked:", journal["go_on"])]


def _next_of_release(journal: Json) -> list[Json]:
    if all(node["verdict"] == "eligible" for node in journal["nodes"]):
        return []
    words = "Where the message says that somebody else closed a client and it is yours to open, say so."
    return [_order("To try again, give the same command.", journal["go_on"]), _order(words, journal["go_on"] + " -e nomad_drain_take_over=true")]


def _look_words(journal: Json, verdicts: Iterable[str]) -> str:
    words = {
        "lost": "Look at the machines of the lost clients. If one comes back, its builds may live on.",
        "gone": "See whether the machine of a gone client is back under another id.",
        "killed": "Run the killed builds again.",
        "reopened": "Ask who opened the client.",
        "unknown": "Mend the connection, or bring the client back.",
    }
    return " ".join([words[verdict] for verdict in NEED_A_LOOK if verdict in set(verdicts)] + ["This shows how the clients stand and what runs on them:"])


def _order(words: str, command: str) -> Json:
    return {"words": words, "command": command}


# -- small words -----------------------------------------------------------------------------------------


def total(journal: Json, key: str) -> int:
    """Over all clients."""
    counts = [node[key] if isinstance(node[key], int) else len(node[key]) for node in journal["nodes"]]
    return sum(counts)


def _count(things: list[Any], noun: str) -> str:
    return number(len(things), noun)
