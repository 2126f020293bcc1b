"""Logs as the recorded servers gave them: every recorded request for one, asked of the simulator and compared; and agents on real sockets."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.nomad.clock import RealClock
from lab.nomad.lab import Lab
from lab.nomad.server import Server

RECORDED = Path(__file__).parents[2] / "unit" / "plugins" / "module_utils" / "nomad" / "recorded"
SERVER = "http://nomad:4646"


def lines(version: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / version / "alloc-logs.jsonl").read_text().splitlines()]


def scene(version: str) -> tuple[Lab, dict[str, str]]:
    """The recorded builds; recorded ids to ours."""
    lab = Lab(version, clients=3)
    lab.build("short", "c1", seconds=None, stdout="one\ntwo\n", stderr="oops\n", last="")
    lab.build("long", "c1", seconds=1, stdout="one\ntwo\nthree\n", stderr="oops\n", last="")
    lab.clock.sleep(3)
    mine = {b["job"]: b["allocation"] for b in lab.truth()["builds"]}
    told: dict[str, str] = {}
    for line in lines(version):
        item = line["path"].rpartition("/")[2]
        if line["body"] in ("one\ntwo\n", "one\ntwo\nthree\n") and item not in told:
            told[item] = mine["short" if line["body"] == "one\ntwo\n" else "long"]
    return lab, told


def ours(text: Any, told: dict[str, str]) -> Any:
    """A recorded text with our ids in it, whole or cut."""
    said = json.dumps(text)
    for theirs, mine in told.items():
        said = said.replace(theirs, mine).replace(f'{theirs[:8]}"', f'{mine[:8]}"').replace(f'{theirs[:8]}\\"', f'{mine[:8]}\\"')
    return json.loads(said)


@pytest.mark.parametrize("version", ["0.5.6", "1.1.2"])
def test_every_recorded_request_for_a_log(version: str) -> None:
    lab, told = scene(version)
    assert len(told) == 2
    session, compared = lab.session(), 0
    recorded = lines(version)
    for number, line in enumerate(recorded):
        if number == len(recorded) - 2:  # the last two were asked once the job was gone
            lab.cancel("long", purge=True)
            lab.clock.sleep(1)
            lab.cluster.collect()
        node = lab.get(f"/v1/node/{lab.node_id(line['agent'])}") if line["agent"] != "server" else {}
        if node and version != "0.5.6":
            continue  # these agents answer as the servers do
        base = f"http://{node['HTTPAddr']}" if node else SERVER
        got = session.get(base + ours(line["path"], told), params=line["query"])
        body = got.json() if isinstance(line["body"], dict) else got.text
        assert (got.status_code, body) == (line["status"], ours(line["body"], told)), line
        assert got.headers.get("Content-Type", "").partition(";")[0] == line["type"].partition(";")[0], line
        compared += 1
    assert compared > (30 if version == "0.5.6" else 8)


def test_a_dead_client_has_no_logs_to_give() -> None:
    for version in ("0.5.6", "1.1.2"):
        lab, told = scene(version)
        lab.kill_client("c1")
        item, query = next(iter(told.values())), {"task": "task", "type": "stdout", "plain": "true"}
        if version == "0.5.6":
            address = lab.get(f"/v1/node/{lab.node_id('c1')}")["HTTPAddr"]
            with pytest.raises(requests.ConnectionError):
                lab.session().get(f"http://{address}/v1/client/fs/logs/{item}", params=query)
        else:
            assert lab.session().get(f"{SERVER}/v1/client/fs/logs/{item}", params=query).status_code == 500


def test_only_a_management_token_reads_logs() -> None:
    lab, told = scene("1.1.2")
    manager, reader, nobody = (f"{n}0000000-1111-4222-8333-444444444444" for n in (1, 2, 3))
    lab.acl(True, {manager: "management", reader: "read-only"})
    for token, status, text in ((manager, 200, "oops\n"), (reader, 500, "Permission denied"), (nobody, 500, "ACL token not found")):
        url = f"{SERVER}/v1/client/fs/logs/{next(iter(told.values()))}"
        got = lab.session().get(url, params={"task": "task", "type": "stderr", "plain": "true"}, headers={"X-Nomad-Token": token})
        assert (got.status_code, got.text) == (status, text)


def test_agents_listen_on_sockets_of_their_own() -> None:
    lab = Lab("0.5.6", clients=2, clock=RealClock(20.0))
    server = Server(lab).start()
    try:
        lab.build("build", "c2", seconds=None, stderr="oops\n", last="")
        session = requests.Session()
        session.trust_env = False
        for _turn in range(100):
            found = session.get(f"{server.url}/v1/allocations").json()
            if found and found[0]["ClientStatus"] == "running":
                break
            lab.clock.sleep(1)
        addresses = [session.get(f"{server.url}/v1/node/{lab.node_id(name)}").json()["HTTPAddr"] for name in ("c1", "c2")]
        assert len(set(addresses)) == 2
        query = {"task": "task", "type": "stderr", "plain": "true"}
        got = [session.get(f"http://{address}/v1/client/fs/logs/{found[0]['ID']}", params=query) for address in addresses]
        assert [one.status_code for one in got] == [500, 200] and got[1].text == "oops\n"
    finally:
        server.stop()
        assert lab.agents is not None
        lab.agents.stop()
