# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kotsadm's API: what was recorded of a real one is understood, what is none of success is an error of its kind, reads are tried again and writes never."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kots import console_client
from ansible_collections.serverops.circleci.plugins.module_utils.kots.console_client import ConsoleClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.errors import NeedsVeleroAccess, StillAtIt
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import apps_from_api, plan_from_api, settings_from_api, version_from_health

from lab.nomad.clock import VirtualClock

RECORDED = Path(__file__).parents[4] / "lab" / "recordings" / "kots" / "1.124.18"
AUTH = "Kots cafecafe-auth"
Json = dict[str, Any]


def exchanges() -> list[tuple[Json, Json]]:
    """What was asked of a real kotsadm with the right auth string, and what it answered."""
    found = []
    for name in ("kotsadm-cluster", "kotsadm-minimal-rbac", "kotsadm-app"):
        for line in (RECORDED / f"{name}.jsonl").read_text().splitlines():
            told = json.loads(line)
            if told.get("server") == "kotsadm" and "authstring" in str(told["request"].get("authorization")):
                found.append((told["request"], told["response"]))
    return found


class Scripted:
    """Answers in turn; the last one for ever. An exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    def request(self, method: str, url: str, **more: Any) -> Any:
        self.asked.append((method, url, more))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        made = requests.Response()
        made.status_code = answer[0]
        made._content = answer[1].encode() if isinstance(answer[1], str) else json.dumps(answer[1]).encode()
        return made


def secret(value: str = AUTH) -> Json:
    return {"data": {"kotsadm-authstring": base64.b64encode(value.encode()).decode()}}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[ConsoleClient, Scripted, VirtualClock]]:
    def made(*answers: Any, held: Any = None) -> tuple[ConsoleClient, Scripted, VirtualClock]:
        session, clock = Scripted(*answers), VirtualClock()
        forward = SimpleNamespace(port=1, forget=lambda: None, failure=lambda: None, close=lambda: None)
        monkeypatch.setattr(console_client, "new_session", lambda *_args, **_more: session)
        monkeypatch.setattr(console_client, "Forward", lambda *_args: forward)

        def get(*_args: str) -> Json:
            if isinstance(held, Exception):
                raise held
            return secret() if held is None else dict(held)

        kubernetes: Any = SimpleNamespace(get=get)
        return ConsoleClient(kubernetes, SimpleNamespace(), "kots", clock), session, clock  # type: ignore[arg-type]

    return made


Opened = Callable[..., tuple[ConsoleClient, Scripted, VirtualClock]]


def test_there_are_recordings() -> None:
    assert len(exchanges()) > 60


@pytest.mark.parametrize(("request_", "response"), [pytest.param(*one, id=f"{n} {one[0]['method']} {one[0]['path']}") for n, one in enumerate(exchanges())])
def test_what_was_recorded_is_understood(opened: Opened, request_: Json, response: Json) -> None:
    status, body, path = response["status"], response["body"], request_["path"].removeprefix("/api/v1")
    client, session, _clock = opened((status, body if isinstance(body, str) else json.dumps(body)))
    isgood = 200 <= status < 300 and isinstance(body, dict) and body.get("success") is not False
    try:
        got = client.write(request_["method"], path, request_["body"])
    except CollectionError as error:
        assert not isgood, error
        assert "\n" not in str(error) and AUTH not in str(error)
        if isinstance(body, dict) and body.get("kotsadmRequiresVeleroAccess"):
            assert isinstance(error, NeedsVeleroAccess) and "ensure-permissions" in str(error)
        return
    assert isgood and got == body and len(session.asked) == 1


def test_the_shapes_of_a_real_one(opened: Opened) -> None:
    parsers = {
        "/healthz": version_from_health,
        "/api/v1/apps": apps_from_api,
        "/api/v1/snapshots/settings": settings_from_api,
        "/api/v1/snapshot/config": plan_from_api,
    }
    seen = set()
    for request_, response in exchanges():
        parse = parsers.get(request_["path"])
        if parse and request_["method"] == "GET" and response["status"] == 200:
            client, _session, _clock = opened((200, response["body"]))
            client.parsed(parse, client.read("/x"))
            seen.add(request_["path"])
    assert seen >= {"/api/v1/apps", "/api/v1/snapshots/settings", "/api/v1/snapshot/config"}


LOST = requests.ConnectionError("http://x?token=cafecafe")
ANSWERS: list[tuple[str, Any, type[CollectionError], str]] = [
    ("401 without a string", (401, {"error": "missing authorization token", "success": False}), NotPermitted, "no auth string was sent"),
    ("401 with another", (401, {"error": "failed to parse authorization header", "success": False}), NotPermitted, "restart the pod of kotsadm"),
    ("403", (403, {"error": "no"}), NotPermitted, "403"),
    ("404", (404, "\n"), NotFound, "an older kotsadm may not have it"),
    ("409 of minimal rights", (409, {"error": "no access", "kotsadmRequiresVeleroAccess": True}), NeedsVeleroAccess, "ensure-permissions"),
    ("409 of another kind", (409, {"error": "conflict"}), Refused, "conflict"),
    ("400", (400, {"success": False, "error": "Invalid cron schedule expression: x"}), Refused, "Invalid cron"),
    ("500 without a word", (500, ""), Unreachable, "its database is away"),
    ("500 with a final reason", (500, {"error": "failed to get backup detail", "success": False}), Unreachable, "failed to get backup detail"),
    ("501", (501, ""), Unreachable, "501"),
    ("502 of a proxy", (502, "<html>"), Unreachable, "502"),
    ("a redirect", (302, ""), Refused, "redirect"),
    ("200 and a page", (200, "<html>log in</html>"), Unreachable, "is not kotsadm's JSON"),
    ("200 and a list", (200, [1]), Unreachable, "is not kotsadm's JSON"),
    ("200 and nothing", (200, ""), Unreachable, "is not kotsadm's JSON"),
    ("no connection", LOST, Unreachable, "was lost"),
    ("no answer in time", requests.ReadTimeout("x"), StillAtIt, "in time"),
    ("no way in time", requests.ConnectTimeout("x"), Unreachable, "in time"),
]


@pytest.mark.parametrize(("answer", "kind", "words"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_what_is_no_success_is_an_error_of_its_kind(opened: Opened, answer: Any, kind: type[CollectionError], words: str, write: bool) -> None:
    client, session, _clock = opened(answer)
    with pytest.raises(CollectionError) as error:
        client.write("POST", "/snapshot/backup") if write else client.read("/snapshots")
    assert error.value.__class__ is kind and words in str(error.value) and "cafecafe" not in str(error.value)
    again = issubclass(kind, Unreachable) and error.value.retry  # type: ignore[attr-defined]
    assert (len(session.asked) > 1) == (again and not write), "reads alone are tried again"


def test_an_app_that_is_not_there_is_told_apart_from_a_sick_kotsadm(opened: Opened) -> None:
    client, _session, _clock = opened((500, ""))
    with pytest.raises(NotFound, match="most often there is no app other"):
        client.read("/app/other/status")


def test_success_that_says_it_is_none_is_none(opened: Opened) -> None:
    client, _session, _clock = opened((200, {"success": False, "error": "disk is full"}))
    with pytest.raises(Refused, match="did not do it: disk is full"):
        client.write("POST", "/snapshot/backup")


def test_a_read_comes_through_in_the_end_or_stops_after_half_a_minute(opened: Opened) -> None:
    client, session, clock = opened((502, ""), LOST, (200, {"apps": []}))
    assert client.read("/apps") == {"apps": []} and len(session.asked) == 3
    client, session, clock = opened((502, ""))
    with pytest.raises(Unreachable):
        client.read("/apps")
    assert 10 < clock.now() <= 30


def test_the_auth_string_is_sent_as_it_is_and_asked_for_once(opened: Opened) -> None:
    client, session, _clock = opened((200, {}))
    client.health()
    client.read("/apps")
    client.write("PUT", "/snapshot/schedule", {"schedule": "@daily"})
    assert [more["headers"].get("Authorization") for _method, _url, more in session.asked] == [None, AUTH, AUTH]
    assert session.asked[2][2]["json"] == {"schedule": "@daily"} and all(not more["allow_redirects"] for _method, _url, more in session.asked)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (NotFound("no"), "kubectl kots get apps"),
        ({"data": {}}, "no usable value"),
        ({"data": {"kotsadm-authstring": "%%%"}}, "no usable value"),
        ({"data": {"kotsadm-authstring": base64.b64encode(b"a\nb").decode()}}, "no usable value"),
        ({"data": None}, "no usable value"),
        (NotPermitted("refused (403)"), "read Secret kotsadm-authstring"),
    ],
)
def test_without_an_auth_string_nothing_is_asked(opened: Opened, held: Any, words: str) -> None:
    client, session, _clock = opened((200, {}), held=held)
    with pytest.raises(CollectionError, match=words):
        client.read("/apps")
    assert session.asked == []


def test_what_has_another_shape_is_no_answer(opened: Opened) -> None:
    client, _session, _clock = opened((200, {"apps": [{"no": "slug"}]}))
    with pytest.raises(Unreachable, match="is not kotsadm's JSON"):
        client.parsed(apps_from_api, client.read("/apps"))
