# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a restore is: which of its Restores count, which lie in the way, what lives, what is whole. Questions alone; what follows from them: restore.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import CONSOLE, Console, RestoreLook, RestoreState, VolumeRestore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Meta, Restore

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


def lost_volumes(look: RestoreLook) -> list[str]:
    """Volumes of the backup that no Restore brought back whole."""
    done = {(one.namespace, one.pod, one.volume) for one in look.state.volumes if is_whole(one)}
    asked = [one for one in look.state.wanted if one.snapshot]
    missing = [one for one in asked if (one.pod_namespace, one.pod, one.volume) not in done]
    return [f"{one.pod_namespace}/{one.pod}/{one.volume}" for one in missing]


def is_whole(one: VolumeRestore) -> bool:
    """Completed, with as many bytes as there were."""
    return one.phase == "Completed" and (one.total is None or (one.done or 0) >= one.total)


def phases(look: RestoreLook) -> Mapping[str, Optional[str]]:
    """The phase of each part that counts; None where there is no Restore of it."""
    found = current(look)
    return {part: found[part].phase if part in found else None for part in look.state.parts}


def asked_bytes(look: RestoreLook) -> int:
    """What the volumes of the Restores that count have so far."""
    names = {one.meta.name for one in current(look).values()}
    return sum(one.done or 0 for one in look.state.volumes if one.restore in names)


def console_part(look: RestoreLook) -> Optional[Restore]:
    """The Restore of the console."""
    return current(look).get(CONSOLE)


def all_well(state: RestoreState, backup: str) -> RestoreState:
    """Every part restored, every pod ready."""
    made = {one.meta.name: one for one in state.restores}
    for part in state.parts:
        name = restore_name(backup, part)
        one = made.get(name) or Restore(Meta(name, uid="(new)", created=state.now), backup)
        made[name] = replace(one, phase="Completed", started=one.started or state.now, completed=one.completed or state.now, errors=0)
    held = {(one.namespace, one.pod, one.volume) for one in state.volumes if one.phase == "Completed"}
    missing = [one for one in state.wanted if one.snapshot and (one.pod_namespace, one.pod, one.volume) not in held]
    volumes = tuple(
        VolumeRestore(restore_name(backup, CONSOLE), one.pod_namespace, one.pod, one.volume, "Completed", one.bytes_total, one.bytes_total) for one in missing
    )
    whole = tuple(one for one in state.volumes if one.phase == "Completed")
    console = Console(True, True, state.console.saved)
    done = replace(state, restores=tuple(made.values()), volumes=(*whole, *volumes), console=console, pods=(), velero="")
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
