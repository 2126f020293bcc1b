#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try a backup storage location out: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: velero_location_check
short_description: Try out whether Velero can use its object store, and name what is in the way
version_added: 0.1.0
description:
  - Writes a small object where Velero would, in the bucket and below the prefix of a backup storage location, by Velero's own credentials.
    Then it reads it, deletes it, and looks whether it is gone.
  - What does not work is told by its cause, with what the store said and the remedy. The bucket's region is not followed, as Velero does not follow it.
  - The object is taken away whatever happens. One that an earlier, killed run left behind (older than five minutes) is taken away first.
  - In check mode it lists and writes nothing, and says which steps it would take. A location that is read-only is listed only.
  - It asks from where it runs, on the controller or in the execution environment. Network, DNS and clock of the cluster's nodes may differ.
options:
  namespace:
    description:
      - Namespace of Velero.
    type: str
    default: velero
  location:
    description:
      - Name of the backup storage location.
    type: str
    default: default
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.cloud
  - serverops.circleci.attributes
  - serverops.circleci.attributes.kubernetes
attributes:
  check_mode:
    support: full
    details: The location is listed; nothing is written.
  diff_mode:
    support: N/A
    details: It leaves nothing behind that was not there.
  idempotent:
    support: full
    details: Each run writes and deletes an object of its own. Only the taking away of an earlier run's object counts as a change.
  async:
    support: full
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: What would be tried
  serverops.circleci.velero_location_check:
    location: default
  check_mode: true

- name: Can Velero write its backups?
  serverops.circleci.velero_location_check:
    location: default
  register: store

- name: Say which store it is
  ansible.builtin.debug:
    msg: "{{ store.location }} is {{ store.verdict }}: {{ store.bucket }}"
"""

RETURN = r"""
location:
  description: Name of the backup storage location.
  returned: whenever the store could be asked
  type: str
  sample: default
provider:
  description: V(aws) (whatever speaks S3) or V(gcp).
  returned: whenever the store could be asked
  type: str
  sample: aws
bucket:
  description: Name of the bucket.
  returned: whenever the store could be asked
  type: str
  sample: circleci-backups
prefix:
  description: Prefix of the location; empty where it has none.
  returned: whenever the store could be asked
  type: str
  sample: velero
region:
  description: Region in which it was asked; null where none is stated.
  returned: whenever the store could be asked
  type: str
  sample: eu-west-1
endpoint:
  description: Address of the store; null for the provider's own.
  returned: whenever the store could be asked
  type: str
  sample: http://127.0.0.1:5000
verdict:
  description:
    - V(usable) when all steps went well, in check mode when the listing did. V(read_only) when the location is read-only and could be listed.
    - V(unusable) when the store refused, V(unknown) when no usable answer came. Both fail the task.
  returned: whenever the store could be asked
  type: str
  sample: usable
cause:
  description:
    - Why not, by name, such as V(bucket_missing), V(wrong_region), V(access_denied), V(unknown_key), V(wrong_signature), V(expired_token), V(clock_skew),
      V(no_credentials), V(unreachable), V(bad_certificate), V(busy). Null where all went well.
  returned: whenever the store could be asked
  type: str
  sample: null
evidence:
  description: What the store, or the library that asked it, said.
  returned: whenever the store could be asked
  type: str
  sample: null
remedy:
  description: What to do about it.
  returned: whenever the store could be asked
  type: str
  sample: null
steps:
  description: What was done, or would be in check mode, in order. C(sweep) names the object of an earlier run.
  returned: always
  type: list
  elements: dict
  sample: [{step: write}, {step: read}, {step: delete}]
left_behind:
  description: The object of this run where it could not be taken away, or where that is not known.
  returned: whenever the store could be asked
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.options import CLOUD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import ProbeDoor, run_probe_door
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.velero.probe_client import probe

OPTIONS: dict[str, dict[str, Any]] = {
    "namespace": {"type": "str", "default": "velero"},
    "location": {"type": "str", "default": "default"},
}

DOOR = ProbeDoor(options={**OPTIONS, **KUBERNETES_OPTIONS, **CLOUD_OPTIONS}, probe=probe, libraries=("kubernetes",))


def main() -> None:
    run_probe_door(DOOR)


if __name__ == "__main__":
    main()
