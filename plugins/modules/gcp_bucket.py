#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket of Cloud Storage for backups: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gcp_bucket
short_description: Make a bucket of Google Cloud Storage for backups, versioned and closed to the public
version_added: 0.1.0
description:
  - Makes the bucket, or sets right what differs of one that is there. It is never emptied and never deleted, and no other setting of it is touched.
  - Access is always uniform (by roles alone, no access control lists), and public access is always prevented, even where a role is given to everybody.
  - A bucket in another location is refused before anything is changed, since a bucket cannot be moved.
  - A setting that somebody else changes at the same time is read again, never written over.
options:
  name:
    description:
      - Name of the bucket. All of Google shares these names.
    type: str
    required: true
  location:
    description:
      - Region such as V(europe-west1), or V(EU), V(US) or V(ASIA).
    type: str
    required: true
  storage_class:
    description:
      - Storage class of a bucket that is made. Of one that is there it is not compared, since it only says what becomes of new objects.
    type: str
    choices: [STANDARD, NEARLINE, COLDLINE, ARCHIVE]
    default: STANDARD
  versioning:
    description:
      - Whether an object that is deleted or written over is kept as an old version.
    type: bool
    default: true
  soft_delete_days:
    description:
      - How long what is deleted can be brought back, V(0) or V(7) to V(90) days.
    type: int
    default: 7
extends_documentation_fragment:
  - serverops.circleci.gcp
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.gcp
seealso:
  - module: serverops.circleci.gcp_service_account
  - module: serverops.circleci.gcp_service_account_key
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: A bucket for the backups
  serverops.circleci.gcp_bucket:
    project: example-project
    name: example-circleci-backups
    location: europe-west1
"""

RETURN = r"""
bucket:
  description: The bucket as it is. soft_delete is in seconds.
  returned: whenever it could be read
  type: dict
  sample:
    name: example-circleci-backups
    location: EUROPE-WEST1
    storage_class: STANDARD
    versioning: true
    uniform_access: true
    public_access_prevention: true
    soft_delete: 604800
reason:
  description: The end in words.
  returned: whenever it could be read
  type: str
  sample: the bucket is as wanted
steps:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: dict
  sample: [{step: make_bucket, id: example-circleci-backups, location: EUROPE-WEST1}]
run:
  description: Id of this run.
  returned: whenever it could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import bucket
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.bucket import BucketSpec, bucket_spec
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.bucket_port import BucketPort
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.options import GCP_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "location": {"type": "str", "required": True},
    "storage_class": {"type": "str", "choices": ["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"], "default": "STANDARD"},
    "versioning": {"type": "bool", "default": True},
    "soft_delete_days": {"type": "int", "default": 7},
}


def port(params: Params, spec: BucketSpec, _task: Task, clock: Clock) -> BucketPort:
    """The way to the bucket."""
    return BucketPort(client_from_params(params, clock), spec.name)


DOOR = Door(options={**OPTIONS, **GCP_OPTIONS}, rules=bucket, spec=bucket_spec, port=port, libraries=("requests",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
