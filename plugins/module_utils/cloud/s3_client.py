# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3 by boto3, asked as Velero's plugin asks it: in the region that is stated, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.errors import from_boto
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import StoreSpec
from ansible_collections.serverops.circleci.plugins.module_utils.transport.files import kept_file

TIMEOUT = 10.0  # s, to connect and for each answer
TRIES = 3
FIRST_REGION = "us-east-1"  # a bucket there has no location constraint


class S3Store:
    """One bucket of S3, or of what speaks like it."""

    def __init__(self, spec: StoreSpec) -> None:
        self.spec = spec
        self._made: Any = None

    def list(self, prefix: str) -> dict[str, int]:
        """Whole names and sizes in bytes of all objects whose name begins so."""
        with self._asking("ListBucket"):
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self.spec.bucket, Prefix=prefix)
            return {entry["Key"]: int(entry["Size"]) for page in pages for entry in page.get("Contents", ())}

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        with self._asking("PutObject"):
            self._client().put_object(Bucket=self.spec.bucket, Key=key, Body=data)

    def get(self, key: str) -> bytes:
        """Read an object."""
        with self._asking("GetObject"):
            return bytes(self._client().get_object(Bucket=self.spec.bucket, Key=key)["Body"].read())

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no failure."""
        with self._asking("DeleteObject"):
            self._client().delete_object(Bucket=self.spec.bucket, Key=key)

    def region(self) -> str:
        """Where the bucket is."""
        with self._asking("GetBucketLocation"):
            return self._client().get_bucket_location(Bucket=self.spec.bucket).get("LocationConstraint") or FIRST_REGION

    @contextmanager
    def _asking(self, act: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise from_boto(error, self.spec.place, act) from None

    def _client(self) -> Any:
        if self._made is None:
            self._made = _session(self.spec).client("s3", **_settings(self.spec))
            self._made.meta.events.register("before-call.s3", _stays_in_its_region)
        return self._made


def _stays_in_its_region(context: dict[str, Any], **_more: Any) -> None:
    """Botocore would follow a bucket to its region by itself; Velero does not, so a wrong region must show."""
    context.setdefault("s3_redirect", {})["redirected"] = True


def _session(spec: StoreSpec) -> Any:
    import boto3

    key = spec.aws
    given: dict[str, Optional[str]] = {"profile_name": spec.profile or None}
    if key:  # an explicit key beats a profile
        token = key.token.reveal() if key.token else None
        given = {"aws_access_key_id": key.access, "aws_secret_access_key": key.secret.reveal(), "aws_session_token": token}
    return boto3.session.Session(**given)


def _settings(spec: StoreSpec) -> dict[str, Any]:
    from botocore.config import Config

    style = "path" if spec.path_style else "auto"
    # Stores that are not AWS's know no checksums of the newer kind: send them only where they must be.
    checksums = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    config = Config(
        connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": TRIES, "mode": "standard"}, s3={"addressing_style": style}, **checksums
    )
    ca = spec.ca_path or (kept_file(spec.ca_text) if spec.ca_text else "")
    return {
        "region_name": spec.region or FIRST_REGION,
        "endpoint_url": spec.endpoint or None,
        "verify": (ca or None) if spec.validate else False,
        "config": config,
    }
