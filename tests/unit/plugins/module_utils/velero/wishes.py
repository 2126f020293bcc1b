# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wishes of velero_install for tests: the guide's line, and others by what differs from it."""

from __future__ import annotations

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import InstallSpec, install_spec

SECRET_KEY = "lab-secret-canary"
AWS = f"[default]\naws_access_key_id = lab-key\naws_secret_access_key = {SECRET_KEY}\n"
GUIDE: dict[str, Any] = {
    "version": "1.6.3",
    "provider": "aws",
    "bucket": "lab-bucket",
    "plugins": ["velero/velero-plugin-for-aws:v1.2.1"],
    "backup_location_config": {"region": "us-east-1", "s3ForcePathStyle": "true", "s3Url": "http://127.0.0.1:5000"},
    "snapshot_location_config": {"region": "us-east-1"},
    "credentials": AWS,
}
NEWER = {"version": "1.14.0", "plugins": ["velero/velero-plugin-for-aws:v1.10.0"], "uploader": "kopia"}
ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/velero"}


def wish(**other: Any) -> InstallSpec:
    return install_spec({**GUIDE, **other})


def of_version(version: str) -> InstallSpec:
    return wish(**(NEWER if version == "1.14.0" else {}))
