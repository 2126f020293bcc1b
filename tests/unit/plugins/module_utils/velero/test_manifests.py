# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that we build are those of the guide's command line, as two versions of it printed them, and what we add is named."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.velero.compare import content, differences
from ansible_collections.serverops.circleci.plugins.module_utils.velero.manifests import DIGEST, PRIVILEGED, Wanted, wanted_objects
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import InstallSpec
from unit.plugins.module_utils.velero.recorded import VERSIONS, dry_run
from unit.plugins.module_utils.velero.wishes import AWS, NEWER, ROLE, SECRET_KEY, of_version, wish

KEY = Secret("0" * 32)
ALLOWED = ("metadata.labels.pod-security", f"spec.template.metadata.annotations.{DIGEST}", "spec.replicas", "spec.accessMode", "spec.template.spec.containers")


def built(spec: InstallSpec, password: Secret | None = None, key: Secret = KEY) -> dict[str, Wanted]:
    return {one.item: one for one in wanted_objects(spec, (), key, password)}


def defaulted(raw: Any) -> Any:
    """What the API fills in of what the program leaves out."""
    made = copy.deepcopy(raw)
    if made["kind"] in ("Deployment", "DaemonSet"):
        for container in made["spec"]["template"]["spec"]["containers"]:
            for port in container.get("ports", ()):
                port["protocol"] = "TCP"
            for variable in container["env"]:
                if "valueFrom" in variable:
                    variable["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    return made


@pytest.mark.parametrize("version", VERSIONS)
def test_the_guides_line_and_we_build_the_same_objects(version: str) -> None:
    ours = built(of_version(version))
    theirs = {f"{one['kind']} {one['metadata']['name']}": one for one in dry_run(version, True) if one["kind"] != "CustomResourceDefinition"}
    assert set(ours) - set(theirs) == {"Secret velero-config-digest"}
    assert set(theirs) <= set(ours)
    for item, raw in theirs.items():
        if item == "Secret cloud-credentials":
            assert set(raw["data"]) == set(ours[item].body["data"])
            continue
        found = differences(defaulted(raw), ours[item].body, False)
        more = [line for line in found if not line.startswith(ALLOWED) and "nothing" not in line.partition(" -> ")[0] and "{}" not in line]
        assert more == [], item


@pytest.mark.parametrize("version", VERSIONS)
def test_containers_are_theirs_to_the_last_argument(version: str) -> None:
    ours = built(of_version(version))
    for raw in dry_run(version, True):
        item = f"{raw['kind']} {raw['metadata']['name']}"
        if raw["kind"] in ("Deployment", "DaemonSet"):
            theirs, mine = defaulted(raw)["spec"]["template"]["spec"], ours[item].body["spec"]["template"]["spec"]
            for one, other in zip(theirs["containers"], mine["containers"]):
                assert (one["name"], one["command"], one["args"], one["image"]) == (other["name"], other["command"], other["args"], other["image"])
                assert sorted(json.dumps(v, sort_keys=True) for v in one["env"]) == sorted(json.dumps(v, sort_keys=True) for v in other["env"])
                assert sorted(m["mountPath"] for m in one["volumeMounts"]) == sorted(m["mountPath"] for m in other["volumeMounts"])
                assert one["resources"] == other.get("resources", {})
            assert [p["name"] for p in theirs.get("initContainers", ())] == [p["name"] for p in mine.get("initContainers", ())]
            assert {v["name"] for v in theirs["volumes"]} == {v["name"] for v in mine["volumes"]}


@pytest.mark.parametrize(
    ("minor", "version", "plugin", "agents", "args"),
    [
        (5, "1.5.4", "v1.1.0", "restic", ["server", "--features="]),
        (9, "1.9.7", "v1.5.0", "restic", ["server", "--features="]),
        (10, "1.10.3", "v1.6.0", "node-agent", ["server", "--features=", "--uploader-type=restic"]),
        (16, "1.16.2", "v1.12.0", "node-agent", ["server", "--features=", "--uploader-type=restic"]),
        (17, "1.17.0", "v1.13.0", "node-agent", ["server", "--features=", "--uploader-type=kopia"]),
        (18, "1.18.3", "v1.14.0", "node-agent", ["server", "--features=", "--uploader-type=kopia"]),
    ],
)
def test_each_version_has_its_agents_plugin_and_arguments(minor: int, version: str, plugin: str, agents: str, args: list[str]) -> None:
    spec = wish(version=version, plugins=None)
    ours = built(spec)
    assert spec.minor == minor and f"DaemonSet {agents}" in ours
    pod = ours["Deployment velero"].body["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["image"] == f"velero/velero-plugin-for-aws:{plugin}"
    assert pod["containers"][0]["args"] == args and pod["containers"][0]["image"] == f"velero/velero:v{version}"


def digest(spec: InstallSpec, key: Secret = KEY) -> str:
    return str(built(spec, key=key)["Deployment velero"].body["spec"]["template"]["metadata"]["annotations"][DIGEST])


def test_the_digest_changes_with_key_bucket_and_credentials_and_shows_none() -> None:
    other = AWS.replace(SECRET_KEY, "another")
    all_of_them = [digest(wish()), digest(wish(bucket="other")), digest(wish(credentials=other)), digest(wish(), Secret("1" * 32)), digest(wish(prefix="p"))]
    assert len(set(all_of_them)) == len(all_of_them)
    assert digest(wish()) == digest(wish())


def test_with_an_identity_no_secret_is_mounted_or_made() -> None:
    ours = built(wish(credentials=None, service_account_annotations=ROLE))
    assert "Secret cloud-credentials" not in ours
    assert ours["ServiceAccount velero"].body["metadata"]["annotations"] == ROLE
    text = json.dumps([one.body for one in ours.values()])
    assert "cloud-credentials" not in text and "GOOGLE_APPLICATION_CREDENTIALS" not in text


def test_what_is_wished_is_there() -> None:
    spec = wish(uploader="none", features=["EnableCSI"], prefix="ci", access_mode="ReadOnly", namespace="backup", flags={"default-backup-ttl": "48h"}, **{})
    ours = built(spec, Secret("a long password"))
    assert not any(item.startswith("DaemonSet") for item in ours)
    assert ours["BackupStorageLocation default"].body["spec"]["objectStorage"] == {"bucket": "lab-bucket", "prefix": "ci"}
    assert ours["BackupStorageLocation default"].body["spec"]["accessMode"] == "ReadOnly"
    assert ours["Deployment velero"].body["spec"]["template"]["spec"]["containers"][0]["args"] == ["server", "--features=EnableCSI", "--default-backup-ttl=48h"]
    assert "ClusterRoleBinding velero-backup" in ours and ours["Namespace backup"].body["metadata"]["labels"].items() >= PRIVILEGED.items()
    assert base64.b64decode(ours["Secret velero-repo-credentials"].body["data"]["repository-password"]) == b"a long password"
    assert "VolumeSnapshotLocation default" not in built(wish(snapshot_location_config=None))


def test_content_leaves_out_what_the_api_writes() -> None:
    raw = {"kind": "X", "metadata": {"name": "x", "uid": "1", "resourceVersion": "5", "labels": {"a": "b"}}, "status": {"a": 1}, "spec": {"c": 1}}
    assert content(raw) == {"metadata": {"labels": {"a": "b"}}, "spec": {"c": 1}}
    assert NEWER["version"] == "1.14.0"
