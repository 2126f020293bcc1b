#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service account of Google Cloud with custom roles of its own: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gcp_service_account
short_description: Make a service account of Google Cloud with just the permissions it needs, where it needs them
version_added: 0.1.0
description:
  - Makes the account, custom roles with just the permissions that are named, and gives the account each of them on one thing, a bucket, the project, or itself.
  - No predefined and no basic role is ever given to it, so it can never become an owner of anything by this module.
  - Policies are read with their conditions and written only over the version that was read. What others may do is never changed; nothing is ever taken away.
  - A custom role that was deleted is undeleted, since Google blocks its name. One with other permissions that was not made here is refused by name.
  - What Google has made and does not show everywhere yet is waited for. Run again after it was killed, it ends the same.
  - A bucket that is not there is taken by check mode for one that is made before; the run itself fails for it.
options:
  account_id:
    description:
      - The part of the account's e-mail before the at sign.
    type: str
    required: true
  display_name:
    description:
      - A name for people, given to an account that is made.
    type: str
    default: ''
  roles:
    description:
      - Custom roles of the project, each with its permissions and the thing on which the account gets it.
    type: list
    elements: dict
    suboptions:
      role_id:
        description:
          - Id of the role in the project.
        type: str
        required: true
      title:
        description:
          - A title for people. The id, where it is not set.
        type: str
      permissions:
        description:
          - Just these permissions, by their whole names.
        type: list
        elements: str
        required: true
      place:
        description:
          - What the account gets the role on. V(account) is the account itself.
        type: str
        choices: [bucket, project, account]
        default: bucket
      bucket:
        description:
          - Name of the bucket, for V(bucket).
        type: str
  workload_identity:
    description:
      - A service account of a GKE cluster that may become this account, so that no key is needed. Without it nobody is let in, and nobody is shut out.
    type: dict
    suboptions:
      namespace:
        description:
          - Its namespace.
        type: str
        required: true
      service_account:
        description:
          - Its name.
        type: str
        required: true
      pool:
        description:
          - Workload identity pool of the cluster, where the cluster is in another project than the account.
        type: str
  take_over:
    description:
      - Whether a custom role that was not made here may get the permissions that are named.
    type: bool
    default: false
extends_documentation_fragment:
  - serverops.circleci.gcp
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.gcp
seealso:
  - module: serverops.circleci.gcp_bucket
  - module: serverops.circleci.gcp_service_account_key
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: An account for Velero that may use the objects of one bucket
  serverops.circleci.gcp_service_account:
    project: example-project
    account_id: velero
    display_name: Velero
    roles:
      - role_id: velero_objects
        title: Velero, its objects
        permissions: [storage.objects.create, storage.objects.delete, storage.objects.get, storage.objects.list]
        bucket: example-circleci-backups
"""

RETURN = r"""
account:
  description: The account. The unique_id of one that does not exist, or that check mode imagines, is empty.
  returned: whenever it could be read
  type: dict
  sample: {email: velero@example-project.iam.gserviceaccount.com, unique_id: "104567890123456789012", display_name: Velero, exists: true}
roles:
  description: The permissions of its custom roles, by their whole names.
  returned: whenever it could be read
  type: dict
  sample: {projects/example-project/roles/velero_objects: [storage.objects.get]}
rights:
  description: Which of the wanted rights there are, each with place, role and member.
  returned: whenever it could be read
  type: list
  elements: dict
  sample:
    - place: bucket example-circleci-backups
      role: projects/example-project/roles/velero_objects
      member: serviceAccount:velero@example-project.iam.gserviceaccount.com
other_rights:
  description: What the account may besides on the same things. It is told and left as it is.
  returned: whenever it could be read
  type: list
  elements: dict
  sample: []
reason:
  description: The end in words.
  returned: whenever it could be read
  type: str
  sample: the account has its roles
steps:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: dict
  sample: [{step: make_account, id: velero@example-project.iam.gserviceaccount.com}]
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
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import account
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.account_port import AccountPort
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.options import GCP_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.wish import AccountSpec, account_spec

ROLE: dict[str, dict[str, Any]] = {
    "role_id": {"type": "str", "required": True},
    "title": {"type": "str"},
    "permissions": {"type": "list", "elements": "str", "required": True},
    "place": {"type": "str", "choices": ["bucket", "project", "account"], "default": "bucket"},
    "bucket": {"type": "str"},
}
POD = {"namespace": {"type": "str", "required": True}, "service_account": {"type": "str", "required": True}, "pool": {"type": "str"}}
OPTIONS: dict[str, dict[str, Any]] = {
    "account_id": {"type": "str", "required": True},
    "display_name": {"type": "str", "default": ""},
    "roles": {"type": "list", "elements": "dict", "options": ROLE},
    "workload_identity": {"type": "dict", "options": POD},
    "take_over": {"type": "bool", "default": False},
}


def port(params: Params, spec: AccountSpec, task: Task, clock: Clock) -> AccountPort:
    """The way to the account."""
    return AccountPort(client_from_params(params, clock), spec, task)


DOOR = Door(options={**OPTIONS, **GCP_OPTIONS}, rules=account, spec=account_spec, port=port, libraries=("requests",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
