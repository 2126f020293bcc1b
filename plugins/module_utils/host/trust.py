# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities that a host trusts: which files, whether its store has taken them up, and what would be lost by dropping one that is still in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, act, settled, stuck
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Paper, sentences
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import ClearNote
from ansible_collections.serverops.circleci.plugins.module_utils.host.trust_model import (
    ITEM,
    MOST,
    Named,
    RefreshStore,
    RemoveAnchor,
    TrustLook,
    TrustState,
    WriteAnchor,
)

# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: TrustLook) -> list[str]:
    """Faults of what was given, and files that must not be changed; nothing is touched."""
    due = {step.path for one in look.state.named for step in _steps(look.state, one)}
    found = [words for one in look.state.named for words in sentences(one.option, one.faults)]
    found += [anchor.hindrance for anchor in look.state.anchors if anchor.hindrance and anchor.path in due]
    many = [one for one in look.state.named if len(one.wanted) > MOST]
    return found + [f"{one.option}: there are {len(one.wanted)}, but {MOST} at most go under one name; give each root a name of its own" for one in many]


def decide(look: TrustLook) -> dict[str, Decision]:
    """Write what differs, take away what is too much, refresh the store; drop nothing that a host in `verify_hosts` still needs."""
    return {ITEM: _decision(look)}


def _decision(look: TrustLook) -> Decision:
    state = look.state
    failing = [f"{host}: {why}" for host, why in state.hosts if why]
    if lost(state) and failing:
        # What takes nothing away is trusted all the same: a fleet of which one half has switched needs both.
        due = _due(state, tuple(one for one in state.named if not _lost_by(state, one)), behind=False)
        return due or stuck(f"nothing was dropped: without it this host would not trust {'; '.join(failing)}")
    due = _due(state, state.named, state.behind)
    if due:
        return due
    served = [ClearNote(one.served, ITEM) for one in state.named if one.served]
    if served:
        return act(f"{look.spec.restart} was restarted since", *served)
    if failing:
        return stuck(f"the store is as wanted, but this host does not trust {'; '.join(failing)}")
    return settled("the host trusts them" if state.wanted else "the host has none of that name")


def _due(state: TrustState, named: tuple[Named, ...], behind: bool) -> Optional[Decision]:
    """All writes, then all removals, then the store once; None where that is done."""
    files = sorted((step for one in named for step in _steps(state, one)), key=lambda step: isinstance(step, RemoveAnchor))
    wanted = frozenset(paper.fingerprint for one in named for paper in one.wanted)
    if files or behind or not wanted <= state.trusted:
        return act("the store is not as wanted", *files, RefreshStore(wanted))
    return None


def effect(state: TrustState, step: Any) -> TrustState:
    """The state after a step."""
    if isinstance(step, RefreshStore):
        named = tuple(replace(one, served=None) for one in state.named)
        return replace(state, named=named, trusted=state.trusted | step.fingerprints, behind=False)
    if isinstance(step, ClearNote):
        return replace(state, named=tuple(replace(one, pending=False, served=None) if one.served == step.note else one for one in state.named))
    found = step.paper.fingerprint if isinstance(step, WriteAnchor) else None
    return replace(state, named=tuple(_changed(one, step.path, found) if one.name == step.name else one for one in state.named), behind=True)


def _changed(one: Named, path: str, found: Optional[str]) -> Named:
    held = frozenset([found] if found else ())
    anchors = tuple(replace(anchor, fingerprint=found, certificates=held) if anchor.path == path else anchor for anchor in one.anchors)
    return replace(one, anchors=anchors, pending=True, served=None)


def assume(look: TrustLook, _item: str) -> TrustState:
    """Nothing is ever waited for."""
    return look.state


def remember(look: TrustLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: TrustLook) -> dict[str, Json]:
    """The files, and whether the store has taken them up."""
    anchors = {anchor.path: anchor.fingerprint or "something else" for anchor in look.state.anchors if anchor.fingerprint is not None}
    return {ITEM: {"files": anchors, "store_current": _is_current(look.state)}}


def view(look: TrustLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    state = look.state
    return {
        "authorities": [{"subject": paper.subject, "ends": paper.ends.isoformat(), "fingerprint": paper.fingerprint} for paper in state.wanted],
        "files": [anchor.path for anchor in state.anchors if anchor.fingerprint is not None],
        "mended": [fault.kind for one in state.named for fault in one.mended],
        "hosts": [{"host": host, "trusted": not why, "reason": why or None} for host, why in state.hosts],
        "restart_required": any(one.pending for one in state.named) and look.spec.restart != "none",
        "reason": decisions[ITEM].reason,
    }


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: TrustLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[ITEM].reason


def _is_current(state: TrustState) -> bool:
    return not state.behind and frozenset(paper.fingerprint for paper in state.wanted) <= state.trusted


def _homes(state: TrustState, one: Named) -> dict[str, Paper]:
    """Which certificate belongs into which file: in each folder the first names, in order."""
    found = {}
    for folder in state.folders:
        own = [anchor.path for anchor in one.anchors if anchor.path.rpartition("/")[0] == folder]
        found.update(dict(zip(own, one.wanted)))
    return found


def _steps(state: TrustState, one: Named) -> list[Any]:
    """The files of a name that are to be written, and those that are too much."""
    homes, there = _homes(state, one), {anchor.path: anchor.fingerprint for anchor in one.anchors}
    missing: list[Any] = [WriteAnchor(path, paper, one.name) for path, paper in homes.items() if there[path] != paper.fingerprint]
    return missing + [RemoveAnchor(path, one.name) for path, fingerprint in there.items() if fingerprint is not None and path not in homes]


def lost(state: TrustState) -> frozenset[str]:
    """What the store loses by what is due: certificates in files of these names that are not wanted any more."""
    return frozenset().union(*(_lost_by(state, one) for one in state.named))


def _lost_by(state: TrustState, one: Named) -> frozenset[str]:
    held = frozenset().union(*(anchor.certificates for anchor in one.anchors))
    return held - frozenset(paper.fingerprint for paper in state.wanted)
