# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: what counts as an answer, what is asked how often, and what is never sent."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import READ_BOUND, NomadClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection
from ansible_collections.serverops.circleci.plugins.module_utils.transport.retries import LONGEST_PAUSE
from unit.plugins.module_utils.nomad.script import URL, Said, StepClock, ok, scripted, text

RESET = requests.ConnectionError("[Errno 104] Connection reset by peer")
CLOSED = requests.ConnectionError("Remote end closed connection without response")
REFUSED = requests.ConnectionError("[Errno 111] Connection refused")
STALLED = requests.ReadTimeout("Read timed out.")
SLOW = requests.ConnectTimeout("timed out")
CANARY = "cafecafe-0000-4000-8000-00000000cafe"


# -- what is an answer ------------------------------------------------------------------------------


def test_a_200_is_an_answer_with_its_index() -> None:
    with scripted(ok([{"ID": "1"}], index=42)) as (client, script, _clock):
        answer = client.read("nodes")
    assert (answer.body, answer.change) == ([{"ID": "1"}], 42)
    assert script.calls == ["GET /v1/nodes"]


@pytest.mark.parametrize("index", ["", "x", "-1"])
def test_an_index_that_is_none_is_zero(index: str) -> None:
    with scripted(Said([], headers={"X-Nomad-Index": index})) as (client, _script, _clock):
        assert client.read("nodes").change == 0


@pytest.mark.parametrize("status", [201, 202, 204, 206, 304])
def test_only_200_is_success(status: int) -> None:
    """requests, and python-nomad with it, call all below 400 fine."""
    with scripted(Said("", status)) as (client, script, _clock), pytest.raises(Refused):
        client.read("nodes")
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", ["read", "write"])
def test_a_redirect_is_not_followed_and_named_without_its_query(status: int, call: str) -> None:
    location = f"https://sso.example/login?token={CANARY}"
    with scripted(Said("", status, {"Location": location})) as (client, _script, _clock), pytest.raises(Refused) as caught:
        getattr(client, call)("node", "1", "drain")
    assert "https://sso.example/login" in str(caught.value) and "nomad_url" in str(caught.value) and CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Said("<html>Please sign in</html>", headers={"Content-Type": "text/html"}), id="a log-in page"),
        pytest.param(Said(b'[{"ID": "1111', headers={"Content-Type": "application/json"}), id="a body cut off"),
        pytest.param(Said(b"", headers={"Content-Type": "application/json"}), id="nothing at all"),
        pytest.param(Said(b"\xff\xfe\x00", headers={}), id="bytes that are no text"),
    ],
)
def test_what_is_not_json_is_said_to_be_so_and_never_taken_for_empty(said: Said) -> None:
    with scripted(said) as (client, _script, _clock), pytest.raises(Unreachable, match="not JSON.*nomad_url"):
        client.read("nodes", bound=0.0)


def test_a_log_in_page_that_goes_away_does_no_harm() -> None:
    with scripted(Said("<html>", headers={"Content-Type": "text/html"}), ok([])) as (client, _script, _clock):
        assert client.read("nodes").body == []


def test_an_answer_without_a_known_leader_is_asked_for_again() -> None:
    stale = ok(["old"], **{"X-Nomad-Knownleader": "false"})
    with scripted(stale, stale, ok(["new"])) as (client, _script, _clock):
        assert client.read("nodes").body == ["new"]


# -- retries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Said(fails=RESET), id="reset"),
        pytest.param(Said(fails=CLOSED), id="closed without a byte: the old versions' 429"),
        pytest.param(Said(fails=REFUSED), id="refused"),
        pytest.param(Said(fails=STALLED), id="no answer in time"),
        pytest.param(Said(fails=SLOW), id="no connection in time"),
        pytest.param(Said(fails=requests.exceptions.ChunkedEncodingError("IncompleteRead")), id="truncated"),
        pytest.param(text(429, "too many connections"), id="429"),
        pytest.param(text(503, "upstream"), id="503"),
        pytest.param(text(500, "No cluster leader"), id="no leader"),
        pytest.param(text(500, "rpc error: failed to get conn: rpc error: lead thread didn't get connection"), id="rpc error"),
        pytest.param(text(500, "EOF"), id="EOF"),
    ],
)
def test_a_read_is_asked_again_after_what_passes(said: Said) -> None:
    with scripted(said, said, ok([])) as (client, script, _clock):
        assert client.read("nodes").body == []
    assert script.calls == ["GET /v1/nodes"] * 3


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(text(500, "No cluster leader"), id="no leader (F09)"),
        pytest.param(text(429, "busy"), id="429 (F04)"),
        pytest.param(Said(fails=REFUSED), id="refused"),
        pytest.param(Said(fails=STALLED, took=10.0), id="stalled"),
        pytest.param(Said("<html>", headers={"Content-Type": "text/html"}), id="a log-in page"),
    ],
)
def test_a_read_ends_within_its_bound_and_fails(said: Said) -> None:
    clock_end = 0.0
    with pytest.raises(Unreachable), scripted(*[said] * 40) as (client, script, clock):
        try:
            client.read("nodes")
        finally:
            clock_end = clock.now()
            script.left.clear()
    assert clock_end <= READ_BOUND + said.took


def test_the_number_of_calls_grows_with_the_logarithm_of_the_wait() -> None:
    with scripted(*[text(429, "busy")] * 40) as (client, script, clock):
        with pytest.raises(Unreachable):
            client.read("nodes")
        script.left.clear()
    assert len(script.asked) <= 1 + 9 and all(pause <= LONGEST_PAUSE for pause in clock.slept)


def test_pauses_double_with_jitter_and_are_never_nothing() -> None:
    with scripted(*[Said(fails=RESET)] * 4, ok([])) as (client, _script, clock):
        client.read("nodes")
    for number, pause in enumerate(clock.slept):
        assert 0.25 * 2**number <= pause <= 0.5 * 2**number


def test_retry_after_is_honoured() -> None:
    with scripted(text(429, "busy", Retry_After="7"), text(503, "busy", Retry_After="3"), ok([])) as (client, _script, clock):
        client.read("nodes")
    assert clock.slept == [7.0, 3.0]


def test_a_retry_after_beyond_the_bound_fails_at_once() -> None:
    with scripted(text(503, "maintenance", Retry_After="3600")) as (client, _script, clock), pytest.raises(Unreachable):
        client.read("nodes")
    assert clock.slept == []


@pytest.mark.parametrize("value", ["Mon, 23 Nov 2026 08:00:00 GMT", "soon", "-1", "0.5", ""])
def test_a_retry_after_that_is_no_number_of_seconds_is_ignored(value: str) -> None:
    with scripted(text(429, "busy", Retry_After=value), ok([])) as (client, _script, clock):
        client.read("nodes")
    assert 0.25 <= clock.slept[0] <= 0.5


def test_a_retry_after_of_zero_is_no_leave_to_hammer() -> None:
    with scripted(*[text(429, "busy", Retry_After="0")] * 60) as (client, script, _clock):
        with pytest.raises(Unreachable):
            client.read("nodes")
        script.left.clear()
    assert len(script.asked) <= 10


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (text(403, "Permission denied"), NotPermitted),
        (text(404, "node not found"), NotFound),
        (text(400, "bad"), Refused),
        (text(405, "Invalid method"), Refused),
        (text(500, "node not found"), Refused),
        (text(500, "UUID must be 36 characters"), Refused),
        (text(500, "No path to region"), BadInput),
        (Said(fails=requests.exceptions.SSLError("certificate verify failed")), Unreachable),
    ],
)
def test_what_is_final_is_asked_once(said: Said, kind: type[Exception]) -> None:
    with scripted(said) as (client, script, _clock), pytest.raises(kind):
        client.read("node", "1")
    assert len(script.asked) == 1


@pytest.mark.parametrize("said", [Said(fails=RESET), Said(fails=STALLED), text(500, "No cluster leader"), text(429, "busy"), Said("<html>")])
def test_a_write_is_never_sent_twice(said: Said) -> None:
    with scripted(said) as (client, script, clock), pytest.raises(Unreachable):
        client.write("node", "1", "drain", body={"NodeID": "1"})
    assert len(script.asked) == 1 and clock.slept == []


@pytest.mark.parametrize("said", [Said(fails=STALLED), Said(fails=RESET), text(500, "EOF")])
def test_a_blocking_query_is_not_retried_by_itself(said: Said) -> None:
    with scripted(said) as (client, script, _clock), pytest.raises(Unreachable):
        client.watch("nodes", index=5, seconds=10.0)
    assert len(script.asked) == 1


# -- what is sent -----------------------------------------------------------------------------------


def test_writes_are_posts_with_json() -> None:
    """requests follows the redirects of a PUT unless told otherwise, and python-nomad does not tell it."""
    with scripted(ok({"Index": 1})) as (client, script, _clock):
        client.write("node", "1", "drain", body={"NodeID": "1", "DrainSpec": None})
    assert script.calls == ["POST /v1/node/1/drain"] and script.asked[0].body == {"NodeID": "1", "DrainSpec": None}


def test_a_write_without_a_body_carries_its_query() -> None:
    with scripted(ok({"Index": 1})) as (client, script, _clock):
        client.write("node", "1", "drain", enable="true")
    assert script.asked[0].query == {"enable": "true"} and script.asked[0].body is None


@pytest.mark.parametrize(("seconds", "wait", "limit"), [(10.0, "10000ms", 15.625), (0.05, "50ms", 5.053125), (300.0, "300000ms", 323.75), (0.0, "1ms", 5.0)])
def test_a_blocking_query_waits_a_sixteenth_and_five_seconds_longer_than_it_asks(seconds: float, wait: str, limit: float) -> None:
    with scripted(ok([])) as (client, script, _clock):
        client.watch("allocations", index=42, seconds=seconds, namespace="*")
    assert script.asked[0].query == {"index": "42", "wait": wait, "namespace": "*"}
    connect, read = script.asked[0].timeout
    assert read == pytest.approx(limit) and connect == min(limit, 10.0)


def test_reads_and_writes_are_limited_by_nomad_timeout() -> None:
    with scripted(ok([]), ok({}), connection=NomadConnection(url=URL, timeout=3.0)) as (client, script, _clock):
        client.read("nodes")
        client.write("node", "1", "drain")
    assert [asked.timeout for asked in script.asked] == [(3.0, 3.0), (3.0, 3.0)]


def test_token_and_region_go_with_every_request() -> None:
    connection = NomadConnection(url=URL, token=Secret(CANARY), region="eu")
    with scripted(ok([]), ok([]), ok({}), connection=connection) as (client, script, _clock):
        client.read("nodes", prefix="1")
        client.watch("nodes", index=1, seconds=1.0)
        client.write("node", "1", "drain")
    assert [asked.headers["X-Nomad-Token"] for asked in script.asked] == [CANARY] * 3
    assert [asked.query["region"] for asked in script.asked] == ["eu"] * 3
    assert all(CANARY not in asked.url for asked in script.asked)


def test_without_a_token_none_is_sent() -> None:
    with scripted(ok([])) as (client, script, _clock):
        client.read("nodes")
    assert "X-Nomad-Token" not in script.asked[0].headers and "Authorization" not in script.asked[0].headers


def test_the_callers_query_is_left_as_it_was() -> None:
    query = {"prefix": "1"}
    with scripted(ok([]), connection=NomadConnection(url=URL, region="eu")) as (client, _script, _clock):
        client.read("nodes", **query)
    assert query == {"prefix": "1"}


@pytest.mark.parametrize(
    ("fields", "verify", "cert"),
    [
        ({}, True, ()),
        ({"ca_path": "/ca.pem"}, "/ca.pem", ()),
        ({"validate_certs": False, "ca_path": "/ca.pem"}, False, ()),
        ({"client_cert": "/c.pem", "client_key": "/k.pem"}, True, ("/c.pem", "/k.pem")),
    ],
)
def test_tls_is_verified_unless_told_otherwise(fields: dict[str, Any], verify: Any, cert: Any) -> None:
    """python-nomad's own default is no verification, and it overrides the session's."""
    connection = NomadConnection(url="https://nomad.example:4646", **fields)
    with scripted(ok([]), ok({}), connection=connection) as (client, script, _clock):
        client.read("nodes")
        client.write("node", "1", "drain")
    assert [asked.verify for asked in script.asked] == [verify] * 2
    assert [asked.cert or () for asked in script.asked] == [cert] * 2


def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine nomad.example login me password {CANARY}\n")
    netrc.chmod(0o600)
    for name, value in {
        "HTTP_PROXY": "http://proxy.example:3128",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "ALL_PROXY": "http://proxy.example:3128",
        "http_proxy": "http://proxy.example:3128",
        "NO_PROXY": "",
        "REQUESTS_CA_BUNDLE": "/nowhere.pem",
        "CURL_CA_BUNDLE": "/nowhere.pem",
        "NETRC": str(netrc),
        "NOMAD_ADDR": "http://elsewhere.example:1",
        "NOMAD_TOKEN": CANARY,
        "NOMAD_REGION": "elsewhere",
        "NOMAD_NAMESPACE": "elsewhere",
        "NOMAD_CACERT": "/nowhere.pem",
        "NOMAD_SKIP_VERIFY": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with scripted(ok([]), ok({})) as (client, script, _clock):
        client.read("nodes")
        client.write("node", "1", "drain")
    for asked in script.asked:
        assert asked.url.startswith(URL + "/v1/") and asked.query == {} and asked.proxies == {} and asked.verify is True
        assert CANARY not in str(asked.headers) and "Authorization" not in asked.headers


@pytest.mark.parametrize(
    ("given_url", "asked"),
    [
        ("http://nomad.example:4646", "http://nomad.example:4646/v1/nodes"),
        ("http://nomad.example:4646/", "http://nomad.example:4646/v1/nodes"),
        ("http://nomad.example:4646///", "http://nomad.example:4646/v1/nodes"),
        (" http://nomad.example:4646 ", "http://nomad.example:4646/v1/nodes"),
        ("nomad.example:4646", "http://nomad.example:4646/v1/nodes"),
        ("nomad.example", "http://nomad.example:4646/v1/nodes"),
        ("https://nomad.example", "https://nomad.example/v1/nodes"),
        ("http://nomad.example/proxy/nomad/", "http://nomad.example/proxy/nomad/v1/nodes"),
        ("http://[2001:db8::1]:4646", "http://[2001:db8::1]:4646/v1/nodes"),
        ("http://[2001:db8::1]", "http://[2001:db8::1]:4646/v1/nodes"),
        ("[::1]:4646", "http://[::1]:4646/v1/nodes"),
        ("127.0.0.1:4646", "http://127.0.0.1:4646/v1/nodes"),
    ],
)
def test_an_address_in_any_of_its_forms(given_url: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def get(_self: Any, url: str, **_kwargs: Any) -> Any:
        seen.append(url)
        raise REFUSED

    monkeypatch.setattr(requests.Session, "get", get)
    monkeypatch.setenv("NOMAD_ADDR", "http://elsewhere.example:1")
    client = client_from_params({"nomad_url": given_url}, StepClock())
    with pytest.raises(Unreachable):
        client.read("nodes", bound=0.0)
    assert seen[0].replace("https://nomad.example:443/", "https://nomad.example/") == asked


# -- secrets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [Said(fails=RESET), text(403, "Permission denied"), text(500, "boom"), Said("<html>"), Said(fails=requests.exceptions.SSLError("no"))]
)
def test_no_failure_names_the_token(said: Said) -> None:
    connection = NomadConnection(url=URL, token=Secret(CANARY))
    with scripted(said, connection=connection) as (client, _script, _clock), pytest.raises(Exception) as caught:
        client.read("nodes", bound=0.0)
    assert CANARY not in str(caught.value) and CANARY not in repr(caught.value) and "nomad.example:4646" in str(caught.value)


def test_a_token_with_a_line_break_is_refused_without_being_shown() -> None:
    with pytest.raises(BadInput, match="nomad_token") as caught:
        client = client_from_params({"nomad_url": "http://127.0.0.1:9", "nomad_token": CANARY + "\n"}, StepClock())
        client.read("nodes", bound=0.0)
    assert CANARY not in str(caught.value)


def test_a_client_can_be_printed_without_its_token() -> None:
    connection = NomadConnection(url=URL, token=Secret(CANARY))
    assert CANARY not in repr(connection) and CANARY not in str(NomadClient(connection, StepClock()))


# -- lists, entry by entry --------------------------------------------------------------------------


def test_a_list_is_made_into_what_is_kept_of_it() -> None:
    with scripted(ok([{"ID": "1"}, {"ID": "2"}, {"ID": "3"}], index=9)) as (client, _script, _clock):
        answer = client.read_list("nodes", lambda data: None if data["ID"] == "2" else data["ID"])
    assert answer.body == ["1", "3"] and answer.change == 9


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("<html>", "is not JSON", id="a page"),
        pytest.param('[{"ID": "1"}, {"ID"', "is not JSON", id="cut in an entry"),
        pytest.param('[{"ID": "1"}', "is not JSON", id="cut behind an entry"),
        pytest.param('{"ID": "1"}', "not what Nomad says there", id="no list"),
        pytest.param('[{"Name": "1"}]', "not what Nomad says there", id="an entry without an id"),
        pytest.param("[null]", "not what Nomad says there", id="an entry that is none"),
    ],
)
def test_a_list_that_is_none_is_no_answer(body: str, words: str) -> None:
    answers = [Said(body, headers={"Content-Type": "text/html"})] * 2
    with scripted(*answers) as (client, script, _clock), pytest.raises(Unreachable, match=words):
        client.read_list("nodes", lambda data: data["ID"], bound=0.7)
    assert len(script.asked) == 2, "it was asked again"


def test_a_list_from_servers_without_a_leader_is_no_answer() -> None:
    said = ok([], **{"X-Nomad-Knownleader": "false"})
    with scripted(said) as (client, _script, _clock), pytest.raises(Unreachable, match="knows no leader"):
        client.read_list("nodes", dict, bound=0.0)


def test_a_list_whose_text_stops_coming_is_no_answer() -> None:
    """The length is promised in the headers, and the connection ends before."""
    said = Said('[{"ID": "1"}]', headers={"Content-Length": "400"})
    with scripted(said) as (client, _script, _clock), pytest.raises(Unreachable, match="connection to .* failed"):
        client.read_list("nodes", dict, bound=0.0)


def test_an_error_whose_text_stops_coming_is_an_error() -> None:
    said = Said("no", 500, headers={"Content-Length": "400"})
    with scripted(said) as (client, _script, _clock), pytest.raises(Unreachable):
        client.read_list("nodes", dict, bound=0.0)


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (requests.ConnectTimeout("timed out"), "did not take the connection in time"),
        (RESET, "connection to .* failed"),
        (requests.exceptions.SSLError("bad certificate"), "TLS with .* failed"),
    ],
)
def test_a_lists_lost_connection_keeps_its_reason(fails: Exception, words: str) -> None:
    """python-nomad calls them all a time-out where the answer is streamed."""
    with scripted(Said(fails=fails)) as (client, _script, _clock), pytest.raises(Unreachable, match=words):
        client.read_list("nodes", dict, bound=0.0)


# -- other agents, logs, deletes --------------------------------------------------------------------


def test_another_agent_is_asked_with_the_same_scheme_token_and_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = NomadConnection(url="https://nomad.example:4646", token=Secret(CANARY), region="eu", tls_server_name="server.eu.nomad", timeout=3.0)
    with scripted(ok([]), connection=connection) as (client, script, _clock):
        session = client._settings["session"]
        monkeypatch.setattr("ansible_collections.serverops.circleci.plugins.module_utils.nomad.client.new_session", lambda tls: session)
        other = client.at("10.0.0.7:4646")
        other.read("agent", "self")
    asked = script.asked[0]
    assert asked.url.startswith("https://10.0.0.7:4646/v1/agent/self") and other.place == "10.0.0.7:4646"
    assert asked.headers["X-Nomad-Token"] == CANARY and asked.query == {"region": "eu"} and asked.timeout == (3.0, 3.0)


@pytest.mark.parametrize("address", ["", "me@10.0.0.7:4646", "10.0.0.7:port"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with scripted() as (client, _script, _clock), pytest.raises(BadInput):
        client.at(address)


def test_bytes_are_handed_over_as_they_are_and_asked_for_again_like_any_read() -> None:
    with scripted(Said(fails=RESET), Said(b"\xff one\n", headers={"Content-Type": "text/plain"})) as (client, _script, _clock):
        assert client.read_bytes("client", "fs", "logs", "a") == b"\xff one\n"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_delete_follows_no_redirect(status: int) -> None:
    location = f"https://sso.example/login/{CANARY}?token={CANARY}"
    connection = NomadConnection(url=URL, token=Secret(CANARY))
    with scripted(Said("", status, {"Location": location}), connection=connection) as (client, script, _clock), pytest.raises(Refused) as caught:
        client.remove("job", "j")
    assert "https://sso.example/login" in str(caught.value) and CANARY not in str(caught.value)
    assert script.calls == ["DELETE /v1/job/j"]


def test_a_delete_is_sent_once() -> None:
    with scripted(Said(fails=RESET)) as (client, script, _clock), pytest.raises(Unreachable):
        client.remove("job", "j")
    assert script.calls == ["DELETE /v1/job/j"]
