# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole installation is restored from a backup: what is kept first, what is deleted when, how a restore that was cut short goes on, and when it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import failures, gates_view
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_course import (
    ITEM,
    UNDEPLOY,
    alive,
    all_well,
    asked_bytes,
    busy,
    console_part,
    current,
    is_bad,
    is_restored,
    is_stalled,
    living_words,
    lost_volumes,
    must_keep,
    phases,
    program_lives,
    stale,
    under_way,
    why_bad,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_gates import is_open
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import CONSOLE, Mark, RestoreLook, RestoreState
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_view import restore_view, words_of_progress
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Restore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of

SYNC = 150.0  # s in which Velero brings a backup out of the store that its cluster does not know yet
SEALED = 300.0  # s after which a Vault that is sealed is not waited for any longer: a person has its keys
ENDING = 60.0  # s in which the CLI ends by itself when its Restore went wrong
ALL, APPS = "restore", "restore_apps"


@dataclass(frozen=True)
class Order:
    """One step: `mark`, `save_console`, `map_storage`, `clear_restores`, `restore`, `restore_apps`, `end_program`, `put_console_back`, `close`.

    `restores` are names with uids. `mark` is the one to make or, of any other step, the one that was seen: where it is another by now, nothing is done.
    """

    name: str
    restores: tuple[tuple[str, str], ...] = ()
    mark: Optional[Mark] = field(default=None, compare=False)  # it moves with each try: the order is the same
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": self.name, "id": ITEM, **({"restores": [name for name, _uid in self.restores]} if self.restores else {})}


# -- the kernel's questions ------------------------------------------------------------------------------


def refusals(_look: RestoreLook) -> list[str]:
    """None: what forbids it is an end of its own, with the gates in the result."""
    return []


def decide(look: RestoreLook) -> dict[str, Decision]:
    """What is due now."""
    return {ITEM: _decision(look)}


def effect(state: RestoreState, step: Any) -> RestoreState:
    """The state after a step."""
    if step.name in (ALL, APPS, "put_console_back"):
        state = replace(state, sent=(*state.sent, step.name))
    since = (text_of(state.mark.since) if state.mark else None) or ""
    changes: Mapping[str, Json] = {
        "save_console": {"console": replace(state.console, saved=True, since=since)},
        "mark": {"mark": step.mark},
        "map_storage": {"mapped": True},
        "clear_restores": {"restores": tuple(one for one in state.restores if (one.meta.name, one.meta.uid) not in step.restores)},
        "end_program": {"program": False},
        "put_console_back": {"console": replace(state.console, there=True)},
        "close": {"mark": None, "mapped": False, "console": replace(state.console, saved=False, since="")},
    }
    return replace(state, program=True) if step.name in (ALL, APPS) else replace(state, **changes[step.name])


def assume(look: RestoreLook, _item: str) -> RestoreState:
    """What is waited for has ended well."""
    state = look.state
    going = [one for one in state.restores if one.meta.deleting is not None]
    if going:
        return replace(state, restores=tuple(one for one in state.restores if one not in going))
    between = under_way(look) and program_lives(look) is False and CONSOLE in current(look) and not is_restored(look) and not alive(look)
    return replace(state, rested=True) if between and not state.rested else all_well(look)


def remember(look: RestoreLook) -> Json:
    """What cannot be read again: the gates and proofs of the begin, where the backup comes from, and whether somebody else had begun."""
    state = look.state
    past = look.memory or {"gates": [], "origin": "", "joined": bool(under_way(look) or alive(look))}
    return past if state.gates is None else {**past, "gates": gates_view(state.gates), "origin": state.origin}


def facts(look: RestoreLook) -> dict[str, Json]:
    """The state as seen."""
    state = look.state
    word = "ready" if state.console.ready else "not ready" if state.console.there else "gone"
    return {ITEM: {"parts": dict(phases(look)), "bytes": asked_bytes(look), "console": word, "pods_not_ready": len(state.pods)}}


def out_of_sight(last: Json) -> Json:
    """The last view once no answer comes any more."""
    return {**last, "verdict": "unknown", "restored": False} if last.get("verdict") not in ("refused", "failed") else last


def progress(look: RestoreLook, decisions: Mapping[str, Decision]) -> str:
    """Such as "instance-x2x7q: circleci-server InProgress, 120 of 400 items, 1.2 GB of 3.0 GB"."""
    return words_of_progress(look, decisions[ITEM])


def view(look: RestoreLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    return restore_view(look, decisions[ITEM])


# -- decisions -----------------------------------------------------------------------------------------------


def _decision(look: RestoreLook) -> Decision:
    forbidden = busy(look)
    if forbidden:
        return stuck(forbidden)
    if look.state.backup is None:
        return _no_backup(look)
    if is_restored(look):
        return _restored(look)
    return _follow(look) if under_way(look) else _begin(look)


def _no_backup(look: RestoreLook) -> Decision:
    name, state = look.spec.backup, look.state
    if state.is_there:
        return stuck(f"backup {name} is none of a whole installation (annotation kots.io/instance), and the CLI restores no other")
    if look.waited.get(ITEM, 0.0) < SYNC:
        return waiting(f"there is no backup {name} here, yet: Velero looks into its store once a minute", recheck=10.0, unknown=True)
    listed = ", ".join(state.names[-10:]) or "none"
    return stuck(f"there is no backup {name}; of whole installations there are: {listed}. See velero_info for the store")


def _restored(look: RestoreLook) -> Decision:
    """All Restores ended well: now the volumes, then the pods, then the mark goes."""
    state, name = look.state, look.spec.backup
    lost = lost_volumes(look)
    if lost:
        return _incomplete(look, lost)
    sealed = [pod.name for pod in state.pods if pod.sealed]
    if sealed:
        words = f"backup {name} was restored, and Vault ({', '.join(sealed)}) is sealed: unseal it with the keys of its keepers, which are read nowhere here"
        return stuck(words) if look.phases.get(ITEM, 0.0) > SEALED else waiting(words, phase="sealed", recheck=10.0)
    if state.pods or not state.running or not state.console.ready:
        told = ", ".join(f"{pod.name} ({pod.words})" for pod in state.pods[:5]) or "the pods of the installation have not come yet"
        return waiting(f"backup {name} was restored; not ready: {told}", phase="pods", recheck=5.0)
    if under_way(look) or (state.mark is None and (state.console.saved or state.mapped)):
        return act("the restore is whole: its mark and what was kept go", Order("close", mark=state.mark))
    return settled(f"backup {name} was the last one restored, and is whole", confirm=1.0)


def _incomplete(look: RestoreLook, lost: list[str]) -> Decision:
    """As long as the mark of an earlier run stands, nobody works on what came back, and it may be begun anew."""
    found = list(current(look).values())
    if under_way(look) and not look.state.sent and program_lives(look) is False:
        return _barred(look) or act("an earlier run did not bring back every volume", _clear(found))
    told = f"backup {look.spec.backup} was restored, but not whole: no Restore brought back {', '.join(lost[:5])}"
    again = f"To restore it once more, delete {', '.join(one.meta.name for one in found)}"
    return stuck(f"{told}; see the log of the agents. {again}", confirm=1.0)


def _clear(restores: list[Restore]) -> Order:
    """These very ones: what has taken the name of one of them meanwhile stays."""
    return Order("clear_restores", tuple((one.meta.name, one.meta.uid) for one in restores))


def _begin(look: RestoreLook) -> Decision:
    """Nothing is under way, or somebody's own restore of this backup."""
    living = alive(look)
    if living:
        return waiting(f"Restore {living[0].meta.name} is {living[0].phase}, begun by somebody else", phase=living[0].phase)
    there, spec = look.state.mark, look.spec
    mark = Mark(spec.backup, spec.owner, since=look.state.now, version=there.version if there else "")
    return _barred(look) or act(f"backup {spec.backup} is to be restored", Order("mark", mark=mark))


def _follow(look: RestoreLook) -> Decision:
    """A restore of ours is under way."""
    going = [one for one in look.state.restores if one.backup == look.spec.backup and one.meta.deleting is not None]
    if going:
        return waiting(f"Restore {going[0].meta.name} is still being deleted", phase="clearing", recheck=2.0)
    runs, old = program_lives(look), stale(look)
    if old and runs is False:
        return act("ended Restores of this backup lie in the way", _clear(old))
    bad = [one for one in current(look).values() if is_bad(look.state, one)]
    if bad:
        return _gone_wrong(look, bad, runs)
    living = alive(look)
    if living:
        return waiting(living_words(look.state, living[0]), phase=f"{living[0].meta.name} {living[0].phase}")
    return _console(look, runs) if console_part(look) is None else _apps(look, runs)


def _console(look: RestoreLook, runs: Optional[bool]) -> Decision:
    """No Restore of the console yet."""
    if runs is not False:
        return waiting(f"the CLI {'runs' if runs else 'runs elsewhere, or died there'}; no Restore of the console yet", phase="cli", recheck=5.0)
    return _start(look, ALL)


def _apps(look: RestoreLook, runs: Optional[bool]) -> Decision:
    """The console's Restore ended well; an app has none yet."""
    state, part = look.state, console_part(look)
    if not state.console.there and runs is False and part is not None:
        again = act("the console is gone again", _clear([part]))
        return stuck("the console was restored, and is gone again; see who deleted it") if ALL in state.sent else again
    if not state.console.ready:
        return waiting("the console was restored, and is not ready yet", phase="console", recheck=2.0)
    if runs is not False:
        return waiting("the console is back; the apps are being taken down", phase="apps", recheck=5.0)
    if not state.rested and look.phases.get(ITEM, 0.0) <= UNDEPLOY:
        return waiting("the console is back; it may still take the apps down", phase="between", recheck=5.0)
    return _start(look, APPS)


def _start(look: RestoreLook, order: str) -> Decision:
    """Start the CLI: once in a task. What it deletes first is kept, and deleted only past the gates. Alone: nothing follows on a step that was refused."""
    state = look.state
    if order in state.sent:
        said = state.said or "it gave no reason"
        return _console_back(look) or stuck(f"the official CLI ended without a Restore of {'the console' if order == ALL else 'the apps'}: {said}; see its log")
    barred = _barred(look) if order == ALL else None
    if barred:
        return (_console_back(look) if barred.kind == "stuck" else None) or barred
    if order == ALL and must_keep(look):
        return act("the console is kept before it is deleted", Order("save_console", mark=state.mark))
    if look.spec.storage_classes and not state.mapped:
        return act("Velero is told other storage classes", Order("map_storage", mark=state.mark))
    return act("the restore begins" if order == ALL else "the restore goes on with the apps", Order(order, mark=state.mark))


def _gone_wrong(look: RestoreLook, bad: list[Restore], runs: Optional[bool]) -> Decision:
    """A Restore failed, or never ends."""
    state, one = look.state, bad[0]
    if runs is not False:
        stalled = any(is_stalled(state, each) for each in bad)
        if runs and (stalled or look.phases.get(ITEM, 0.0) > ENDING):
            return act("the CLI waits for what never comes", Order("end_program", mark=state.mark))
        return waiting(f"Restore {one.meta.name} is {one.phase}; the CLI has not ended yet", phase="ending", recheck=5.0)
    if not state.sent:  # what an earlier run began and lost is begun anew, once
        barred = _barred(look)
        return barred or act(f"Restore {one.meta.name} went wrong in an earlier run", _clear(bad))
    return _console_back(look) or stuck(f"Restore {one.meta.name} {why_bad(state, one)}")


def _console_back(look: RestoreLook) -> Optional[Decision]:
    """A console that is gone while nothing is restored any more gets its kept objects back."""
    console, sent = look.state.console, look.state.sent
    if console.there or not console.saved or "put_console_back" in sent:
        return None
    return act("the console is gone and no restore lives: its kept objects go back", Order("put_console_back"))


def _barred(look: RestoreLook) -> Optional[Decision]:
    """Why nothing may be deleted yet."""
    gates = look.state.gates
    if gates is None:
        return waiting("what must hold before a restore has not been looked at", recheck=5.0, unknown=True)
    failed = failures(gates)
    if failed:
        return stuck("; ".join(failed))
    unknown = [f"{gate.reason}" + (f" ({gate.remedy})" if gate.remedy else "") for gate in gates if is_open(gate)]
    return waiting("; ".join(unknown), recheck=10.0, unknown=True) if unknown else None
