# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of versions: every minor has a row, and what does not fit is called by what would."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.velero import versions
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import plugin_name
from unit.plugins.module_utils.velero.recorded import VERSIONS, crds

MINORS = range(versions.OLDEST, versions.NEWEST + 1)


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("provider", ["aws", "gcp"])
def test_the_plugin_of_a_version_fits_it_and_no_other(minor: int, provider: str) -> None:
    image = versions.default_plugin(provider, minor)
    assert versions.plugin_fault(image, minor) == ""
    others = [other for other in MINORS if other != minor and versions.plugin_fault(image, other) == ""]
    assert others == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_kinds_are_those_that_the_program_prints(version: str) -> None:
    minor = int(version.split(".")[1])
    assert versions.crd_names(minor) == {one["metadata"]["name"] for one in crds(version)}
    for one in crds(version):
        assert [entry["name"] for entry in one["spec"]["versions"]] == [versions.served_version(one["metadata"]["name"])]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("velero/velero:v1.6.3", (1, 6, 3)),
        ("registry:5000/velero/velero:v1.18.3@sha256:" + "a" * 64, (1, 18, 3)),
        ("velero/velero:v1.9.0-rc.1", (1, 9, 0)),
        ("velero/velero:latest", None),
        ("registry:5000/velero/velero", None),
        ("velero/velero@sha256:" + "a" * 64, None),
    ],
)
def test_the_version_of_an_image(image: str, version: Any) -> None:
    assert versions.image_version(image) == version


@pytest.mark.parametrize(
    ("image", "minor", "words"),
    [
        ("velero/velero-plugin-for-csi:v0.7.0", 14, "part of Velero itself"),
        ("velero/velero-plugin-for-csi:v0.7.0", 13, "in no table"),
        ("velero/velero-plugin-for-aws:latest", 6, "names no version"),
        ("mirror.example/velero-plugin-for-gcp:v1.2.9", 6, ""),
    ],
)
def test_other_plugins(image: str, minor: int, words: str) -> None:
    fault = versions.plugin_fault(image, minor)
    assert words in fault and bool(words) == bool(fault)


@pytest.mark.parametrize(
    ("name", "minor", "words"),
    [
        ("default-volumes-to-restic", 9, ""),
        ("default-volumes-to-restic", 10, "calls it default-volumes-to-fs-backup"),
        ("fs-backup-timeout", 9, "calls it restic-timeout"),
        ("concurrent-backups", 17, "from 1.18 on"),
        ("default-backup-ttl", 5, ""),
        ("features", 6, "option of its own"),
        ("--log-level", 6, "without dashes"),
        ("ttl", 6, "no server flag known"),
    ],
)
def test_flags(name: str, minor: int, words: str) -> None:
    fault = versions.flag_fault(name, "1", minor)
    assert words in fault and bool(words) == bool(fault)


@pytest.mark.parametrize(
    ("kots", "minor", "fits"),
    [((1, 130, 7), 18, True), ((1, 130, 7), 10, False), ((1, 125, 2), 17, False), ((1, 117, 3), 14, True), ((1, 65, 0), 6, True), (None, 6, True)],
)
def test_kots(kots: Any, minor: int, fits: bool) -> None:
    assert (versions.kots_fault(kots, minor) == "") == fits


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("velero/velero-plugin-for-aws:v1.2.1", "velero-velero-plugin-for-aws"),
        ("registry.example:5000/velero/velero-plugin-for-aws:v1.2.1", "velero-velero-plugin-for-aws"),
        ("velero/velero-plugin-for-gcp@sha256:" + "a" * 64, "velero-velero-plugin-for-gcp"),
    ],
)
def test_the_name_of_a_plugins_container(image: str, name: str) -> None:
    assert plugin_name(image) == name
