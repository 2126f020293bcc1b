# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request: what is asked again, what is not, what is noted of the answers, and what never shows."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import refusals
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP, SECRET
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.link_client import Link
from unit.plugins.module_utils.kubernetes.scripted import TOKEN, Answer, Asked, StepClock, recorded, replayed, scripted
from urllib3.exceptions import NewConnectionError, ProtocolError, ReadTimeoutError, SSLError

FINE = Answer(200, {"kind": "ConfigMap", "metadata": {"name": "a"}})
RESET = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
SILENT = ReadTimeoutError(None, None, "Read timed out.")  # type: ignore[arg-type]
NOBODY = NewConnectionError(None, "Failed to establish a new connection")  # type: ignore[arg-type]


@pytest.mark.parametrize("failure", [RESET, SILENT, NOBODY, Answer(503, "no server"), Answer(429, "slow"), Answer(500, {"kind": "Status", "message": "etcd"})])
def test_a_read_is_asked_again(failure: Any) -> None:
    client, asked = scripted(failure, failure, FINE)
    assert client.get(CONFIG_MAP, "lab", "a")["metadata"]["name"] == "a" and len(asked) == 3


@pytest.mark.parametrize("failure", [RESET, SILENT, NOBODY, Answer(503, "no server"), Answer(429, "slow")])
@pytest.mark.parametrize("act", ["create", "apply", "patch", "delete"])
def test_a_write_never(act: str, failure: Any) -> None:
    client, asked = scripted(failure, FINE)
    manifest = {"metadata": {"name": "a", "namespace": "lab"}}
    acts = {
        "create": lambda: client.create(CONFIG_MAP, manifest),
        "apply": lambda: client.apply(CONFIG_MAP, manifest),
        "patch": lambda: client.patch(CONFIG_MAP, "lab", "a", {}),
        "delete": lambda: client.delete(CONFIG_MAP, "lab", "a"),
    }
    with pytest.raises(Unreachable):
        acts[act]()
    assert len(asked) == 1


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 409, 410, 415, 422])
def test_what_is_final_is_asked_once(status: int) -> None:
    client, asked = scripted(Answer(status, "no"), FINE)
    with pytest.raises(CollectionError):
        client.get(CONFIG_MAP, "lab", "a")
    assert len(asked) == 1


def test_a_wrong_certificate_is_final() -> None:
    client, asked = scripted(SSLError("certificate verify failed"), FINE)
    with pytest.raises(Unreachable, match="ca_cert"):
        client.get(CONFIG_MAP, "lab", "a")
    assert len(asked) == 1


def test_an_outage_is_waited_for_within_a_bound_and_not_in_step() -> None:
    clock = StepClock()
    client, asked = scripted(script=lambda _asked: Answer(503, "away"), clock=clock)
    with pytest.raises(Unreachable, match="503"):
        client.get(CONFIG_MAP, "lab", "a")
    assert 15 < sum(clock.slept) < 30 and 5 <= len(asked) <= 16
    assert len(set(clock.slept)) == len(clock.slept), "jittered"


def test_retry_after_is_honoured_and_one_beyond_the_bound_not_slept() -> None:
    clock = StepClock()
    client, _asked = scripted(Answer(429, "slow", {"Retry-After": "7"}), FINE, clock=clock)
    client.get(CONFIG_MAP, "lab", "a")
    assert clock.slept == [7.0]
    client, asked = scripted(Answer(429, "slow", {"Retry-After": "600"}), FINE)
    with pytest.raises(refusals.Busy) as caught:
        client.get(CONFIG_MAP, "lab", "a")
    assert caught.value.after == 600 and len(asked) == 1


@pytest.mark.parametrize("text", ["", "<html>log in</html>", "OK", "{", "[]", "null", "3", '{"a": 1}'])
def test_what_is_not_the_api_is_no_answer(text: str) -> None:
    client, _asked = scripted(script=lambda _asked: Answer(200, text))
    for ask in (lambda: client.get(CONFIG_MAP, "lab", "a"), lambda: client.list(CONFIG_MAP, "lab")):
        with pytest.raises(Unreachable, match="api.example:6443"):
            ask()


@pytest.mark.parametrize("items", [5, [3], [{}], [{"metadata": None}], "x"])
def test_a_list_of_something_else_is_no_answer(items: Any) -> None:
    client, _asked = scripted(script=lambda _asked: Answer(200, {"kind": "ConfigMapList", "metadata": {}, "items": items}))
    with pytest.raises(Unreachable):
        client.list(CONFIG_MAP, "lab")


def test_our_token_never_shows() -> None:
    for status in (400, 401, 403, 404, 409, 422, 500):
        client, asked = scripted(script=lambda _asked, status=status: Answer(status, f"you said Bearer {TOKEN}, {TOKEN}"))  # type: ignore[misc]
        with pytest.raises(CollectionError) as caught:
            client.create(CONFIG_MAP, {"metadata": {"name": "a"}})
        assert TOKEN not in str(caught.value) and "****" in str(caught.value)
        assert asked[0].headers["authorization"] == f"Bearer {TOKEN}" and asked[0].headers["User-Agent"] == "serverops.circleci"


def test_no_secret_of_a_manifest_shows() -> None:
    words = 'Secret "x" is invalid: data.key: Invalid value: hunter2-plain or aHVudGVyMi1wbGFpbg== or in the open'
    client, _asked = scripted(script=lambda _asked: Answer(422, words))
    manifest = {"metadata": {"name": "x", "namespace": "lab"}, "data": {"key": "aHVudGVyMi1wbGFpbg=="}, "stringData": {"other": "in the open"}}
    for act in (
        lambda: client.create(SECRET, manifest),
        lambda: client.apply(SECRET, manifest),
        lambda: client.patch(SECRET, "lab", "x", {"data": manifest["data"], "stringData": manifest["stringData"]}),
    ):
        with pytest.raises(refusals.Invalid) as caught:
            act()
        assert all(text not in str(caught.value) for text in ("hunter2", "aHVu", "in the open"))


def test_warnings_are_collected_once() -> None:
    header = '299 - "unknown field \\"spec.a\\"", 299 - "v1beta1 is deprecated"'
    answers = [Answer(200, {"kind": "ConfigMap", "metadata": {}}, {"Warning": header}), FINE, Answer(404, "no", {"Warning": header})]
    client, _asked = scripted(*answers)
    client.get(CONFIG_MAP, "lab", "a")
    client.get(CONFIG_MAP, "lab", "a")
    with pytest.raises(NotFound):
        client.get(CONFIG_MAP, "lab", "a")
    assert client.warnings == ('unknown field "spec.a"', "v1beta1 is deprecated")


def test_the_recorded_warnings_are_understood() -> None:
    lines = [line for name in ("crud", "crd") for line in recorded(name) if "Warning" in (line.get("response") or {}).get("headers", {})]
    assert lines, "the recordings hold some"
    for line in lines:
        client, _asked = scripted(replayed(line))
        try:
            client.get(CONFIG_MAP, "lab", "a")
        except CollectionError as error:
            assert isinstance(error, (Refused, NotFound))
        assert client.warnings and all(len(text) > 5 and "299" not in text for text in client.warnings)


def test_the_servers_time_is_its_own_and_goes_on() -> None:
    clock = StepClock()
    client, asked = scripted(Answer(200, {"major": "1"}, {"Date": "Wed, 25 Nov 2026 01:00:00 GMT"}), clock=clock)
    assert client.server_time() == 1795568400.0
    clock.sleep(12.5)
    assert client.server_time() == 1795568412.5 and [one.path for one in asked] == ["/version"]


@pytest.mark.parametrize("date", ["", "yesterday", "2026-11-25"])
def test_a_server_that_tells_no_time_is_told_of(date: str) -> None:
    client, _asked = scripted(Answer(200, {"major": "1"}, {"Date": date}))
    with pytest.raises(Unreachable, match="no time"):
        client.server_time()


class Renewing(Link):
    """A kubeconfig whose token is renewed by whoever wrote it."""

    def __init__(self, *tokens: str) -> None:
        super().__init__(KubernetesConnection(kubeconfig="somewhere"))
        self.tokens = list(tokens)

    def headers(self) -> dict[str, str]:
        return {"authorization": "Bearer " + (self.tokens[0] if self._made else self.tokens[-1])}


def test_a_credential_that_was_renewed_meanwhile_is_taken() -> None:
    link = Renewing("old-token", "new-token")
    link._made = object()
    assert link.renewed() and not link.renewed()


def test_after_401_a_new_credential_is_tried_once_even_for_a_write() -> None:
    sent: list[str] = []

    def script(asked: Asked) -> Answer:
        sent.append(asked.headers["authorization"])
        return Answer(401, "Unauthorized") if "old" in sent[-1] else Answer(201, {"kind": "ConfigMap", "metadata": {}})

    client, _asked = scripted(script=script)
    link: Any = client.calls._link
    link._headers = {"authorization": "Bearer old-token"}
    link.renewed = lambda: bool(link._headers.update(authorization="Bearer new-token")) or len(sent) < 2
    assert client.create(CONFIG_MAP, {"metadata": {"name": "a"}})["kind"] == "ConfigMap"
    assert sent == ["Bearer old-token", "Bearer new-token"]
