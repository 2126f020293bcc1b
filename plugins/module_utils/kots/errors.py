# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of kotsadm that is none of success means, and what requests raises on the way. Texts as recorded on 1.124.18."""

from __future__ import annotations

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable

LONGEST_TEXT = 200
AUTH_SECRET = "kotsadm-authstring"
BUSY = (408, 429, 502, 503, 504)


class NeedsVeleroAccess(Refused):
    """kotsadm runs with minimal rights and may not see Velero: no snapshot of any kind until it may."""


class StillAtIt(Unreachable):
    """The request came to kotsadm, and no answer in time: it may be at work on it for a long time yet. A lost connection tells nothing of that kind."""


class NotSent(Unreachable):
    """There was no way to kotsadm, so nothing was asked of it: in no doubt, whatever the request."""


def error_from_answer(status: int, body: Any, path: str, place: str) -> CollectionError:
    """The failure that a status means; `body` is the JSON of the answer, or its text."""
    said = _said(body)
    if status == 401:
        return NotPermitted(f"{place} does not know us (401: {said}); {_about_token(said)}")
    if status == 403:
        return NotPermitted(f"{place} refused (403: {said})")
    if status == 409 and isinstance(body, dict) and body.get("kotsadmRequiresVeleroAccess"):
        return NeedsVeleroAccess(
            f"{place} has minimal rights and may not see Velero (409: {said}); "
            "give them by: kubectl kots velero ensure-permissions --namespace <namespace of kotsadm> --velero-namespace <namespace of Velero>"
        )
    if status == 404:
        return NotFound(f"{place} does not know {_bare(path)} (404{': ' + said if said else ''}); an older kotsadm may not have it")
    if status == 500 and not said:
        return _wordless(path, place)
    if status >= 500 or status in BUSY:
        return Unreachable(f"{place} could not do it ({status}: {said or 'no reason given'})", retry=status != 501 and not _is_final(said))
    if 300 <= status < 400:
        return Refused(f"{place} answered with a redirect ({status}); is that kotsadm?")
    return Refused(f"{place} refused ({status}: {said or 'no reason given'})")


def error_from_exception(cause: Any, place: str) -> CollectionError:
    """The failure that an exception of requests means."""
    from requests import exceptions

    if isinstance(cause, exceptions.InvalidHeader):  # its text is the header's value
        return Refused(f"the auth string in Secret {AUTH_SECRET} is no header's value; it is not the one that kotsadm was installed with")
    if isinstance(cause, exceptions.ReadTimeout):
        return StillAtIt(f"{place} did not answer in time")
    if isinstance(cause, exceptions.Timeout):
        return Unreachable(f"{place} did not answer in time")
    return Unreachable(f"the connection to {place} was lost")


def _wordless(path: str, place: str) -> CollectionError:
    """500 with an empty body: what every route of an app answers about an app that kotsadm does not have (recorded)."""
    if "/app/" in path:
        slug = path.partition("/app/")[2].partition("/")[0]
        return NotFound(f"{place} answered 500 without a word about {_bare(path)}; most often there is no app {slug}: see kots_info for those that are there")
    return Unreachable(f"{place} answered 500 without a word about {_bare(path)}; most often its database is away: see the log of the pod kotsadm")


def _is_final(said: str) -> bool:
    """What kotsadm answers with 500 about something that is not there, or that it cannot make: another try gives the same."""
    absent = ("failed to get backup detail", "failed to find backup", "failed to get app", "failed to get status for version")
    return said.startswith((*absent, "failed to create new config", "failed to decrypt existing values", "failed to render", "failed to update config"))


def _about_token(said: str) -> str:
    if "missing authorization" in said:
        return f"no auth string was sent: is Secret {AUTH_SECRET} empty?"
    return f"the auth string in Secret {AUTH_SECRET} is not the one that its pod was started with; restart the pod of kotsadm, or put the old one back"


def _said(body: Any) -> str:
    text = body.get("error") or body.get("message") or "" if isinstance(body, dict) else body
    return " ".join(str(text or "").split())[:LONGEST_TEXT]


def _bare(path: str) -> str:
    return path.partition("?")[0]
