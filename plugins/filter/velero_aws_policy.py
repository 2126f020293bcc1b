# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that make the policies of Velero's AWS user, role and bucket."""

from __future__ import annotations

DOCUMENTATION = r"""
name: velero_aws_policy
short_description: What Velero must be allowed to do on AWS, and no more
version_added: 0.1.0
description:
  - The policy of Velero's IAM user or role for one bucket, as a dictionary.
  - Its user reaches the objects below the prefix, lists them, and asks where the bucket is. EC2 is opened for volume snapshots only, in one region,
    and but for the copying of volumes hangs on the tag that Velero puts on what it makes.
positional: _input
options:
  _input:
    description: Name of the bucket.
    type: str
    required: true
  prefix:
    description: Prefix of the backup storage location.
    type: str
    default: ""
  region:
    description: Region of the volumes. Needed with O(snapshots).
    type: str
    default: ""
  uploader:
    description: Who copies the files. Kopia must be allowed to ask whether the bucket exists, which cannot be told from listing all of it.
    type: str
    choices: [restic, kopia]
    default: restic
  snapshots:
    description: Whether Velero makes volume snapshots.
    type: bool
    default: false
  partition:
    description: Partition of AWS, such as V(aws-us-gov).
    type: str
    default: aws
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Look at the policy
  ansible.builtin.debug:
    msg: "{{ 'circleci-backups' | serverops.circleci.velero_aws_policy(prefix='velero') }}"
"""

RETURN = r"""
_value:
  description: The policy document.
  type: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import aws_policy, wish_of
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput


def velero_aws_policy(bucket: Any, **more: Any) -> dict[str, Any]:
    """The policy; raises where a value cannot be."""
    try:
        return aws_policy(wish_of(bucket, **more))
    except (BadInput, TypeError) as error:
        raise AnsibleFilterError(f"velero_aws_policy: {error}") from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"velero_aws_policy": velero_aws_policy}
