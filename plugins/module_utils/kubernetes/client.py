# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a cluster, as raw JSON in and out, for the systems that live in it: read, listed, created, applied, patched, deleted; rights, logs, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock, SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.answers import Listing, applied, secrets_in, sent, typed
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.calls_client import FIELD_MANAGER, Call, Calls
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection, checked
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import ACCESS_REVIEW, POD, Kind
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.link_client import Link
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import Expired, NotServed
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.rights import Right, is_allowed

PAGE = 500
TRIES = 3  # of a paged list whose version is forgotten in the middle; then it is asked for whole
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
LONGEST_LOG = 4_000_000  # bytes


class KubernetesClient:
    """One cluster as one user; nothing is asked before the first call. Every call raises what refusals.py names, and Unreachable where no answer came."""

    def __init__(self, connection: KubernetesConnection, clock: Optional[Clock] = None, link: Optional[Link] = None) -> None:
        self.connection = connection
        self.calls = Calls(connection, clock or SystemClock(), link)

    @property
    def place(self) -> str:
        """Host and port of the API, for messages."""
        return self.calls.place

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the API warned of so far, each once."""
        return self.calls.warnings

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """One object. Raises NotFound, and NotServed (a NotFound) where the API knows no such kind."""
        return self._object(self.calls.read(Call("GET", kind.path(namespace, name))))

    def find(self, kind: Kind, namespace: str, name: str) -> Optional[Json]:
        """One object, None where it is not there. Raises NotServed where the API knows no such kind: nobody looked, so nothing is known."""
        try:
            return self.get(kind, namespace, name)
        except NotServed:
            raise
        except NotFound:
            return None

    def list(self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> Listing:
        """All objects of a kind, of a namespace or of all, that the selectors choose, as of one version."""
        for _try in range(TRIES):
            try:
                return self._pages(kind, namespace, selection(labels, fields), PAGE)
            except Expired:  # what is left of the list is forgotten: the pages so far are of a version that cannot be completed
                continue
        return self._pages(kind, namespace, selection(labels, fields), 0)

    def create(self, kind: Kind, manifest: Json, namespace: str = "", dry_run: bool = False) -> Json:
        """The object as made. Raises AlreadyExists, BeingDeleted, Invalid; NotFound where the namespace is not there."""
        body = sent(kind, manifest)
        namespace = namespace or str((manifest.get("metadata") or {}).get("namespace") or "")
        call = Call("POST", kind.path(namespace), self._options(dry_run), body, hidden=secrets_in(body))
        return self._object(self.calls.write(call))

    def apply(self, kind: Kind, manifest: Json, force: bool = False, dry_run: bool = False) -> Json:
        """The object after a server-side apply of what the manifest names. Raises ApplyConflict where others manage a field that differs, unless `force`."""
        body = applied(kind, manifest)
        path = kind.path(str(body["metadata"].get("namespace") or ""), str(body["metadata"]["name"]))
        query = (*self._options(dry_run), ("force", "true" if force else "false"))
        return self._object(self.calls.write(Call("PATCH", path, query, body, APPLY, hidden=secrets_in(body))))

    def patch(self, kind: Kind, namespace: str, name: str, merge: Json) -> Json:
        """The object after a merge patch. With metadata.resourceVersion in it only of the object that was read: else raises Conflict."""
        hidden = secrets_in({"kind": kind.name, **merge})
        return self._object(self.calls.write(Call("PATCH", kind.path(namespace, name), self._options(), merge, MERGE, hidden=hidden)))

    def delete(self, kind: Kind, namespace: str, name: str, uid: str = "", grace: Optional[float] = None) -> Json:
        """What the API answers: the object where it still ends, else a Status. With `uid` only that very object: else raises Conflict. Dependents go too."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}  # a Job's own default leaves its pods
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = int(grace)
        return self._object(self.calls.write(Call("DELETE", kind.path(namespace, name), body=options)))

    def missing_rights(self, rights: Sequence[Right]) -> tuple[Right, ...]:
        """Those that the API does not grant us: each asked once, in order. Changes nothing."""
        return tuple(right for right in dict.fromkeys(rights) if not is_allowed(self.calls.read(Call("POST", ACCESS_REVIEW.path(), body=right.review()))))

    def log(self, namespace: str, pod: str, container: str = "", lines: int = 200, previous: bool = False) -> str:
        """The last lines of a container's log; of its life before the last restart with `previous`."""
        query = [("tailLines", str(lines)), ("limitBytes", str(LONGEST_LOG)), *([("container", container)] if container else [])]
        query += [("previous", "true")] if previous else []
        call = Call("GET", POD.path(namespace, pod, "log"), tuple(query), accept="text/plain, */*")
        return self.calls.retried(lambda: self.calls.text(call))

    def server_time(self) -> float:
        """The API server's time (epoch seconds, to the second): what its timestamps are measured by, whatever our own clock says."""
        if self.calls.date is None:
            self.calls.read(Call("GET", "/version"))
        if self.calls.date is None:
            raise Unreachable(f"{self.place} tells no time in its answers")
        return self.calls.date

    def _pages(self, kind: Kind, namespace: str, chosen: tuple[tuple[str, str], ...], limit: int) -> Listing:
        items: list[Json] = []
        token = ""
        while True:
            paging = (*([("limit", str(limit))] if limit else []), *([("continue", token)] if token else []))
            body = self.calls.read(Call("GET", kind.path(namespace), (*chosen, *paging)))
            items += self._entries(body, kind)
            token = str(body["metadata"].get("continue") or "")
            if not token:
                return Listing(tuple(items), str(body["metadata"].get("resourceVersion") or ""))

    def _entries(self, body: Any, kind: Kind) -> tuple[Json, ...]:
        try:
            return tuple(typed(item, kind) for item in body["items"] or ())
        except (AttributeError, KeyError, TypeError):
            raise self._not_the_api() from None

    def _object(self, body: Any) -> Json:
        if not isinstance(body, dict) or "kind" not in body:
            raise self._not_the_api()
        return body

    def _not_the_api(self) -> Unreachable:
        return Unreachable(f"what {self.place} answered is JSON, but not what the Kubernetes API says there; is host another service?")

    def _options(self, dry_run: bool = False) -> tuple[tuple[str, str], ...]:
        return (("fieldManager", FIELD_MANAGER), *((("dryRun", "All"),) if dry_run else ()))


def selection(labels: str, fields: str) -> tuple[tuple[str, str], ...]:
    """Selectors as a query."""
    return tuple((name, value) for name, value in (("labelSelector", labels), ("fieldSelector", fields)) if value)


def client_from_params(params: Mapping[str, Any], clock: Optional[Clock] = None) -> KubernetesClient:
    """The client that a module's parameters ask for; raises BadInput with the first option that cannot be."""
    return KubernetesClient(checked(spec_from_params(KubernetesConnection, params)), clock)
