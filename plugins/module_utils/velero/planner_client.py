# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One wanted object beside the one that stands: asked of the API by a dry run, applied for good by the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.calls_client import FIELD_MANAGER
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import ApplyConflict, BeingDeleted, Conflict, NotServed
from ansible_collections.serverops.circleci.plugins.module_utils.velero import compare, crds
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import Seen
from ansible_collections.serverops.circleci.plugins.module_utils.velero.manifests import Wanted

REREADS = 5  # of an object that is written between our reading it and our asking what it would become


@dataclass(frozen=True)
class Plan:
    """`planned` is what the API would make of the apply, `final` that without what is left over; both are None where nothing stands yet."""

    seen: Seen
    live: Optional[Json] = None
    planned: Optional[Json] = None
    final: Optional[Json] = None


class Planner:
    """Plans by object; a plan holds as long as the object, and what is wanted of it, is the same."""

    def __init__(self, client: KubernetesClient, take_over: bool) -> None:
        self._client, self._take_over = client, take_over
        self._plans: dict[str, tuple[str, Wanted, Plan]] = {}

    def plan(self, wanted: Wanted, live: Optional[Json]) -> Plan:
        """What is to be done to it. Reads only: a dry run stores nothing."""
        known = self._plans.get(wanted.item)
        if known and known[0] == _version(live) and known[1].body == wanted.body:
            return known[2]
        made = self._plan(wanted, live)
        self._plans[wanted.item] = (_version(made.live), wanted, made)
        return made

    def live(self, wanted: Wanted) -> Optional[Json]:
        """The object as it stands; None also while its kind is not served."""
        with doing(f"read {wanted.item}"):
            try:
                return self._client.find(wanted.kind, wanted.namespace, wanted.name)
            except NotServed:
                return None

    def apply(self, wanted: Wanted) -> None:
        """Make it so. What is left over goes by one guarded patch that holds all else too: a server whose template changes twice is restarted twice."""
        self._plans.pop(wanted.item, None)
        with doing(f"apply {wanted.item}"):
            live = self._trimmed(wanted)
            body = compare.with_live(wanted.body, live)
            try:
                self._client.apply(wanted.kind, body)
            except ApplyConflict as conflict:
                if self._foreign(conflict):
                    raise
                self._client.apply(wanted.kind, body, force=True)

    def _trimmed(self, wanted: Wanted) -> Optional[Json]:
        """The object as it stands, with nothing left over; read and tried again where a controller wrote its status in between."""
        for last in (False, False, True):
            plan = self._plan(wanted, self.live(wanted))
            self._may(plan.seen)
            live = plan.live
            if live is None or plan.planned is None or plan.final is None or plan.planned == plan.final:
                return live
            patch = compare.merge_patch(compare.content(live), compare.content(plan.final))
            patch["metadata"] = {**(patch.get("metadata") or {}), "resourceVersion": live["metadata"]["resourceVersion"]}
            try:
                return self._client.patch(wanted.kind, wanted.namespace, wanted.name, patch)
            except Conflict:
                if last:
                    raise
        return None

    def _may(self, seen: Seen) -> None:
        if seen.foreign and not self._take_over:
            raise Refused(f"others manage what would have to change: {'; '.join(seen.foreign)}")

    def _plan(self, wanted: Wanted, live: Optional[Json]) -> Plan:
        """Of the object as it stood when the API was asked: what a controller notes between our reading and that is no change of ours."""
        made = self._plan_beside(wanted, live)
        for _again in range(REREADS):
            if _version(made.planned) in ("", _version(made.live)):
                break
            made = self._plan_beside(wanted, self.live(wanted))
        return made

    def _plan_beside(self, wanted: Wanted, live: Optional[Json]) -> Plan:
        blank = Seen(wanted.item, wanted.stage, there=live is not None, established=live is None or wanted.stage > 0 or crds.is_established(live))
        if live is None:
            return Plan(blank)
        if live["metadata"].get("deletionTimestamp"):
            return Plan(Seen(wanted.item, wanted.stage, there=True, changes=("it is being deleted",), fault="it is being deleted; run again when it is gone"))
        body = compare.with_live(wanted.body, live)
        foreign: tuple[str, ...] = ()
        try:
            planned, foreign = self._dry_run(wanted, body)
        except BeingDeleted:
            raise
        except Refused as error:
            return Plan(Seen(wanted.item, wanted.stage, True, ("it cannot be made so",), fault=str(error)), live)
        final = compare.pruned(planned, body)
        changes = compare.differences(live, final, wanted.is_secret)
        foreign += self._left_by_others(live, body)
        return Plan(Seen(wanted.item, wanted.stage, True, changes, foreign if changes else (), established=blank.established), live, planned, final)

    def _dry_run(self, wanted: Wanted, body: Json) -> tuple[Json, tuple[str, ...]]:
        """What it would become, and whose fields that takes."""
        with doing(f"ask what {wanted.item} would become"):
            try:
                return self._client.apply(wanted.kind, body, dry_run=True), ()
            except ApplyConflict as conflict:
                return self._client.apply(wanted.kind, body, force=True, dry_run=True), self._foreign(conflict)

    def _foreign(self, conflict: ApplyConflict) -> tuple[str, ...]:
        """The fields of managers that the guide's command line has nothing to do with; none where all may be taken over."""
        if self._take_over:
            return ()
        return tuple(f"{field} of {manager}" for manager, field in conflict.owners if not compare.is_guides(manager, FIELD_MANAGER))

    def _left_by_others(self, live: Json, body: Json) -> tuple[str, ...]:
        if self._take_over:
            return ()
        found = []
        for path in compare.leftovers(live, body):
            others = sorted(name for name in compare.owners(live, path) if not compare.is_guides(name, FIELD_MANAGER))
            found += [f"{compare.shown(path)} of {name}" for name in others]
        return tuple(found)


def _version(item: Optional[Json]) -> str:
    """Its resourceVersion, which a dry run tells too: of the object that it began with."""
    return str(((item or {}).get("metadata") or {}).get("resourceVersion") or "")
