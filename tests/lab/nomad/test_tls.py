"""Mutual TLS as recorded: every recorded handshake is made with the lab's server, on a real socket."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import http.client
import json
import os
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.nomad import recording
from lab.nomad.clock import RealClock
from lab.nomad.control import Control
from lab.nomad.lab import Lab
from lab.nomad.pki import Pki
from lab.nomad.profile import PROFILES
from lab.nomad.server import Listener, Server
from lab.nomad.tls import Tls

VERSIONS = [version for version in PROFILES if "tls" in recording.names(version)]
HOST = {"server": "server.global.nomad", "client": "client.global.nomad", "cli": "cli.global.nomad"}
# A race of the real servers too: the alert, or the end of the connection before it was read.
SHUT = {"SSLEOFError", "SSLError", "ConnectionResetError", "BrokenPipeError", "RemoteDisconnected"}
# OpenSSL's server adds the CA to its chain, Go's does not: the caller's library then words the same distrust differently.
DISTRUST = {"self-signed certificate in certificate chain": "unable to get local issuer certificate"}
SPEED = 10


class Site:
    def __init__(self, folder: Path, version: str, verify: bool = True, speed: float = SPEED) -> None:
        self.pki = Pki(folder)
        for ca in ("good", "other", "next"):
            self.pki.ca(ca)
        for name, host in HOST.items():
            self.pki.issue(name, "good", host)
        self.pki.issue("stranger", "other", HOST["cli"])
        self.pki.issue("expired", "good", HOST["cli"], ended=True)
        self.ca = self.pki.bundle("ca", "good")
        self.tls = Tls(self.pki.path("server"), self.pki.path("server-key"), self.ca, verify, self.pki.path("client"))
        self.lab = Lab(version, 2, RealClock(speed))
        self.server = Server(self.lab, tls=self.tls).start()

    def ask(self, context: ssl.SSLContext | None, path: str = "/v1/nodes", name: str = "127.0.0.1") -> dict[str, Any]:
        """What the recorder kept of one exchange."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=8)
        found: dict[str, Any] = {}
        try:
            http.client.HTTPConnection.connect(connection)
            if context is not None:
                connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
                found["tls"] = {"version": connection.sock.version(), "server_serial": connection.sock.getpeercert()["serialNumber"]}
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            found.update(status=answer.status, body=answer.read().decode())
        except (OSError, http.client.HTTPException) as error:
            found["error"] = type(error).__name__
            if isinstance(error, ssl.SSLError):
                found["reason"] = getattr(error, "verify_message", None) or error.reason
        finally:
            connection.close()
        return found


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    made = Site(tmp_path, getattr(request, "param", "1.1.2"))
    yield made
    made.server.stop()


def context_of(site: Site, label: str) -> ssl.SSLContext | None:
    """Who asked: the recorder's names."""
    pki, good = site.pki, site.pki.path("good-ca")
    who, _comma, limit = label.removeprefix("client agent, ").partition(", TLS ")
    most = ssl.TLSVersion.TLSv1_2 if limit else None
    cert = {"no certificate": None, "certificate of another CA": "stranger", "expired certificate": "expired"}.get(who, "cli")
    if who == "plain HTTP":
        return None
    trusts = {"we trust another CA": pki.path("other-ca"), "we trust the system's CAs": None}.get(who, good)
    return pki.client(trusts, cert, most)


def same(ours: dict[str, Any], line: dict[str, Any]) -> str:
    """Empty, or what is different."""
    theirs = line["response"]
    if "error" not in theirs:
        body = theirs["body"] if isinstance(theirs["body"], str) else None
        alike = ours.get("status") == theirs["status"] and (body is None or body == ours["body"] or line["request"]["path"] == "/v1/status/leader")
    elif theirs["error"] == "SSLCertVerificationError":
        reason = DISTRUST.get(ours.get("reason", ""), ours.get("reason", ""))
        alike = (ours.get("error"), reason.split(",")[0]) == (theirs["error"], theirs["reason"].split(",")[0])
    else:
        reasons = {theirs.get("reason"), None} if theirs["error"] == "SSLError" else {"TLSV1_ALERT_UNKNOWN_CA", None}
        alike = ours.get("error") in SHUT and ours.get("reason") in reasons
    where = ours.get("tls", {}).get("version") == line.get("tls", {}).get("version")
    return "" if alike and where else f"{line.get('as')}: {ours} for {theirs} {line.get('tls', '')}"


def play(site: Site, version: str) -> tuple[list[str], int]:
    found, count = [], 0
    for line in recording.load(version, "tls"):
        if "as" not in line or line["agent"] != "server":
            continue
        name = {"wrong server name": "nomad.example.com", "server name as in the certificate": HOST["server"]}.get(line["as"], "127.0.0.1")
        ours = site.ask(context_of(site, line["as"]), line["request"]["path"], name)
        found += [text for text in [same(ours, line)] if text]
        count += 1
    return found, count


@pytest.mark.parametrize(("site", "version"), [(v, v) for v in VERSIONS], indirect=["site"])
def test_who_gets_in(site: Site, version: str) -> None:
    found, count = play(site, version)
    assert count == 15 and not found, "\n".join(found)


@pytest.mark.parametrize("broken", ["lets anybody in", "speaks plain HTTP too", "knows another CA"])
def test_a_door_broken_on_purpose_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    site = Site(tmp_path, "1.1.2", verify=broken != "lets anybody in")
    if broken == "speaks plain HTTP too":
        monkeypatch.setattr(Tls, "_say_plain", staticmethod(lambda plain: plain.sendall(b"HTTP/1.0 200 OK\r\n\r\n[]")))
    if broken == "knows another CA":
        site.pki.bundle("ca", "good", "other")
        assert site.tls.reload() == ""
    found, _count = play(site, "1.1.2")
    site.server.stop()
    assert found


class Rotation:
    """The recorded roll-over, step by step: after each note the samples of that time."""

    def __init__(self, site: Site) -> None:
        self.site, self.pki = site, site.pki
        self.serial = 0
        self.both = self.pki.bundle("both", "good", "next")
        self.pki.issue("next-cli", "next", HOST["cli"])

    def step(self, note: str) -> None:
        if note.startswith("server: broken"):
            self.pki.path("server").write_text("not a certificate\n")
            assert self.site.tls.reload() != ""
            return
        if note.startswith("CA file holds the old and the next"):
            self.pki.bundle("ca", "good", "next")
        elif note.startswith("CA file holds the next CA only"):
            self.pki.bundle("ca", "next")
        else:
            self.pki.issue("server", "next" if "next CA" in note else "good", HOST["server"])
        assert self.site.tls.reload() == ""

    def context(self, label: str) -> ssl.SSLContext:
        trusts = self.pki.path("good-ca") if label in ("new connections", "client certificate of the next CA") else self.both
        if label == "client certificate of the next CA":
            trusts = self.both
        return self.pki.client(trusts, "next-cli" if "of the next CA" in label else "cli")


def roll_over(site: Site, version: str) -> list[str]:
    rotation, found = Rotation(site), []
    lines = [line for line in recording.load(version, "tls-rotation") if "note" in line or "as" in line]
    recorded, ours_by_theirs, soon = "", {}, False
    for line in sorted(lines, key=lambda line: line["t"]):
        if "note" in line:
            rotation.step(line["note"])
            soon = True
            continue
        if line["as"] == "kept connection":
            continue
        answer = site.ask(rotation.context(line["as"]), "/v1/status/leader")
        first_after, soon = soon, False
        recorded = line.get("tls", {}).get("server_serial", "")
        mine = answer.get("tls", {}).get("server_serial", "")
        # The first connection after the signal may still meet the old files (its own race).
        if first_after and "status" in line["response"] and "error" in answer:
            continue
        text = same(answer, line)
        if recorded and mine and ours_by_theirs.setdefault(recorded, mine) != mine:
            text = text or f"{line['as']}: another certificate"
        found += [text] if text else []
    if len(set(ours_by_theirs.values())) != len(ours_by_theirs):
        found.append("the same certificate for two recorded ones")
    return found


@pytest.mark.parametrize(("site", "version"), [(v, v) for v in VERSIONS], indirect=["site"])
def test_certificates_roll_over_while_others_talk(site: Site, version: str) -> None:
    kept = http.client.HTTPSConnection("127.0.0.1", site.server.port, timeout=8, context=site.pki.client(site.pki.path("good-ca"), "cli"))
    held = http.client.HTTPSConnection("127.0.0.1", site.server.port, timeout=30, context=site.pki.client(site.pki.path("good-ca"), "cli"))
    kept.request("GET", "/v1/nodes")
    answer = kept.getresponse()
    index = answer.headers["X-Nomad-Index"]
    answer.read()
    woken: list[int] = []

    def wait() -> None:
        held.request("GET", f"/v1/nodes?index={index}&wait=300s")
        woken.append(held.getresponse().status)

    waiting = threading.Thread(target=wait)
    waiting.start()
    found = roll_over(site, version)
    assert not found, "\n".join(found)
    kept.request("GET", "/v1/nodes")
    assert kept.getresponse().status == 200, "a kept connection lives on with what it began with"
    # As recorded at the end: the agents' certificate is of the old CA, which the server no longer knows.
    waiting.join(20)
    assert woken == [200], "a blocking query lives on, and is woken by the first client that is called down"
    lines = [line for line in recording.load(version, "tls-rotation") if line.get("request", {}).get("path") == "/v1/nodes"]
    assert {node["Status"] for node in lines[-1]["response"]["body"]} == {"down"}
    for _turn in range(50):
        if {node.status for node in site.lab.cluster.nodes.values()} == {"down"}:
            break
        site.server.stopping.wait(0.1)
    assert {node.status for node in site.lab.cluster.nodes.values()} == {"down"}
    site.pki.issue("client", "next", HOST["client"])
    assert site.tls.reload() == "" and not site.lab.strangers
    kept.close()
    held.close()


@pytest.mark.parametrize("broken", ["a reload does nothing", "a broken file is an open door"])
def test_a_roll_over_broken_on_purpose_is_found_out(site: Site, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    if broken == "a reload does nothing":
        real = Tls.reload

        def idle(tls: Tls) -> str:
            kept = tls.context
            wrong = real(tls)
            tls.context = kept
            return wrong

        monkeypatch.setattr(Tls, "reload", idle)
    else:
        monkeypatch.setattr(Listener, "finish_request", lambda self, request, address: None)
    assert roll_over(site, "1.1.2")


def test_the_control_route_reloads(site: Site) -> None:
    control = Control(site.lab)
    try:
        context = site.pki.client(site.pki.path("good-ca"), "cli")
        before = site.ask(context)["tls"]["server_serial"]
        site.pki.issue("server", "good")
        assert control.handle("POST", "/tls/reload", b"") == (200, {})
        assert site.ask(context)["tls"]["server_serial"] != before
        os.truncate(site.pki.path("server"), 0)
        status, said = control.handle("POST", "/tls/reload", b"")
        assert status == 200 and said["kept_old_files_because"] and site.ask(context)["status"] == 200
    finally:
        control.http.server_close()
    assert json.loads(site.ask(context)["body"])
