"""Calls about parameterized jobs and evaluations: dispatch, lists of evaluations, their count."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import binascii
import json
from typing import Any

from lab.nomad.acl import Acl
from lab.nomad.cluster import Cluster
from lab.nomad.listing import page
from lab.nomad.model import Evaluation, Job
from lab.nomad.render import dumps, joined
from lab.nomad.wire import Answer, Fail, Request, Response

CHOOSING = frozenset(("status", "job", "filter", "per_page", "next_token"))


class DispatchCalls:
    def __init__(self, cluster: Cluster, acl: Acl) -> None:
        self.c = cluster
        self.acl = acl

    # --- dispatch ---
    def dispatch(self, request: Request, job_id: str) -> Response:
        """A child job; with an idempotency token that a living child has, that child again and no evaluation (dispatch)."""
        self.acl.job(request, "dispatch-job")
        body = request.json("api.JobDispatchRequest")
        self._check_payload(str(body.get("Payload") or ""))
        parent = self.c.jobs.get(job_id)
        if parent is None or not parent.parameterized:
            raise Fail(500, "parameterized job not found")
        meta = body.get("Meta") or {}
        self._check_meta(parent, meta)
        token = request.query.get("idempotency_token", "") if self.c.profile.idempotency else ""
        child = next((j for j in parent.children if token and j.token == token), None)
        if child is not None:
            return self._dispatched(child, child.create, "", 0)
        child, evaluation = self.c.dispatch_job(parent, body.get("Payload"), meta, token)
        return self._dispatched(child, evaluation.create, evaluation.id, evaluation.create)

    def _dispatched(self, child: Job, index: int, evaluation: str, made: int) -> Response:
        body = {"DispatchedJobID": child.id, "EvalCreateIndex": made, "EvalID": evaluation, "Index": index, "JobCreateIndex": child.create}
        return Response(200, dumps(body), {"Content-Type": "application/json", "X-Nomad-Index": str(index)})

    @staticmethod
    def _check_payload(text: str) -> None:
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            good = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            at = next((n for n, letter in enumerate(text) if letter not in good), len(text))
            raise Fail(400, f"illegal base64 data at input byte {at}") from None

    @staticmethod
    def _check_meta(parent: Job, meta: dict[str, Any]) -> None:
        rules = parent.spec["ParameterizedJob"]
        required, optional = rules.get("MetaRequired") or [], rules.get("MetaOptional") or []
        odd = sorted(set(meta) - set(required) - set(optional))
        if odd:
            raise Fail(500, f"Dispatch request included unpermitted metadata keys: [{' '.join(odd)}]")
        missing = [key for key in required if key not in meta]
        if missing:
            raise Fail(500, f"Dispatch did not provide required meta keys: [{' '.join(missing)}]")

    # --- evaluations ---
    def _seen(self, request: Request) -> list[Evaluation]:
        sees = self.acl.evaluations(request)
        return sorted((e for e in self.c.evaluations.values() if sees(self.c.namespace_of(e.job_id))), key=lambda e: e.id)

    def _chosen(self, request: Request) -> tuple[list[dict[str, Any]], str]:
        found = self._seen(request)
        values = [json.loads(self.c.render.evaluation(e)) for e in found]
        for key, name in (("status", "Status"), ("job", "JobID")):
            if request.query.get(key):
                values = [value for value in values if value[name] == request.query[key]]
        return page(values, request.query)

    def evaluations(self, request: Request) -> Answer:
        """A filter by status or expression is ignored before 1.3: all come (dispatch, no-room)."""
        if not self.c.profile.list_filters or not request.query.keys() & CHOOSING:
            return Answer(joined([self.c.render.evaluation(e) for e in self._seen(request)]), self.c.tables["evals"])
        values, following = self._chosen(request)
        return Answer(dumps(values), self.c.tables["evals"], headers={"X-Nomad-Nexttoken": following} if following else {})

    def count(self, request: Request) -> Answer:
        index = self.c.tables["evals"]
        body = {"Count": len(self._chosen(request)[0]), "Index": index, "KnownLeader": True, "LastContact": 0, "NextToken": ""}
        return Answer(dumps(body), index)
