# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API says when it does not do what it was asked, by type: from the Status object of its answer. Texts as recorded on 1.33."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

LONGEST_TEXT = 400
MOST_CAUSES = 8
DENIED = re.compile(r'cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)")?')
MANAGER = re.compile(r'conflict with "([^"]*)"')
BEING_DELETED = "object is being deleted"
ENDING_NAMESPACE = "NamespaceTerminating"


class Unauthenticated(NotPermitted):
    """401: the API does not know us (any more)."""


class Forbidden(NotPermitted):
    """403 for want of a right: `verb` on `resource` ("backups.velero.io", "pods/log") in `namespace` ("" for the whole cluster)."""

    def __init__(self, message: str, verb: str, resource: str, namespace: str) -> None:
        super().__init__(message)
        self.verb, self.resource, self.namespace = verb, resource, namespace


class NotServed(NotFound):
    """404 of the API group, version or kind itself: nothing of that kind can be there until somebody installs it."""


class AlreadyExists(Refused):
    """409: an object of that name is there."""


class BeingDeleted(Refused):
    """The object, or its namespace, is on its way out: neither can be made again before it is gone."""


class Conflict(Refused):
    """409: the object is no longer the one that was read (resourceVersion, uid, a precondition): read it again and decide anew."""


class ApplyConflict(Refused):
    """409: other field managers own what was to be applied: `owners` holds (manager, field)."""

    def __init__(self, message: str, owners: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.owners = owners


class Invalid(Refused):
    """422: the object's content; `causes` holds (field, what is wrong)."""

    def __init__(self, message: str, causes: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.causes = causes


class Expired(Unreachable):
    """410: the version, or the rest of the list, that was asked for is forgotten; asking for it again is no use: list afresh."""


class Busy(Unreachable):
    """429: too many requests; `after` holds what the API asked us to wait."""


class TooNew(Unreachable):
    """504: a version that the API has not reached yet, or, after it was restored from a copy, never will."""


class Cause(NamedTuple):
    """One of several reasons for a refusal."""

    reason: str
    field: str
    message: str


class Told(NamedTuple):
    """A failure as the API tells it. Texts are cut to what fits a sentence."""

    code: int
    words: str
    reason: str = ""
    causes: tuple[Cause, ...] = ()
    is_of_object: bool = False
    is_status: bool = False
    after: Optional[float] = None

    def has_cause(self, reason: str) -> bool:
        return any(one.reason == reason for one in self.causes)


def told(code: int, text: str, headers: Optional[Mapping[str, str]] = None, hidden: Sequence[str] = ()) -> Told:
    """What an answer tells: a Status object, or words of a proxy's, or of a group that is not served. `hidden` texts become stars."""
    wait = (headers or {}).get("Retry-After") or ""
    after = float(wait) if wait.isdigit() else None
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict) or body.get("kind") != "Status":
        return Told(code, _short(text, hidden), after=after)
    return of_status({**body, "code": code}, after, hidden)


def of_status(body: Json, after: Optional[float] = None, hidden: Sequence[str] = ()) -> Told:
    """What a Status object tells: an answer's, or that of an ERROR event."""
    details = body.get("details") or {}
    seconds = details.get("retryAfterSeconds")
    after = float(seconds) if after is None and isinstance(seconds, (int, float)) else after
    causes = tuple(Cause(*(_short(str(one.get(name) or ""), hidden) for name in Cause._fields)) for one in details.get("causes") or ())
    words = _short(str(body.get("message") or ""), hidden)
    return Told(int(body.get("code") or 500), words, str(body.get("reason") or ""), causes, bool(details.get("name")), True, after)


def refusal(what: Told, place: str) -> CollectionError:
    """The failure that it means; `place` is the API's host and port."""
    api = f"Kubernetes at {place}"
    made = {401: _unauthenticated, 403: _forbidden, 404: _absent, 409: _conflict, 422: _invalid}.get(what.code)
    if made:
        return made(what, api)
    if what.code == 410:
        return Expired(f"{api} no longer knows that version (410: {what.words})", retry=False)
    if what.code == 429:
        return Busy(f"{api} is busy (429: {what.words})", after=what.after)
    if what.code == 504 and (what.has_cause("ResourceVersionTooLarge") or "Too large resource version" in what.words):
        return TooNew(f"{api} has not reached that version (504: {what.words})", after=what.after)
    if 300 <= what.code < 400:
        return Refused(f"{api} answered with a redirect ({what.code}); give the address of the API itself in host or kubeconfig")
    if what.code >= 500 or what.code == 408:
        return Unreachable(f"{api} could not do it now ({what.code}: {what.words})", after=what.after)
    return Refused(f"{api} refused ({what.code}: {what.words})")


def _unauthenticated(what: Told, api: str) -> CollectionError:
    return Unauthenticated(f"{api} does not know us (401: {what.words}); the token or certificate is wrong or has ended: api_key, kubeconfig")


def _forbidden(what: Told, api: str) -> CollectionError:
    if what.has_cause(ENDING_NAMESPACE) or "because it is being terminated" in what.words:
        return BeingDeleted(f"{api} makes nothing in a namespace that is being deleted (403: {what.words}); wait until it is gone")
    found = DENIED.search(what.words)
    if found is None:  # an admission's no, a quota, or a path that is no resource's
        return NotPermitted(f"{api} refused (403: {what.words})")
    verb, plural, group, namespace = found.groups(default="")
    resource = f"{plural}.{group}" if group else plural
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    return Forbidden(f"{api} does not grant us {verb} on {resource} {where} (403: {what.words})", verb, resource, namespace)


def _absent(what: Told, api: str) -> CollectionError:
    if not what.is_status or (not what.is_of_object and "could not find the requested resource" in what.words):
        return NotServed(f"{api} serves no such kind (404: {what.words or 'no words'})")
    return NotFound(f"{api} does not know it (404: {what.words})")


def _conflict(what: Told, api: str) -> CollectionError:
    if what.has_cause("FieldManagerConflict"):
        owners = tuple((found.group(1) if (found := MANAGER.search(one.message)) else one.message, one.field) for one in what.causes)
        listed = ", ".join(f"{field} of {manager}" for manager, field in owners[:MOST_CAUSES])
        return ApplyConflict(f"{api} refused: others manage fields that differ (409): {listed}; take over what is theirs only if it is meant", owners)
    if BEING_DELETED in what.words:
        return BeingDeleted(f"{api} refused: that object is being deleted (409: {what.words}); wait until it is gone")
    if what.reason == "AlreadyExists":
        return AlreadyExists(f"{api} refused: it is already there (409: {what.words})")
    return Conflict(f"{api} refused: the object has changed since it was read (409: {what.words})")


def _invalid(what: Told, api: str) -> CollectionError:
    causes = tuple((one.field, one.message) for one in what.causes)
    listed = "; ".join(f"{field}: {words}" if field else words for field, words in causes[:MOST_CAUSES])
    more = f"; and {len(causes) - MOST_CAUSES} more" if len(causes) > MOST_CAUSES else ""
    return Invalid(f"{api} refused it as invalid (422): {listed + more if causes else what.words}", causes)


def _short(text: str, hidden: Sequence[str]) -> str:
    for secret in hidden:  # before it is cut, so that no part of one is left
        text = text.replace(secret, HIDDEN)
    return " ".join(text.split())[:LONGEST_TEXT]
