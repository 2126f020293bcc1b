"""Deleting one object or a selection of them, with the conditions and the grace that the caller names."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json

from lab.copies import copied
from lab.kubernetes import lifecycle
from lab.kubernetes.checks import check_options, check_preconditions
from lab.kubernetes.defaults import SHOWN_WHEN_DELETED
from lab.kubernetes.kinds import Resource
from lab.kubernetes.request import Json, Request, Target
from lab.kubernetes.state import State
from lab.kubernetes.status import Fail, Response, not_found

HOLDS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
JOBS = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan "
    "to suppress this warning"
)


class Deleter:
    """One request that deletes. `warnings` are told in the answer's header."""

    def __init__(self, state: State, request: Request, target: Target, kind: Resource) -> None:
        self.state, self.request, self.target, self.kind = state, request, target, kind
        self.warnings: list[str] = []
        try:
            given = json.loads(request.body) if request.body.strip() else {}
        except ValueError as error:
            raise Fail(400, f"error decoding DeleteOptions: {error}", "BadRequest") from error
        self.options: Json = given if isinstance(given, dict) else {}

    def _option(self, name: str) -> str:
        return str(self.request.query.get(name) or self.options.get(name) or "")

    def one(self) -> Response:
        check_options(self.request, "DeleteOptions")
        found = self.state.get(self.kind.qualified, self.target.namespace, self.target.name)
        if found is None:
            raise not_found(self.target.qualified, self.target.name, self.target)
        check_preconditions(self.kind, self.target, found, self.options.get("preconditions") or {})
        policy = self._option("propagationPolicy")
        if self.kind.qualified == "jobs.batch" and not policy:
            self.warnings.append(JOBS)
        left = copied(found) if self._dry() else self._gone(found, policy)
        shown = {"kind": self.kind.kind, "apiVersion": self.target.api_version}
        if left is not None and not self._dry():
            return Response(200, {**shown, **left})
        if self.kind.qualified in SHOWN_WHEN_DELETED:
            last = found if self._dry() else self.state.history[-1].object  # the version of its deletion
            return Response(200, {**shown, **last})
        details = {**self.target.details, "uid": found["metadata"]["uid"]}
        return Response(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    def _dry(self) -> bool:
        return self.request.dry or self.options.get("dryRun") == ["All"]

    def _gone(self, found: Json, policy: str) -> Json | None:
        """What is left of it."""
        hold = HOLDS.get(policy)
        if hold and self._has_dependants(found) and hold not in (found["metadata"].get("finalizers") or []):
            body = copied(found)
            body["metadata"].setdefault("finalizers", []).append(hold)
            self.state.put(self.kind.qualified, self.target.namespace, self.target.name, body)
        wish = self.request.query.get("gracePeriodSeconds") or self.options.get("gracePeriodSeconds")
        grace = None if wish is None else float(wish)
        return lifecycle.delete(self.state, self.kind.qualified, self.target.namespace, self.target.name, grace)

    def _has_dependants(self, found: Json) -> bool:
        uid = found["metadata"]["uid"]
        return any(one.get("uid") == uid for item in self.state.objects.values() for one in item["metadata"].get("ownerReferences") or ())

    def many(self, chosen: list[Json]) -> Response:
        """Those that were there; each then goes by its own rules."""
        check_options(self.request, "DeleteOptions")
        version = str(self.state.version)
        shown = [copied(item) for item in chosen]
        for item in chosen:
            if not self._dry():
                meta = item["metadata"]
                lifecycle.delete(self.state, self.kind.qualified, meta.get("namespace", ""), meta["name"])
        head = {"kind": self.kind.list_kind, "apiVersion": self.target.api_version}
        return Response(200, {**head, "metadata": {"resourceVersion": version}, "items": shown})
