"""Reading: single objects, lists in pages and of old versions, watches with bookmarks."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from lab.kubernetes import selectors
from lab.kubernetes.checks import invalid
from lab.kubernetes.forms import Form
from lab.kubernetes.kinds import Resource
from lab.kubernetes.request import Json, Request, Target
from lab.kubernetes.state import Change, Key, State
from lab.kubernetes.status import Fail, Response, Watch, not_found

LONG = 1800.0  # s of a watch without timeoutSeconds
BOOKMARKS = 60.0  # s between two; and one in each of the last two seconds of a watch that is longer than those
FUTURE = 3.0  # s for which the server waits for a version that is not there yet
TOO_OLD = "The resourceVersion for the provided list is too old."
TOO_OLD_PAGE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, "
    "or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


class Reader:
    """One request that reads."""

    def __init__(self, state: State, request: Request, target: Target, kind: Resource) -> None:
        self.state, self.request, self.target, self.kind = state, request, target, kind
        self.stored = "events" if kind.qualified == "events.events.k8s.io" else kind.qualified
        self.form = Form(kind, target, request.headers.get("accept", ""), state.clock.wall())

    def _in(self, key: Key) -> bool:
        return key[0] == self.stored and self.target.namespace in ("", key[1])

    def chosen(self) -> selectors.Test:
        by_labels = selectors.labels(self.request.query.get("labelSelector", ""))
        by_fields = selectors.fields(self.request.query.get("fieldSelector", ""), self.kind)
        return lambda item: by_labels(item) and by_fields(item)

    # --- one, or a list ---
    def one(self) -> Response:
        self._check_version()
        found = self.state.get(self.stored, self.target.namespace, self.target.name)
        if found is None:
            raise not_found(self.target.qualified, self.target.name, self.target)
        return self.form.single(found)

    def all(self) -> list[tuple[Key, Json]]:
        return sorted((entry for entry in self.state.objects.items() if self._in(entry[0])), key=lambda entry: entry[0])

    def listing(self) -> Response:
        chosen = self.chosen()
        try:
            limit = int(self.request.query.get("limit") or 0)
        except ValueError as error:
            words = f'strconv.ParseInt: parsing "{self.request.query["limit"]}": invalid syntax'
            raise Fail(400, words, "BadRequest") from error
        token = self.request.query.get("continue", "")
        version, start = self._token(token) if token else (self.state.version, "")
        if not token:
            self._check_version()
        found = self.all() if version in (-1, self.state.version) else self.at(version)
        found = [(key, item) for key, item in found if self._place(key) >= start and chosen(item)]
        version = self.state.version if version == -1 else version
        meta: Json = {"resourceVersion": str(version)}
        if 0 < limit < len(found):
            meta["continue"] = made_token(version, self._place(found[limit - 1][0]) + "\0")
            if not self.request.query.get("labelSelector") and not self.request.query.get("fieldSelector"):
                meta["remainingItemCount"] = len(found) - limit
            found = found[:limit]
        elif self.kind.custom:
            meta["continue"] = ""
        return self.form.listed(meta, [item for _key, item in found])

    def _place(self, key: Key) -> str:
        return key[2] if self.target.namespace or not self.kind.namespaced else f"{key[1]}/{key[2]}"

    def _token(self, text: str) -> tuple[int, str]:
        try:
            read = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            version, start = int(read["rv"]), str(read["start"])
        except (ValueError, binascii.Error, KeyError, TypeError) as error:
            words = "invalid character 'o' in literal null (expecting 'u')"
            raise Fail(400, f"invalid continue token: continue key is not valid: {words}", "BadRequest") from error
        if 0 < version < max(self.state.oldest, self.state.compacted):
            raise Fail(410, TOO_OLD_PAGE, "Expired", meta={"continue": made_token(-1, start.rstrip("\0") + "\0")})
        return version, start

    def at(self, version: int) -> list[tuple[Key, Json]]:
        """As the list was then: what was changed since is taken back."""
        found = dict(self.all())
        for change in reversed(self.state.history):
            if change.version > version and self._in(change.key):
                if change.before is None:
                    found.pop(change.key, None)
                else:
                    found[change.key] = change.before
        return sorted(found.items(), key=lambda entry: entry[0])

    def _check_version(self) -> None:
        text, match = self.request.query.get("resourceVersion", ""), self.request.query.get("resourceVersionMatch", "")
        if match and not text:
            words = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
            raise invalid("ListOptions", "", [("resourceVersionMatch", "FieldValueForbidden", words)], "meta.k8s.io")
        if text and not text.isdigit():
            words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
            raise Fail(400, f"invalid resource version: {words}", "BadRequest")
        if int(text or 0) > self.state.version:
            words = f"Too large resource version: {text}, current: {self.state.version}"
            details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}], "retryAfterSeconds": 1}
            raise Fail(504, f"Timeout: {words}", "Timeout", details, retry=1, delay=FUTURE)
        if match == "Exact" and int(text) < max(self.state.oldest, self.state.compacted):
            raise Fail(410, TOO_OLD, "Expired")

    # --- watches ---
    def watch(self) -> Response | Watch:
        chosen = self.chosen()
        text = self.request.query.get("resourceVersion", "")
        if self.request.query.get("sendInitialEvents"):
            words = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            raise invalid("ListOptions", "", [("sendInitialEvents", "FieldValueForbidden", words)], "meta.k8s.io")
        if text and not text.isdigit():
            raise Fail(500, f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
        until = self.state.clock.now() + float(self.request.query.get("timeoutSeconds") or LONG)
        return self._from(int(text or 0), until, chosen)

    def _from(self, since: int, until: float, chosen: selectors.Test) -> Watch:
        first: list[Json] = []
        seen = since or self.state.version
        if not since:
            found = [item for _key, item in self.all() if chosen(item)]
            first = [{"type": "ADDED", "object": self.form.whole(item)} for item in found if self.target.name in ("", item["metadata"]["name"])]
        elif since < self.state.oldest:
            gone = Fail(410, f"too old resource version: {since} ({self.state.oldest})", "Expired")
            return Watch(self.state.clock.now(), lambda: [{"type": "ERROR", "object": gone.status}], ended=True)
        due = self._bookmarks(until)

        def poll() -> list[Json]:
            nonlocal seen, first
            changes = [change for change in self._news(seen) if self._in(change.key) and self.target.name in ("", change.key[2])]
            seen = max([seen, *(change.version for change in changes)])
            events, first = [*first, *(event for change in changes if (event := seen_by(change, chosen, self.form)))], []
            passed = [at for at in due if at <= self.state.clock.now()]
            if passed:
                del due[: len(passed)]
                events.append({"type": "BOOKMARK", "object": self._bookmark()})
            return events

        return Watch(until, poll)

    def _news(self, seen: int) -> list[Change]:
        """The history after a version: read from its end, where the news is."""
        found = []
        for change in reversed(self.state.history):
            if change.version <= seen:
                break
            found.append(change)
        return found[::-1]

    def _bookmarks(self, until: float) -> list[float]:
        now = self.state.clock.now()
        if not self.request.flag("allowWatchBookmarks") or until - now <= 3.0:
            return []
        late = [until - 2.0, until - 1.0]
        regular = [now + BOOKMARKS * number for number in range(1, int((until - now) // BOOKMARKS) + 1)]
        return [at for at in regular if at < late[0]] + late

    def _bookmark(self) -> Json:
        meta = {"resourceVersion": str(self.state.version), "creationTimestamp": None}
        return {"kind": self.kind.kind, "apiVersion": self.target.api_version, "metadata": meta}


def made_token(version: int, start: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def seen_by(change: Change, chosen: selectors.Test, form: Form) -> Json | None:
    """The event that a watch with a selector makes of a change: what leaves the selection is deleted, and shown as it was."""
    was = change.before is not None and chosen(change.before)
    now = change.type != "DELETED" and chosen(change.object)
    if not was and not now:
        return None
    kind = "DELETED" if not now else "MODIFIED" if was else "ADDED"
    shown: Mapping[str, Any] = change.object
    if kind == "DELETED" and change.before is not None and change.type != "DELETED":
        shown = {**change.before, "metadata": {**change.before["metadata"], "resourceVersion": str(change.version)}}
    return {"type": kind, "object": form.whole(dict(shown))}
