# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that makes the least roles of Velero on Google Cloud."""

from __future__ import annotations

DOCUMENTATION = r"""
name: velero_gcp_roles
short_description: The least custom roles with which Velero works on Google Cloud, each on the thing where it is needed
version_added: 0.1.0
description:
  - What M(serverops.circleci.gcp_service_account) takes in its option C(roles).
  - The objects of one bucket. Without O(snapshots) nothing of Compute Engine, without O(workload_identity) nothing of the account itself.
positional: _input
options:
  _input:
    description: Name of the bucket.
    type: str
    required: true
  name:
    description: What the ids of the roles begin with. A dash becomes an underscore.
    type: str
    default: velero
  snapshots:
    description: Whether Velero makes snapshots of disks. It is then given a role on the whole project, since snapshots can be made of any disk in it.
    type: bool
    default: false
  workload_identity:
    description: Whether Velero has no key. It then signs its download addresses by the account itself.
    type: bool
    default: false
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Look at the roles
  ansible.builtin.debug:
    msg: "{{ 'example-circleci-backups' | serverops.circleci.velero_gcp_roles(workload_identity=true) }}"
"""

RETURN = r"""
_value:
  description: The roles, each with role_id, title, permissions, place and bucket.
  type: list
  elements: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import flag, gcp_roles
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput


def velero_gcp_roles(bucket: Any, name: str = "velero", snapshots: bool = False, workload_identity: bool = False) -> list[dict[str, Any]]:
    """The roles; raises where the bucket is none."""
    try:
        return gcp_roles(bucket, name, flag("snapshots", snapshots), flag("workload_identity", workload_identity))
    except BadInput as error:
        raise AnsibleFilterError(f"velero_gcp_roles: {error}") from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"velero_gcp_roles": velero_gcp_roles}
