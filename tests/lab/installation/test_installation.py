"""The 3.x installation of the lab: complete, ready, and a workload that notices what is done to its data."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest

from lab.installation.installation import NAMESPACE, install, settle
from lab.installation.parts import RECORDS
from lab.installation.volumes import Volume, volumes_of
from lab.kubernetes.state import State


def test_it_becomes_ready_with_its_pods_volumes_services_and_secrets() -> None:
    made = settle(install(State()))
    assert len(made.pods()) == 21 and made.problems() == []
    assert {name for _namespace, name in made.volumes} == set(RECORDS) and all(volume.size > 1000 for volume in made.volumes.values())
    labels = [pod["metadata"]["labels"] for pod in made.pods()]
    assert all(one["kots.io/backup"] == "velero" for one in labels)
    assert sum(one.get("kots.io/app-slug") == "circleci-server" for one in labels) == 20 and sum("kots.io/kotsadm" in one for one in labels) == 1
    made.state.clock.sleep(5)
    public = [one for one in made.control.world.of("services", NAMESPACE) if one["spec"]["type"] == "LoadBalancer"]
    assert sorted(one["metadata"]["name"] for one in public) == ["circleci-server-traefik", "nomad-server-external", "output-processor", "vm-service"]
    assert all(one["status"]["loadBalancer"]["ingress"] for one in public)
    assert made.state.get("secrets", NAMESPACE, "kotsadm-authstring") and made.state.get("statefulsets.apps", NAMESPACE, "kotsadm")
    claims = made.control.world.of("persistentvolumeclaims", NAMESPACE)
    assert {one["metadata"]["name"]: one["status"]["phase"] for one in claims} == dict.fromkeys(RECORDS, "Bound")


def test_damage_emptiness_and_a_lost_record_are_noticed_and_a_copy_brings_them_back() -> None:
    made = settle(install(State()))
    before = made.remember()
    path = made.volume("data-vault-0").damage()
    made.volume("data-postgresql-0").empty()
    del made.volume("datadir-mongodb-0").records["db/users"]
    assert f"data-vault-0: {path} is damaged" in made.problems() and "datadir-mongodb-0: db/users is missing" in made.problems()
    assert len([text for text in made.problems() if text.startswith("data-postgresql-0:")]) == len(RECORDS["data-postgresql-0"])
    assert f"circleci-server/data-vault-0: {path} differs" in made.differences(before)
    for claim, volume in before.items():
        volumes_of(made.state)[claim] = volume.copy()
    assert made.problems() == [] and made.differences(before) == []


def test_what_nobody_wrote_or_nobody_restored_is_told() -> None:
    made = settle(install(State()))
    before = made.remember()
    made.volume("data-vault-0").records["stray"] = b"x"
    assert made.problems() == ["data-vault-0: stray has no checksum"] and made.differences(before) == [
        "circleci-server/data-vault-0: stray was not there before"
    ]
    volumes_of(made.state).pop((NAMESPACE, "data-vault-0"))
    assert made.problems() == ["claim data-vault-0 has no volume"] and made.differences(before) == ["circleci-server/data-vault-0 is gone"]


def test_a_volume_goes_with_its_claim_and_a_new_claim_has_an_empty_one() -> None:
    made = settle(install(State()))
    claim = made.state.get("persistentvolumeclaims", NAMESPACE, "data-vault-0")
    made.state.remove("persistentvolumeclaims", NAMESPACE, "data-vault-0")
    assert (NAMESPACE, "data-vault-0") not in made.volumes
    made.state.put("persistentvolumeclaims", NAMESPACE, "data-vault-0", {"metadata": {}, "spec": {**(claim or {})["spec"], "volumeName": None}})
    made.state.clock.sleep(2)
    assert made.volume("data-vault-0") == Volume() and "data-vault-0 is empty" in made.problems()


def test_the_same_every_time() -> None:
    assert settle(install(State())).volumes == settle(install(State())).volumes


def test_an_installation_without_room_does_not_settle() -> None:
    with pytest.raises(AssertionError, match="is not ready"):
        settle(install(State(), nodes=0), seconds=5)
