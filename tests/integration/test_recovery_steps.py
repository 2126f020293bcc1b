# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a recovery by themselves: settings that hold addresses, records of another type, clients whose connection is lost, EKS, and what is measured."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.steps import one_file

from lab.installation.installation import NAMESPACE, Installation, install
from lab.installation.parts import PARTS
from lab.kots.model import Item
from lab.kots.world import KotsWorld
from lab.kubernetes.__main__ import kubeconfig, written
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.names.resolver import Resolver
from lab.nomad.clock import RealClock
from lab.site.names import Names
from lab.site.site import Site

OLD, PUBLIC, TOKEN = "127.0.0.4", ("circleci-server-traefik", "nomad-server"), "token-7d3"
PATIENCE = 60.0


# -- settings that hold addresses ----------------------------------------------------------------------------------


class Place:
    """An installation that came back behind other balancers; its setting for the Nomad server holds the old address."""

    def __init__(self, folder: Path, held: str) -> None:
        self.state = State(clock=RealClock(4.0))
        self.state.users[TOKEN] = ADMIN
        self.made: Installation = install(self.state, parts=[part for part in PARTS if part.name in PUBLIC])
        secret = self.state.objects["secrets", NAMESPACE, "kotsadm-authstring"]["data"]["kotsadm-authstring"]
        self.console = KotsWorld(self.state, authstring=base64.b64decode(secret).decode()).start()
        self.app = self.console.add_app(labels=("3.4.0",), items=(Item("domain"), Item("nomad_host")), nomad_host=held)
        self.server, self.resolver = Server(self.state), Resolver()
        written(folder / "kubeconfig", yaml.safe_dump(kubeconfig(self.server.url, TOKEN)))
        self.given = {"kubernetes_kubeconfig": str(folder / "kubeconfig"), "resolver": self.resolver.address, "config_keys": {"nomad_server": "nomad_host"}}
        self.given |= {"probe": [], "ahead": False, "poll": 1, "patience": 0, "enough": True, "fence_port": 9}

    def settle(self) -> Place:
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends and not (self.address() and not self.made.problems()):
            time.sleep(0.1)
        assert not self.made.problems()
        return self

    def address(self) -> str:
        found = (self.state.get("services", NAMESPACE, "nomad-server-external") or {}).get("status") or {}
        rows = (found.get("loadBalancer") or {}).get("ingress") or [{}]
        return str(rows[0].get("ip") or "")

    def held(self) -> str:
        return self.app.versions[self.app.current].values["nomad_host"]

    def stop(self) -> None:
        self.resolver.stop()
        self.server.stop()
        self.console.stop()


SERVER = "points at {{ kots_disaster_recovery_server }}."


@pytest.mark.parametrize("held", [OLD, f"http://{OLD}:4647/"])
def test_clients_are_pointed_at_the_address_that_the_setting_has_got(held: str, tmp_path: Path) -> None:
    place = Place(tmp_path, held)
    try:
        address = place.settle().address()
        steps = ["addresses.yml", "settings.yml", "names.yml"]
        played = one_file(steps, tmp_path, place.given, "--check", tell=SERVER)
        assert played.code == 0 and f"points at {address}:4647." in played.output and place.held() == held, played.output
        played = one_file(steps, tmp_path, place.given, tell=SERVER)
        assert played.code == 0 and f"points at {address}:4647." in played.output, played.output
        assert place.held() == held.replace(OLD, address)
    finally:
        place.stop()


# -- records of another type ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def zone() -> Iterator[tuple[Names, dict[str, Any]]]:
    site = Site(installed=False)
    names = Names("example.com", site.store.url)
    aws = {"endpoint_url": site.store.url, "access_key": "lab", "secret_key": "lab"}
    try:
        yield names, {"restore_aws": aws, "dns": "route53", "dns_zone": "example.com", "ahead": False}
    finally:
        names.stop()
        site.stop()


def wanted(name: str, *rows: tuple[str, str]) -> dict[str, Any]:
    return {"records": [{"service": "frontend", "name": name, "type": kind, "value": value, "now": []} for kind, value in rows]}


def kinds(names: Names, name: str) -> list[str]:
    sets = names.zone._client().list_resource_record_sets(HostedZoneId=names.zone.id)["ResourceRecordSets"]
    return sorted(one["Type"] for one in sets if one["Name"].rstrip(".") == name)


def test_a_record_of_another_type_makes_room(zone: tuple[Names, dict[str, Any]], tmp_path: Path) -> None:
    names, given = zone
    names.change("ci.example.com", "A", "192.0.2.1")
    names.change("ci.example.com", "AAAA", "2001:db8::1")
    names.change("ci.example.com", "TXT", '"kept"')
    asked = {**given, **wanted("ci.example.com", ("CNAME", "lb-1.elb.amazonaws.com"))}
    before = kinds(names, "ci.example.com")
    played = one_file("dns_records.yml", tmp_path, asked, "--check")
    assert played.code == 0 and kinds(names, "ci.example.com") == before, played.output
    played = one_file("dns_records.yml", tmp_path, asked)
    assert played.code == 0 and kinds(names, "ci.example.com") == ["CNAME", "TXT"], played.output
    played = one_file("dns_records.yml", tmp_path, {**given, **wanted("ci.example.com", ("A", "192.0.2.2"), ("A", "192.0.2.3"))})
    assert played.code == 0 and kinds(names, "ci.example.com") == ["A", "TXT"], played.output
    assert sorted(names.resolve("ci.example.com")) == ["192.0.2.2", "192.0.2.3"]


def test_an_alias_makes_room_too(zone: tuple[Names, dict[str, Any]], tmp_path: Path) -> None:
    names, given = zone
    target = {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": "old.elb.amazonaws.com.", "EvaluateTargetHealth": True}
    change = {"Action": "UPSERT", "ResourceRecordSet": {"Name": "alias.example.com", "Type": "A", "AliasTarget": target}}
    names.zone._client().change_resource_record_sets(HostedZoneId=names.zone.id, ChangeBatch={"Changes": [change]})
    played = one_file("dns_records.yml", tmp_path, {**given, **wanted("alias.example.com", ("CNAME", "lb-1.elb.amazonaws.com"))})
    assert played.code == 0 and kinds(names, "alias.example.com") == ["CNAME"], played.output


def test_a_cname_at_the_top_of_the_zone_is_refused_before_any_record_is_touched(zone: tuple[Names, dict[str, Any]], tmp_path: Path) -> None:
    names, given = zone
    names.change("example.com", "A", "192.0.2.1")
    played = one_file("dns_records.yml", tmp_path, {**given, **wanted("example.com", ("CNAME", "lb-1.elb.amazonaws.com"))})
    said = " ".join(played.output.split())
    assert played.code == 2 and "example.com is the top of the zone, where no CNAME can be" in said and "A" in kinds(names, "example.com"), played.output


# -- clients whose connection is lost ------------------------------------------------------------------------------

# In the place of ssh: the command is run here, unless the connection is to be lost, as often as the file says, or at what the file names.
SSH = """#!/bin/sh
for last; do :; done
case "$last" in ControlPersist) exit 0 ;; esac
for one in "{folder}"/lost/*; do
  [ -e "$one" ] || continue
  case "$last" in *"$(cat "$one")"*) rm "$one"; echo "ssh: connect to host c1 port 22: Connection timed out" >&2; exit 255 ;; esac
done
eval "$last"
"""


@pytest.fixture
def client(tmp_path: Path) -> dict[str, Any]:
    """What a client's steps need to know. A file in `lost` is a connection that is lost when the command has its text in it."""
    program = tmp_path / "ssh"
    program.write_text(SSH.format(folder=tmp_path))
    program.chmod(0o755)
    (tmp_path / "lost").mkdir()
    (tmp_path / "builds").write_text("")
    (tmp_path / "config.hcl").write_text('client {\n  server_join {\n    retry_join = ["old:4647"]\n  }\n}\n')
    (tmp_path / "state").mkdir()
    host = {"ansible_connection": "ssh", "ansible_ssh_executable": str(program), "ansible_ssh_transfer_method": "piped", "ansible_host": "c1.invalid"}
    host |= {"nomad_client_config": str(tmp_path / "config.hcl"), "nomad_client_state": str(tmp_path / "state")}
    host |= {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": {"c1": host}}}))
    command = ["cat", str(tmp_path / "builds")]
    given = {"client": "c1", "client_become": False, "client_builds_command": command, "client_idle_timeout": 30, "poll": 1}
    return {**given, "server": "new:4647", "mark": "20261129T070000Z", "is_known": False, "is_right": False, "is_closed": False, "moved": []}


def lost(folder: Path, *commands: str) -> None:
    for number, text in enumerate(commands):
        (folder / "lost" / str(number)).write_text(text)


def test_a_client_is_asked_again_when_the_connection_is_lost_while_it_is_waited_for(client: dict[str, Any], tmp_path: Path) -> None:
    lost(tmp_path, "AnsiballZ_command", "AnsiballZ_command", "AnsiballZ_ping")
    played = one_file("client_idle.yml", tmp_path, client, "-i", str(tmp_path / "inventory.json"), tell="idle")
    assert played.code == 0 and not list((tmp_path / "lost").iterdir()), played.output


def test_a_client_that_stays_away_is_left_as_it_is_and_that_is_a_failure_like_any_other(client: dict[str, Any], tmp_path: Path) -> None:
    lost(tmp_path, *[""] * 200)
    played = one_file("client_idle.yml", tmp_path, {**client, "client_idle_timeout": 3}, "-i", str(tmp_path / "inventory.json"))
    said = " ".join(played.output.split())
    assert played.code == 2 and "c1 does not say whether it runs builds" in said and "it was left as it is" in said, played.output


def test_a_connection_that_is_lost_on_the_way_is_told_and_nothing_follows_on_the_client(client: dict[str, Any], tmp_path: Path) -> None:
    lost(tmp_path, "AnsiballZ_systemd")
    played = one_file(["client_files.yml", "client_back.yml"], tmp_path, client, "-i", str(tmp_path / "inventory.json"))
    said = " ".join(played.output.split())
    assert played.code == 2 and "the connection to c1 was lost while it was pointed at new:4647" in said and "Run this again" in said, played.output
    assert "old:4647" in (tmp_path / "config.hcl").read_text() and (tmp_path / "state").exists()


# -- EKS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare() -> Iterator[Site]:
    """A cluster with Velero, whose console is gone."""
    made = Site(speed=10.0)
    try:
        made.settle()
        made.destroy(velero=False)
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("begun", [True, False])
def test_on_eks_no_app_is_installed_into_a_restore_that_is_under_way(bare: Site, tmp_path: Path, begun: bool) -> None:
    data = {"intent": "restore", "backup": "instance-a", "owner": "serverops.circleci", "run": "run-1", "place": "elsewhere/boot", "folder": "/nowhere"}
    with bare.state.news:
        if begun:
            bare.state.put("configmaps", "velero", "serverops-kots-restore-circleci-server", {"metadata": {}, "data": data})
    written(tmp_path / "kubeconfig", yaml.safe_dump(kubeconfig(bare.server.url, bare.token)))
    given = {"kubernetes_kubeconfig": str(tmp_path / "kubeconfig"), "backup": "instance-a", "confirm": "instance-a", "platform": "eks", "ahead": False}
    given |= {"sync_timeout": 2, "pods_timeout": 1, "poll": 1}
    try:
        for command in ([], ["touch", str(tmp_path / "installed")]):
            played = one_file("app_first.yml", tmp_path, {**given, "install_command": command}, tell="looked")
            said = " ".join(played.output.split())
            words = "" if begun else "kots_disaster_recovery_install_command has run" if command else "on EKS the app is installed before the restore"
            assert played.code == (0 if begun else 2) and words in said, played.output
        assert (tmp_path / "installed").exists() is not begun
    finally:
        with bare.state.news:
            bare.state.remove("configmaps", "velero", "serverops-kots-restore-circleci-server")


# -- what is measured --------------------------------------------------------------------------------------------------


def stamp(ago: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("states", "since"), [(["there", "there"], None), (["there", "done"], 600), (["done", "done"], 600)])
def test_the_time_of_a_recovery_counts_from_its_first_begin(states: list[str], since: float | None, tmp_path: Path) -> None:
    """It was begun ten minutes ago, by a run that was killed, and this run began a minute ago."""
    steps = [{"step": f"step-{number}", "state": state, "words": "", "seconds": 1.0} for number, state in enumerate(states)]
    restored = {"backup": {"name": "instance-a", "started": stamp(4200)}, "parts": [{"started": stamp(600), "completed": stamp(300)}]}
    file = tmp_path / "journal.json"
    given: dict[str, Any] = {"phase": "ended", "steps": steps, "message": "", "restored": restored, "began": time.time() - 60, "report": ""}
    given |= {"journal_known": {"restore": {"began": stamp(60), "file": str(file)}}, "journal_dir": str(tmp_path), "backup": "instance-a"}
    given["usual"] = {f"kots_disaster_recovery_{name}": usual for name, usual in (("namespace", "circleci-server"), ("velero_namespace", "velero"))}
    played = one_file("journal.yml", tmp_path, given, tell="kept")
    assert played.code == 0, played.output
    measured = json.loads(file.read_text())["measured"]
    assert measured["recovery_point"] == 3600 and measured["restore_time"] == 300
    assert ("recovery_time" in measured) is (since is not None) and (since is None or since <= measured["recovery_time"] < since + 60)
