# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook restore as an operator starts it: a lost installation comes back, also when the run is killed; and is never called back when it is not."""

from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.disaster import DOMAIN, OLD, STEPS, TOKEN, Disaster
from integration.playing import Played, play

from lab.google.google import Google
from lab.site.names import GoogleZone


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disaster]:
    """Backed up, and lost while c2 runs a build. The tests below bring it back, one after the other."""
    made = Disaster(tmp_path_factory.mktemp("site"))
    try:
        made.backed_up()
        made.fleet.machines["c2"].busy.append("0fd1e2c3b4a5")
        made.destroyed()
        yield made
    finally:
        made.stop()


@pytest.fixture
def recovered(world: Disaster) -> Disaster:
    """Brought back by the tests before, or here, where they did not run."""
    if world.came_back():
        world.fleet.machines["c2"].busy.clear()
        world.restored()
    assert world.came_back() == []
    return world


def states(journal: dict[str, Any]) -> dict[str, str]:
    return {step["step"]: step["state"] for step in journal["steps"]}


def seen(world: Disaster) -> dict[str, Any]:
    """All that a restore changes, and Velero alone does not."""
    machines = {name: (one.config.read_text(), one.mark.read_text(), list(one.done)) for name, one in world.fleet.machines.items()}
    with world.site.state.news:
        ours = [key for key in world.site.state.objects if key[1] == "circleci-server" or key[2].startswith("serverops")]
        objects = {key: world.site.state.objects[key]["metadata"]["uid"] for key in ours}
    kept = {plural: world.kept(plural) for plural in ("restores", "podvolumerestores")}
    return {"machines": machines, "objects": objects, "records": world.names.resolve(DOMAIN), "pipelines": list(world.front.pipelines), **kept}


def test_check_mode_lists_each_step_in_order_and_writes_nothing(world: Disaster) -> None:
    before = seen(world)
    journal, played = world.restored("--check")
    assert [step["step"] for step in journal["steps"]] == list(STEPS) and journal["check_mode"] and journal["phase"] == "ended"
    assert set(states(journal).values()) == {"there", "foretold"} and states(journal)["restore"] == "foretold"
    assert seen(world) == before


def test_killed_after_the_restore_it_goes_on_and_says_that_its_names_lead_elsewhere(world: Disaster) -> None:
    world.restored(kill_after="restore")
    assert world.site.installation.differences(world.before) == [] and world.fleet.ready() == []
    restores = world.kept("restores")
    journal, played = world.restored(code=2, dns="list")
    balancer = next(one["value"] for one in journal["records"] if one["name"] == f"nomad.{DOMAIN}")
    assert journal["message"] == f"restored, but not reachable at nomad.{DOMAIN}: it resolves to {OLD[1]}, the balancer is {balancer}"
    assert states(journal)["restore"] == "there" and states(journal)["dns"] == "by_hand" and states(journal)["clients"] == "failed"
    assert {one["name"] for one in journal["records"]} == {DOMAIN, f"nomad.{DOMAIN}"}
    assert journal["phase"] == "failed" and world.kept("restores") == restores and not world.front.pipelines
    assert f"-i {world.inventory} " in journal["go_on"] and set(journal["besides"]) == {"kots_disaster_recovery_canary", "restore_aws"}
    assert all(one.done == ["start"] for one in world.fleet.machines.values()), "no client was touched"


def test_a_busy_client_is_left_alone_and_the_other_one_is_back(world: Disaster) -> None:
    journal, played = world.restored(code=2, client_idle_timeout=2)
    assert states(journal)["dns"] == "done" and states(journal)["clients"] == "failed" and "c2 still runs 1 builds" in journal["message"]
    assert world.fleet.ready() == ["c1"] and world.fleet.machines["c2"].done == ["start"]
    aside = [path for path in world.fleet.machines["c1"].data.parent.iterdir() if path.name.startswith("nomad.before-")]
    assert len(aside) == 1 and (aside[0] / "client" / "server-id").exists(), "the old state is kept"


def test_killed_after_the_clients_it_ends_with_a_build_and_all_that_was_there(world: Disaster) -> None:
    world.fleet.machines["c2"].busy.clear()
    world.restored(kill_after="clients")
    journal, played = world.restored()
    assert world.came_back() == [] and journal["phase"] == "ended" and list(states(journal)) == list(STEPS)
    assert states(journal)["clients"] == "there" and states(journal)["canary"] == "done"
    assert len(world.kept("restores")) == 2 and world.kept("backups") == [world.backup] and len(world.front.pipelines) == 1
    assert world.fleet.machines["c1"].done.count("stop") == 1, "what was done was not done again"
    page = max((world.home / "serverops-journal").glob("*-restore.html")).read_text()
    assert "Back" in page and world.backup in page and f"report: {world.home}" in played.output
    written = "".join(path.read_text() for path in (world.home / "serverops-journal").iterdir())
    assert TOKEN not in played.output + written


def test_once_more_nothing_is_left_to_do(recovered: Disaster) -> None:
    before = seen(recovered)
    journal, played = recovered.restored()
    assert set(states(journal).values()) == {"there"} and "changed=0" in played.output and seen(recovered) == before


@pytest.mark.soak
def test_builds_that_are_lost_are_listed_and_a_person_is_wanted(recovered: Disaster) -> None:
    """One began before the restore, another after it: that one lives. How they are ended on request: test_lost_builds."""
    recovered.front.believed(7, "2026-01-01T10:00:00.000Z")
    recovered.front.believed(9, "2099-01-01T10:00:00.000Z")
    journal, played = recovered.restored()
    assert states(journal)["lost_builds"] == "by_hand" and [one["number"] for one in journal["lost_builds"]] == [7] and journal["phase"] == "ended"
    assert [one["lifecycle"] for one in recovered.front.recorded] == ["running", "running"]
    assert "build lost: " in played.output and "/gh/example/app/9" not in played.output
    page = max((recovered.home / "serverops-journal").glob("*-restore.html")).read_text()
    assert "A person is wanted" in page and "github/example/app 7" in page
    recovered.front.recorded.clear()


@pytest.mark.soak
def test_names_in_a_zone_of_google_are_moved_there(recovered: Disaster) -> None:
    amazon = recovered.names.resolver.names
    with Google.start() as google:
        google.ask(
            "zone", name="ci-zone", dns_name=f"{DOMAIN}.", records=[[f"{DOMAIN}.", "A", 300, OLD[0]], [f"nomad.{DOMAIN}.", "CNAME", 300, "gone.example.net."]]
        )
        recovered.names.resolver.names = GoogleZone(google, "ci-zone")
        try:
            gcp = {"project": "lab-project", "endpoint_url": google.url, "service_account_contents": google.contents}
            journal, played = recovered.restored(dns="cloud_dns", restore_gcp=gcp)
        finally:
            recovered.names.resolver.names = amazon
        assert states(journal)["dns"] == "done" and states(journal)["reachable"] == "there"
        wanted = {one["name"]: one["value"] for one in journal["records"]}
        assert sorted(google.ask("records", zone="ci-zone")) == [[f"{name}.", "A", 60, wanted[name]] for name in sorted(wanted)] and len(wanted) == 2
        assert "PRIVATE KEY" not in played.output


def test_names_are_not_moved_away_from_an_installation_that_answers(recovered: Disaster) -> None:
    recovered.names.change(DOMAIN, "A", OLD[0])
    with socket.create_server((OLD[0], 0)) as rival:
        port = rival.getsockname()[1]
        journal, played = recovered.restored(code=2, fence_port=port)
        assert f"nothing was restored: something still answers at {OLD[0]} port {port}" in journal["message"], "a new cluster: it is seen before the restore"
        journal, played = recovered.restored(code=2, fence_port=port, new_cluster=False)
        assert f"restored, but something still answers at {OLD[0]} port {port}" in journal["message"] and recovered.names.resolve(DOMAIN) == [OLD[0]]


@pytest.mark.soak
def test_names_are_moved_once_nobody_answers_there(recovered: Disaster) -> None:
    recovered.names.change(DOMAIN, "A", OLD[0])
    journal, played = recovered.restored()
    assert states(journal)["dns"] == "done" and recovered.names.resolve(DOMAIN) != [OLD[0]]


WRONG = [
    ({}, "give kots_disaster_recovery_backup"),
    ({"backup": "one", "confirm": "two"}, "kots_disaster_recovery_confirm must be one"),
    ({"backup": "one", "confirm": "one"}, "give kots_disaster_recovery_names"),
    ({"backup": "one", "confirm": "one", "names": {"frontend": "ci"}, "dns": "route53"}, "dns is route53, so give kots_disaster_recovery_dns_zone"),
    (
        {"backup": "one", "confirm": "one", "names": {"frontend": "CI.example.com."}, "dns": "route53", "dns_zone": "ci.example.com", "platform": "eks"},
        "ci.example.com is the top of its zone, where Route 53 holds no CNAME",
    ),
    ({"backup": "one", "confirm": "one", "names": {"frontend": "ci"}, "dns": "cloud_dns"}, "dns is cloud_dns, so give kots_disaster_recovery_dns_zone"),
]


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_what_does_not_go_together_is_told_before_anything(given: dict[str, Any], words: str, tmp_path: Path) -> None:
    named = {f"kots_disaster_recovery_{key}": value for key, value in given.items()}
    refused(play("serverops.circleci.restore", {"kubernetes_kubeconfig": "/nowhere", **named}, tmp_path), words, tmp_path)


def refused(played: Played, words: str, home: Path) -> None:
    assert played.code == 2 and words in " ".join(played.output.split()), played.output
    assert not (home / "serverops-journal").exists()


def test_the_command_that_goes_on_carries_all_that_was_asked_but_what_may_be_secret(tmp_path: Path) -> None:
    """It is stopped at its first step. Whoever pastes the command has the same run again, and not one that passes steps over."""
    secret: dict[str, Any] = {
        "kots_disaster_recovery_canary": {"url": "https://ci.example.com", "project": "gh/example/canary", "token": TOKEN},
        "kots_disaster_recovery_settings": {"database_password": TOKEN},
        "kots_disaster_recovery_install_command": ["install", TOKEN],
        "restore_aws": {"secret_key": TOKEN},
        "nomad_token": TOKEN,
        "kubernetes_api_key": TOKEN,
    }
    plain: dict[str, Any] = {
        "kubernetes_host": "http://127.0.0.1:9",
        "kubernetes_validate_certs": False,
        "kots_namespace": "ci",
        "ssh_forward": {"host": "bastion"},
        "kots_disaster_recovery_backup": "one",
        "kots_disaster_recovery_confirm": "one",
        "kots_disaster_recovery_names": {"frontend": DOMAIN},
        "kots_disaster_recovery_services": {"frontend": "front"},
        "kots_disaster_recovery_resolver": "127.0.0.1",
        "kots_disaster_recovery_probe": [],
        "kots_disaster_recovery_client_become": False,
        "kots_disaster_recovery_old_is_fenced": True,
        "kots_disaster_recovery_poll": 1,
        "kots_disaster_recovery_sync_timeout": 1,
        "kots_disaster_recovery_terms": {"allow_empty": ["postgresql"]},
    }
    inventory = tmp_path / "it's mine.json"
    inventory.write_text(json.dumps({"nomad_clients": {"hosts": {"c1": {}}}}))
    terms = {"kots_disaster_recovery_terms": {**plain["kots_disaster_recovery_terms"], "cloud": {"secret_key": TOKEN}}}
    played = play("serverops.circleci.restore", {**plain, **secret, **terms, "kots_disaster_recovery_dns": "list"}, tmp_path, "-i", str(inventory))
    text = next((tmp_path / "serverops-journal").glob("*-restore.json")).read_text()
    journal, page = json.loads(text), next((tmp_path / "serverops-journal").glob("*-restore.html")).read_text()
    assert played.code == 2 and states(journal) == {"look": "failed"}, played.output
    argv = shlex.split(journal["go_on"])
    assert argv[:5] == ["ansible-playbook", "serverops.circleci.restore", "-i", str(inventory), "-e"] and json.loads(argv[5]) == plain
    assert set(journal["besides"]) == {*secret, *terms} and all(name in page for name in journal["besides"])
    assert TOKEN not in text + page


@pytest.mark.parametrize("playbook", ["restore", "recovery_drill"])
def test_the_other_line_is_refused_before_anything(playbook: str, tmp_path: Path) -> None:
    refused(play(f"serverops.circleci.{playbook}", {"circleci_line": "native"}, tmp_path), "by hand", tmp_path)


@pytest.mark.soak
def test_killed_after_each_of_its_steps_it_still_comes_back(tmp_path: Path) -> None:
    made = Disaster(tmp_path / "site")
    try:
        made.backed_up()
        made.destroyed()
        for step in STEPS:
            made.restored(kill_after=step)
        made.restored()
        assert made.came_back() == [] and len(made.kept("restores")) == 2 and made.kept("backups") == [made.backup] and len(made.front.pipelines) == 1
    finally:
        made.stop()
