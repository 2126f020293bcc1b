# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clouds as they are asked about machines, and the second look before one is terminated."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import client as gcp_client
from ansible_collections.serverops.circleci.plugins.module_utils.vms import sweep_client
from ansible_collections.serverops.circleci.plugins.module_utils.vms.ec2_client import Ec2
from ansible_collections.serverops.circleci.plugins.module_utils.vms.gce_client import Gce
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import Records, VmSpec
from ansible_collections.serverops.circleci.plugins.module_utils.vms.sweep import Terminate, VmState
from ansible_collections.serverops.circleci.plugins.module_utils.vms.sweep_client import VmPort
from unit.laws.vms import peopled
from unit.laws.vms_world import GROUP, SUBNET, VmWorld, refuses

from lab.nomad.clock import VirtualClock

SPEC = VmSpec("aws", "eu-west-1", security_groups=(GROUP,), orphans="terminated", records="2.x")
ZONE = VmSpec("gcp", project="lab", zone="europe-west1-b", tags={"app": "circleci", "site": "a"})


@pytest.fixture
def world() -> Iterator[VmWorld]:
    made = peopled("lost")
    with made.open():
        yield made


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        (VmSpec("aws", "eu-west-1"), 6),
        (SPEC, 5),
        (VmSpec("aws", "eu-west-1", subnets=(SUBNET,)), 6),
        (VmSpec("aws", "eu-west-1", subnets=("subnet-9",)), 0),
        (VmSpec("aws", "eu-west-1", tags={"ManagedBy": "somebody"}), 6),  # never another one's
        (VmSpec("aws", "eu-west-1", tags={"site": "a"}), 0),
    ],
)
def test_only_machines_with_the_marks(world: VmWorld, spec: VmSpec, count: int) -> None:
    assert len(Ec2(spec, {}).vms()) == count


def port(world: VmWorld) -> VmPort:
    return VmPort(SPEC, {}, world.clock)


def test_an_orphan_goes_after_a_second_look(world: VmWorld) -> None:
    port(world).apply(Terminate(world.id_of("lost")))
    assert world.writes() == [("terminate", "lost")] and len(world.ran) == 1


@pytest.mark.parametrize("name", ["idle", "busy", "old", "young"])
def test_no_other_goes_whatever_is_asked(world: VmWorld, name: str) -> None:
    with pytest.raises(Refused, match="is no orphan any more"):
        port(world).apply(Terminate(world.id_of(name)))
    assert world.writes() == []


@pytest.mark.parametrize("name", ["other tag", "other group"])
def test_what_is_not_of_the_installation_is_not_even_seen(world: VmWorld, name: str) -> None:
    port(world).apply(Terminate(world.id_of(name)))
    assert world.writes() == []


def test_one_that_the_server_has_come_to_know_stays(world: VmWorld) -> None:
    (world.records or {})["tasks"].append({"on": world.id_of("lost")})
    with pytest.raises(Refused, match="the server knows it"):
        port(world).apply(Terminate(world.id_of("lost")))
    assert world.writes() == []


@pytest.mark.parametrize("output", [None, "", '{"vms": []}'])
def test_nothing_goes_while_the_records_cannot_be_read(world: VmWorld, output: str | None) -> None:
    world.output, world.records = output, None
    with pytest.raises(Refused, match="cannot be seen: docker "):
        port(world).apply(Terminate(world.id_of("lost")))
    assert world.writes() == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [([], "hold no machine at all"), ([{"host": "10.0.0.1"}], "as the cloud does"), ([{"id": "i-0123456789abcdef0"}], "none of those that are there")],
)
def test_records_that_are_in_doubt_at_the_second_look_prove_nothing(world: VmWorld, rows: list[Any], words: str) -> None:
    world.records = {"vms": rows, "tasks": []}
    with pytest.raises(Refused, match=words):
        port(world).apply(Terminate(world.id_of("lost")))
    assert world.writes() == []


def test_one_that_is_gone_is_no_failure(world: VmWorld) -> None:
    refuses("terminate_instances", "InvalidInstanceID.NotFound")(world)
    Ec2(SPEC, {}).terminate("i-0")
    port(world).apply(Terminate("i-0"))
    assert world.writes() == []


PRINTS = "import json, os; print(json.dumps({'vms': [{n: os.environ.get(n) for n in ('AWS_PROFILE', 'HTTPS_PROXY', 'OTHER')}], 'tasks': []}))"


def asked(monkeypatch: pytest.MonkeyPatch, *command: str) -> VmState:
    """A reading with a program that is run, of a cloud without machines."""
    monkeypatch.setattr(sweep_client, "Ec2", lambda _spec, _cloud: SimpleNamespace(vms=list))
    return VmPort(VmSpec("aws", "eu-west-1", records_command=command), {}, SystemClock()).read(frozenset())


def test_the_program_has_what_it_logs_in_by(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "HTTPS_PROXY", "OTHER"):
        monkeypatch.setenv(name, f"its {name}")
    seen = asked(monkeypatch, sys.executable, "-c", PRINTS)
    assert seen.records == Records(('{"AWS_PROFILE": "its AWS_PROFILE", "HTTPS_PROXY": "its HTTPS_PROXY", "OTHER": null}',))


def test_a_program_that_is_not_there_is_no_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="asked for by no-such-program, which is not on PATH"):
        asked(monkeypatch, "no-such-program")


def test_more_than_a_megabyte_is_read_and_what_is_cut_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = "import json; print(json.dumps({'vms': [], 'tasks': ['x' * 2_000_000]}))"
    assert isinstance(asked(monkeypatch, sys.executable, "-c", prints).records, Records)
    monkeypatch.setattr(sweep_client, "MOST", 1000)
    seen = asked(monkeypatch, sys.executable, "-c", prints)
    assert seen.records is UNKNOWN and "printed more than the 1000 letters that are read" in seen.why


# -- Google ----------------------------------------------------------------------------------------------------------


class Session:
    """Answers in order, the last one again and again, or fails; keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    def request(self, method: str, address: str, **more: Any) -> Any:
        self.asked.append((method, address, more["params"]))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        made = requests.Response()
        made.status_code, made._content = answer[0], answer[1].encode()
        return made


def google(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> tuple[Gce, Session]:
    session = Session(*answers)
    monkeypatch.setattr(gcp_client, "google_session", lambda *_given: session)
    return Gce(ZONE, {"endpoint_url": "http://lab/"}, VirtualClock()), session


def test_all_pages_by_label(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = ['{"items": [{"name": "b", "creationTimestamp": "2026-01-02T00:00:00Z"}], "nextPageToken": "n"}', '{"items": [{"name": "a"}]}']
    gce, session = google(monkeypatch, *((200, text) for text in pages))
    assert [vm.id for vm in gce.vms()] == ["a", "b"]
    where = "http://lab/compute/v1/projects/lab/zones/europe-west1-b/instances"
    assert [one[:2] for one in session.asked] == [("GET", where)] * 2
    assert session.asked[1][2] == {"filter": "labels.app=circleci AND labels.site=a", "pageToken": "n"}


def test_one_is_deleted_by_name_and_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    gce, session = google(monkeypatch, (200, "{}"), (404, '{"error": {"message": "not found"}}'))
    gce.terminate("vm-1")
    gce.terminate("vm-1")
    assert {one[:2] for one in session.asked} == {("DELETE", "http://lab/compute/v1/projects/lab/zones/europe-west1-b/instances/vm-1")}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((403, '{"error": {"message": "Required compute.instances.list permission"}}'), NotPermitted, "Required compute.instances.list"),
        ((401, "no"), NotPermitted, "Google answers 401"),
        ((429, "slow down"), Unreachable, "slow down"),
        ((503, "x"), Unreachable, "503"),
        ((400, "bad filter"), Refused, "bad filter"),
        ((200, "<html>"), Refused, "no JSON of Google's"),
        (requests.exceptions.ConnectionError("no route"), Unreachable, "no route"),
    ],
)
def test_what_answers_mean(monkeypatch: pytest.MonkeyPatch, answer: Any, kind: type[Exception], words: str) -> None:
    gce, _session = google(monkeypatch, answer)
    with pytest.raises(kind, match=words):
        gce.vms()


def test_a_key_that_is_none() -> None:
    with pytest.raises(BadInput, match="service_account_contents is no key"):
        Gce(ZONE, {"service_account_contents": "secret"}, VirtualClock()).vms()
