# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A support bundle: collected by kotsadm, waited for, fetched once, and searched for secrets before anybody is told that it may be given away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.kots.bundle import MOST_NAMED, READY, RUNNING, Bundle, Contents, Owner

ITEM = "bundle"
YOUNG = 600.0  # s; what kotsadm collected in that time is taken, so a run that was killed goes on where it was
COLLECTING = "collecting"
NEW = "(new)"  # the bundle that check mode imagines


@dataclass(frozen=True)
class SupportSpec:
    """What is wanted: a searched bundle of this app at `dest`."""

    dest: str
    consent: bool
    app: str = "circleci-server"
    allow_unredacted: bool = False


@dataclass(frozen=True)
class SupportState:
    """What is at `dest` (None: nothing); where nothing is, what kotsadm has. `now` is the cluster's time."""

    kept: Optional[Contents] = None
    owner: Optional[Owner] = None
    bundles: tuple[Bundle, ...] = ()
    now: float = 0.0


@dataclass(frozen=True)
class Collect:
    """Have kotsadm collect one."""

    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "collect", "id": ITEM}


@dataclass(frozen=True)
class Fetch:
    """Write it to `dest`."""

    bundle: str
    dest: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "fetch", "id": ITEM, "dest": self.dest}


SupportLook = Look[SupportSpec, SupportState]


def support_spec(params: Mapping[str, Any]) -> SupportSpec:
    """What is wanted; raises BadInput with the first option that cannot be."""
    spec = spec_from_params(SupportSpec, params)
    if not spec.consent:
        raise BadInput(
            "consent is false; a support bundle holds logs and configuration, in which there may be data of users (names, projects, addresses) "
            "and secrets that redaction missed; whoever may decide that gives consent: true"
        )
    if not spec.dest.strip():
        raise BadInput("dest is empty; give the path of the file to write, such as /root/support-bundle.tar.gz")
    if not spec.app.strip() or "/" in spec.app:
        raise BadInput(f"app is {spec.app!r}, which is no slug; kots_info lists those that are there")
    return spec


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: SupportLook) -> list[str]:
    """What lies at `dest` already and is something else."""
    kept = look.state.kept
    return [f"dest {look.spec.dest} is there and {kept.problem}; it is left as it is: give another dest, or take it away"] if kept and kept.problem else []


def decide(look: SupportLook) -> dict[str, Decision]:
    """Collect, wait, fetch; then the search has the last word."""
    state, spec = look.state, look.spec
    if state.kept:
        return {ITEM: _judged(spec, state.kept)}
    bundle = chosen(look)
    if bundle is None:
        return {ITEM: act(f"have a support bundle of {spec.app} collected", Collect())}
    if bundle.status == RUNNING:
        return {ITEM: waiting(f"kotsadm collects support bundle {bundle.slug}", phase=COLLECTING)}
    if bundle.is_bad:
        return {ITEM: stuck(f"kotsadm could not collect support bundle {bundle.slug} (status {bundle.status or 'none'}); its reason is in the log of its pod")}
    return {ITEM: act(f"fetch support bundle {bundle.slug} to {spec.dest}", Fetch(bundle.slug, spec.dest))}


def chosen(look: SupportLook) -> Optional[Bundle]:
    """The bundle of this task: the one it is at, one that came since it began, else a young one that is not bad. None: one must be collected."""
    by_slug = {one.slug: one for one in look.state.bundles}
    mine = by_slug.get(str(look.memory.get("slug") or ""))
    if mine:
        return mine
    known = look.memory.get("known")
    for one in reversed(look.state.bundles):
        is_new = known is not None and one.slug not in known
        if is_new or (not one.is_bad and look.state.now - one.created <= YOUNG):
            return one
    return None


def effect(state: SupportState, step: Any) -> SupportState:
    """The state after a step."""
    if isinstance(step, Collect):
        return replace(state, bundles=(*state.bundles, Bundle(NEW, NEW, RUNNING, state.now)))
    return SupportState(kept=Contents(secrets=1))  # of which there is at least one where kotsadm is


def assume(look: SupportLook, _item: str) -> SupportState:
    """The one that was waited for is ready."""
    bundle = chosen(look)
    ready = tuple(replace(one, status=READY) if one == bundle else one for one in look.state.bundles)
    return replace(look.state, bundles=ready)


def remember(look: SupportLook) -> Json:
    """Which bundles were there at first, and which one is ours: a bundle grows old while it is collected."""
    if look.state.kept:
        return look.memory
    known = look.memory.get("known", [one.slug for one in look.state.bundles])
    bundle = chosen(look)
    return {"known": known, "slug": bundle.slug if bundle else None}


def facts(look: SupportLook) -> dict[str, Json]:
    """Whether it is here; until then, how far kotsadm is."""
    if look.state.kept:
        return {ITEM: {"dest": look.spec.dest, "fetched": True}}
    bundle = chosen(look)
    return {ITEM: {"dest": look.spec.dest, "fetched": False, "status": bundle.status if bundle else None}}


def view(look: SupportLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    kept = look.state.kept
    readable = kept if kept and not kept.problem else None
    return {
        "dest": look.spec.dest,
        "bundle": look.memory.get("slug"),
        "fetched": readable is not None,
        "redacted": not readable.findings if readable and (readable.secrets or readable.findings) else None,
        "findings": [one.view() for one in readable.findings[:MOST_NAMED]] if readable else [],
        "size": readable.size if readable else None,
        "files": readable.files if readable else None,
        "secrets_searched": readable.secrets if readable else None,
        "reason": decisions[ITEM].reason,
    }


def out_of_sight(last: Json) -> Json:
    """The last view: what was searched stays as it was found."""
    return last


def progress(look: SupportLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[ITEM].reason


# -- words ---------------------------------------------------------------------------------------------


def _judged(spec: SupportSpec, kept: Contents) -> Decision:
    if kept.problem:
        return stuck(f"{spec.dest} {kept.problem}")
    if not kept.findings and not kept.secrets:
        found = f"the support bundle at {spec.dest} was searched for no value: the namespace holds no Secret that could be searched for"
        if spec.allow_unredacted:
            return settled(f"{found}; allow_unredacted lets that pass")
        return stuck(f"{found}; give the installation's in namespace, or set allow_unredacted if whoever gets it may have it as it is")
    if not kept.findings:
        return settled(f"the support bundle is at {spec.dest}; nothing that looks like a secret was found in it")
    places = ", ".join(f"{one.file} ({one.kind})" for one in kept.findings[:5])
    more = f" and {len(kept.findings) - 5} more" if len(kept.findings) > 5 else ""
    found = f"the support bundle at {spec.dest} holds what must not be given away: {places}{more}"
    if spec.allow_unredacted:
        return settled(f"{found}; allow_unredacted lets that pass")
    return stuck(f"{found}; do not hand it on: cut it out, or set allow_unredacted if whoever gets it may have it")
