# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a restore, and its line of progress."""

from __future__ import annotations

from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import proofs_view, reasons
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_course import (
    asked_bytes,
    console_part,
    current,
    is_restored,
    lives,
    lost_volumes,
    program_lives,
    under_way,
    volumes_of,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_gates import DEPLOYED_TO, VERSIONS, kots_held
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import Mark, RestoreLook, VolumeRestore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Restore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of


def restore_view(look: RestoreLook, decision: Decision) -> Json:
    """The task's result."""
    state, parts = look.state, current(look)
    return {
        "backup": _backup(look),
        "verdict": _verdict(look, decision),
        "restored": decision.kind == "settled",
        "reason": decision.reason,
        "origin": look.memory.get("origin") or None,
        "joined": bool(look.memory.get("joined")),
        "parts": [_part(part, parts.get(part)) for part in state.parts],
        "volumes": [_volume(one) for one in volumes_of(look)],
        "lost_volumes": lost_volumes(look) if is_restored(look) else [],
        "console": {"there": state.console.there, "ready": state.console.ready, "saved": state.console.saved},
        "pods": [{"name": pod.name, "reason": pod.words} for pod in state.pods],
        "sealed": [pod.name for pod in state.pods if pod.sealed],
        "gates": look.memory.get("gates") or [],
        "mark": _mark(state.mark) if state.mark else None,
        "program": _program(look),
        "waited": round(look.waited.get("restore", 0.0), 1),
    }


def words_of_progress(look: RestoreLook, decision: Decision) -> str:
    """How far it is, for a person who waits."""
    living = [one for one in current(look).values() if lives(look.state, one)]
    if not living:
        return decision.reason
    one = living[0]
    words = [f"{one.meta.name}: {one.phase}"]
    words += [f"{one.items or 0} of {one.total_items} items"] if one.total_items else []
    total = sum(each.bytes_total or 0 for each in look.state.wanted)
    words += [f"{in_units(asked_bytes(look))} of {in_units(total)}"] if total else []
    words += [look.state.velero] if look.state.velero else []
    return ", ".join(words)


def in_units(size: int) -> str:
    """Such as 1.2 GB."""
    number, unit = float(size), 0
    while number >= 1000 and unit < 4:
        number, unit = number / 1000, unit + 1
    return f"{number:.{0 if unit == 0 else 1}f} {('B', 'kB', 'MB', 'GB', 'TB')[unit]}"


def _verdict(look: RestoreLook, decision: Decision) -> str:
    if decision.kind == "settled":
        return "restored"
    if is_restored(look):
        return "sealed" if any(pod.sealed for pod in look.state.pods) else "incomplete" if lost_volumes(look) else "starting"
    begun = under_way(look) or bool(look.state.sent)
    if decision.kind == "stuck":
        return "failed" if look.state.sent else "refused"
    if begun and not look.state.console.there and console_part(look) is None and program_lives(look) is False:
        return "console_gone"
    if begun or look.memory.get("joined"):
        return "restoring"
    return "due" if decision.kind == "steps" else "unproven"


def _backup(look: RestoreLook) -> Json:
    one = look.state.backup
    if one is None:
        return {"name": look.spec.backup, "uid": None}
    backup = one.backup
    return {
        "name": one.name,
        "uid": one.uid,
        "phase": backup.phase,
        "started": text_of(backup.started),
        "completed": text_of(backup.completed),
        "expires": text_of(backup.expires),
        "namespace": backup.meta.annotations.get(DEPLOYED_TO) or None,
        "kots": kots_held(one) or None,
        "versions": backup.meta.annotations.get(VERSIONS) or None,
        "sequences": dict(one.sequences),
        "proofs": proofs_view(look.state.proofs),
        "reasons": reasons(look.state.proofs),
    }


def _part(part: str, one: Optional[Restore]) -> Json:
    return {
        "part": part,
        "restore": one.meta.name if one else None,
        "phase": one.phase if one else None,
        "started": text_of(one.started) if one else None,
        "completed": text_of(one.completed) if one else None,
        "errors": one.errors if one else 0,
        "warnings": one.warnings if one else 0,
        "items": one.items if one else None,
        "total_items": one.total_items if one else None,
    }


def _volume(one: VolumeRestore) -> Json:
    return {
        "namespace": one.namespace,
        "pod": one.pod,
        "volume": one.volume,
        "phase": one.phase,
        "bytes": one.done,
        "total_bytes": one.total,
        "reason": one.message[:200] or None,
    }


def _mark(mark: Mark) -> Json:
    return {"owner": mark.owner, "backup": mark.backup, "since": text_of(mark.since), "run": mark.run or None, "place": mark.place or None}


def _program(look: RestoreLook) -> Json:
    mark = look.state.mark
    log = f"{mark.folder}/{mark.run}.log" if mark and mark.folder else None
    return {"running": program_lives(look), "log": log, "said": look.state.said or None}
