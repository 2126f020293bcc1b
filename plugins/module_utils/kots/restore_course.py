# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a restore is: which of its Restores count, which lie in the way, what lives, what is whole. Questions alone; what follows from them: restore.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import CONSOLE, RestoreLook, RestoreState, VolumeRestore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Meta, PodVolumeBackup, Restore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of

ITEM = "restore"
GRACE = 1.0  # s: the API's times are whole seconds
SILENT = 900.0  # s without a word of a restore whose program runs elsewhere, after which it is taken for dead
UNDEPLOY = 60.0  # s in which kotsadm may still take an app down before its Restore shows


def restore_name(backup: str, part: str) -> str:
    """As the CLI and kotsadm name the Restore of a part."""
    return f"{backup}.{part}"


def under_way(look: RestoreLook) -> bool:
    """A restore of this backup was begun, by us, and has not been closed."""
    mark = look.state.mark
    return mark is not None and mark.backup == look.spec.backup and (mark.owner == look.spec.owner or look.spec.take_over)


def current(look: RestoreLook) -> dict[str, Restore]:
    """The Restores that count, by part: all of them; where one is under way, those made since, and those that live."""
    mine = {one.meta.name: one for one in look.state.restores}
    found = {part: mine.get(restore_name(look.spec.backup, part)) for part in look.state.parts}
    since = look.state.mark.since - GRACE if under_way(look) and look.state.mark else 0.0
    return {part: one for part, one in found.items() if one and ((one.meta.created or 0.0) >= since or lives(look.state, one))}


def stale(look: RestoreLook) -> list[Restore]:
    """Ended Restores of this backup from before: while one stands, the CLI deletes the console and then fails (recorded)."""
    counted = {one.meta.name for one in current(look).values()}
    names = {restore_name(look.spec.backup, part) for part in look.state.parts}
    return [one for one in look.state.restores if one.meta.name in names - counted]


def lives(state: RestoreState, one: Restore) -> bool:
    """Velero works on it, or will."""
    return not one.is_terminal and not is_stalled(state, one)


def is_stalled(state: RestoreState, one: Restore) -> bool:
    """It runs by its phase alone: Velero began anew since (1.6 leaves such a one InProgress for ever)."""
    return not one.is_terminal and one.started is not None and state.server_started is not None and one.started < state.server_started


def is_bad(state: RestoreState, one: Restore) -> bool:
    """It ended otherwise than well, or never will."""
    return is_stalled(state, one) or (one.is_terminal and (one.phase != "Completed" or one.errors > 0))


def others_alive(look: RestoreLook) -> list[Restore]:
    """Restores of other backups that live."""
    return [one for one in look.state.restores if one.backup != look.spec.backup and lives(look.state, one)]


def busy(look: RestoreLook) -> str:
    """Why somebody else's restore forbids ours."""
    mark, living = look.state.mark, others_alive(look)
    if living:
        return f"Restore {living[0].meta.name} is {living[0].phase or 'New'}: another backup is being restored; wait for its end"
    if mark is None or under_way(look):
        return ""
    when = text_of(mark.since)
    if mark.backup != look.spec.backup and look.state.program:
        return f"a restore of backup {mark.backup} was begun {when}, and its program runs here; wait for its end"
    if look.spec.take_over:
        return ""
    if mark.owner != look.spec.owner:
        return f"{mark.owner} restores backup {mark.backup} since {when} (ConfigMap in Velero's namespace); wait, or give take_over: true where it is dead"
    if program_lives(look) is not False:
        return f"a restore of backup {mark.backup} was begun {when} and its program may still run; wait, or give take_over: true"
    return ""


def is_restored(look: RestoreLook) -> bool:
    """Every part of this backup is Completed, without an error, no other backup was restored since, and something of it is there."""
    state, parts = look.state, current(look)
    if not state.parts or set(parts) != set(state.parts) or any(not one.is_terminal or is_bad(state, one) for one in parts.values()):
        return False
    first = min(one.meta.created or 0.0 for one in parts.values())
    later = [one for one in state.restores if one.backup != look.spec.backup and (one.meta.created or 0.0) > first]
    return not later and (under_way(look) or state.installed)


def program_lives(look: RestoreLook) -> Optional[bool]:
    """Whether the CLI that the mark names runs; where that cannot be asked from here, by how long nothing was heard."""
    state, mark = look.state, look.state.mark
    if mark is None or state.program is not None:
        return state.program if mark else False
    moments = [mark.since, *(moment or 0.0 for one in current(look).values() for moment in (one.meta.created, one.started, one.completed))]
    quiet = state.now - max(moments) > SILENT or look.spec.take_over or state.rested
    return False if quiet else None


def alive(look: RestoreLook) -> list[Restore]:
    """Those that count and that Velero works on, or will."""
    return [one for one in current(look).values() if lives(look.state, one)]


def volumes_of(look: RestoreLook) -> list[VolumeRestore]:
    """The volumes of the Restores that count. By uid: those of another backup, and of a Restore that is gone, have the same pods and names."""
    uids = {one.meta.uid for one in current(look).values()}
    return [one for one in look.state.volumes if one.restore_uid and one.restore_uid in uids]


def lost_volumes(look: RestoreLook) -> list[str]:
    """Volumes of the backup that none of the Restores that count brought back whole."""
    back, asked = volumes_of(look), [one for one in look.state.wanted if one.snapshot]
    return [f"{one.pod_namespace}/{one.pod}/{one.volume}" for one in asked if not any(is_whole(each, one) for each in back)]


def is_whole(one: VolumeRestore, kept: PodVolumeBackup) -> bool:
    """It is this one's, and all of its bytes came back, as many as the backup has."""
    same = (one.namespace, one.pod, one.volume) == (kept.pod_namespace, kept.pod, kept.volume)
    return same and one.phase == "Completed" and (one.done or 0) >= (one.total or 0) >= (kept.bytes_total or 0)


def must_keep(look: RestoreLook) -> bool:
    """The console is there, and what is kept of it, if anything, is another restore's. One that is not ready takes the place of nothing that is kept."""
    console, mark = look.state.console, look.state.mark
    if not console.there or not console.saved:
        return console.there
    of_this = not console.since or mark is None or console.since == text_of(mark.since)
    return console.ready and not of_this


def phases(look: RestoreLook) -> Mapping[str, Optional[str]]:
    """The phase of each part that counts; None where there is no Restore of it."""
    found = current(look)
    return {part: found[part].phase if part in found else None for part in look.state.parts}


def asked_bytes(look: RestoreLook) -> int:
    """What the volumes of the Restores that count have so far."""
    return sum(one.done or 0 for one in volumes_of(look))


def console_part(look: RestoreLook) -> Optional[Restore]:
    """The Restore of the console."""
    return current(look).get(CONSOLE)


def all_well(look: RestoreLook) -> RestoreState:
    """Every part restored, every volume whole, every pod ready."""
    state, backup = look.state, look.spec.backup
    made = {one.meta.name: one for one in state.restores}
    for part in state.parts:
        name = restore_name(backup, part)
        one = made.get(name) or Restore(Meta(name, uid="(new)", created=state.now), backup)
        made[name] = replace(one, phase="Completed", started=one.started or state.now, completed=one.completed or state.now, errors=0)
    by = made[restore_name(backup, CONSOLE)].meta
    asked = [one for one in state.wanted if one.snapshot]
    sizes = [(one, one.bytes_total or 0) for one in asked]
    volumes = tuple(VolumeRestore(by.name, one.pod_namespace, one.pod, one.volume, "Completed", size, size, restore_uid=by.uid) for one, size in sizes)
    console = replace(state.console, there=True, ready=True)
    done = replace(state, restores=tuple(made.values()), volumes=volumes, console=console, pods=(), velero="")
    return replace(done, running=True, installed=True, program=False, rested=True)


def living_words(state: RestoreState, one: Restore) -> str:
    """A Restore that is worked on; and where Velero has no pod, that."""
    return f"Restore {one.meta.name} is {one.phase}" + (f"; {state.velero}" if state.velero else "")


def why_bad(state: RestoreState, one: Restore) -> str:
    """What went wrong with it, and the remedy."""
    if is_stalled(state, one):
        return f"is {one.phase}, but Velero's pod began anew since: nobody works on it any more; run this again"
    told = "; ".join((*one.validation_errors, *([one.failure_reason] if one.failure_reason else ())))
    count = f" with {one.errors} errors" if one.errors else ""
    return f"is {one.phase}{count}: {told or f'see velero restore logs {one.meta.name}'}; mend the cause and run this again"
