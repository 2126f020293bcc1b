# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that makes the policy of a bucket that is reached by TLS only."""

from __future__ import annotations

DOCUMENTATION = r"""
name: velero_bucket_policy
short_description: The policy of a bucket that is reached by TLS only
version_added: 0.1.0
description:
  - Denies every call of anybody that does not come by TLS.
  - Joined to the policy that the bucket has, of which nothing is taken away. A policy that says this already is given back as it is.
positional: _input
options:
  _input:
    description: Name of the bucket.
    type: str
    required: true
  partition:
    description: Partition of AWS, such as V(aws-us-gov).
    type: str
    default: aws
  present:
    description: The policy that the bucket has, as a document, as its text, or as C(amazon.aws.s3_bucket_info) tells it.
    type: raw
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Look at the policy
  ansible.builtin.debug:
    msg: "{{ 'circleci-backups' | serverops.circleci.velero_bucket_policy }}"
"""

RETURN = r"""
_value:
  description: The policy document.
  type: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import bucket_policy, wish_of
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput


def velero_bucket_policy(bucket: Any, partition: str = "aws", present: Any = None) -> dict[str, Any]:
    """The policy; raises where the name cannot be one, or the present policy is none."""
    try:
        return bucket_policy(wish_of(bucket).bucket, partition, present)
    except BadInput as error:
        raise AnsibleFilterError(f"velero_bucket_policy: {error}") from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"velero_bucket_policy": velero_bucket_policy}
