# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Cloud DNS: changes whole or not at all, what must match, what cannot stand together, pages, and servers that are late."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.google.answers import Asked
from lab.google.api import Api
from lab.google.control import PROJECT, Control
from lab.google.model import World

ZONE = f"/dns/v1/projects/{PROJECT}/managedZones/z"
A: dict[str, Any] = {"name": "a.example.com.", "type": "A", "ttl": 60, "rrdatas": ["192.0.2.1"]}


class Lab:
    """A zone `z` with one record."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.api = Api(World(lambda: self.now))
        self.control = Control(self.api)
        self.control.operator([])
        self.control.zone("z", "example.com.", [["a.example.com.", "A", 60, "192.0.2.1"]], pending=10.0)
        self.token = self.api.world.token(f"serviceAccount:operator@{PROJECT}.iam.gserviceaccount.com")

    def ask(self, method: str, path: str, body: Any = None, token: str = "", **query: str) -> tuple[int, Any]:
        answer = self.api.handle(Asked(method, path, query, {"authorization": f"Bearer {token or self.token}"}, json.dumps(body or {}).encode()))
        assert answer is not None
        return answer.status, json.loads(answer.body)

    def change(self, additions: list[Any], deletions: list[Any]) -> tuple[int, Any]:
        return self.ask("POST", f"{ZONE}/changes", {"additions": additions, "deletions": deletions})


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_record_is_replaced_and_the_servers_get_it_later(lab: Lab) -> None:
    status, made = lab.change([{**A, "rrdatas": ["192.0.2.2"]}], [A])
    assert status == 200 and made["status"] == "pending" and lab.control.records("z") == [["a.example.com.", "A", 60, "192.0.2.2"]]
    lab.now += 11
    assert lab.ask("GET", f"{ZONE}/changes/{made['id']}")[1]["status"] == "done"


@pytest.mark.parametrize(
    ("additions", "deletions", "status", "words"),
    [
        ([A], [], 409, "already exists"),
        ([], [{**A, "ttl": 61}], 412, "Precondition not met"),
        ([], [{**A, "name": "b.example.com."}], 404, "does not exist"),
        ([{**A, "name": "b.example.com.", "rrdatas": ["192.0.2.1", "x"]}], [], 400, "rrdata[1]"),
        ([{**A, "name": "a.example.org."}], [], 400, "additions[0].name"),
        ([{**A, "name": "b.example.com"}], [], 400, "additions[0].name"),
        ([{"name": "a.example.com.", "type": "CNAME", "ttl": 60, "rrdatas": ["b.example.net."]}], [], 400, "either one CNAME"),
        ([], [], 400, "required"),
    ],
)
def test_a_change_is_made_as_a_whole_or_not_at_all(lab: Lab, additions: list[Any], deletions: list[Any], status: int, words: str) -> None:
    more = [{**A, "name": "good.example.com."}] if additions else []
    code, told = lab.change([*more, *additions] if status != 400 else additions, deletions)
    assert code == status and words in told["error"]["message"]
    assert lab.control.records("z") == [["a.example.com.", "A", 60, "192.0.2.1"]]


def test_one_type_gives_way_to_another_in_one_change(lab: Lab) -> None:
    status, _made = lab.change([{"name": "a.example.com.", "type": "CNAME", "ttl": 60, "rrdatas": ["b.example.net."]}], [A])
    assert status == 200 and lab.control.records("z") == [["a.example.com.", "CNAME", 60, "b.example.net."]]


def test_lists_have_filters_and_pages(lab: Lab) -> None:
    for number in range(5):
        lab.control.zone(f"z{number}", "example.com.", visibility="private")
    status, page = lab.ask("GET", f"/dns/v1/projects/{PROJECT}/managedZones", dnsName="example.com.", maxResults="4")
    assert status == 200 and len(page["managedZones"]) == 4 and page["nextPageToken"]
    assert len(lab.ask("GET", f"/dns/v1/projects/{PROJECT}/managedZones", maxResults="4", pageToken=page["nextPageToken"])[1]["managedZones"]) == 2
    assert [one["type"] for one in lab.ask("GET", f"{ZONE}/rrsets", name="example.com.")[1]["rrsets"]] == ["NS", "SOA"]
    assert lab.ask("GET", f"{ZONE}/rrsets", type="A")[0] == 400


def test_rights_are_asked_for(lab: Lab) -> None:
    reader = "user:reader@example.com"
    lab.control.grant(f"projects/{PROJECT}", "roles/dns.reader", reader)
    token = lab.api.world.token(reader)
    assert lab.ask("GET", f"{ZONE}/rrsets", token=token)[0] == 200
    status, told = lab.ask("POST", f"{ZONE}/changes", {"additions": [A]}, token=token)
    assert status == 403 and "dns.changes.create" in told["error"]["message"]
