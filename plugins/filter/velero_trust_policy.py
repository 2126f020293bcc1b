# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that makes the trust policy of a role for one service account of one cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: velero_trust_policy
short_description: The trust policy of an IAM role that only Velero's service account of one cluster may take
version_added: 0.1.0
description:
  - For roles for service accounts (IRSA). Both the audience and the service account are compared as they are, without a wildcard.
positional: _input
options:
  _input:
    description: ARN of the cluster's OIDC provider in IAM.
    type: str
    required: true
  namespace:
    description: Namespace of Velero.
    type: str
    default: velero
  service_account:
    description: Velero's service account.
    type: str
    default: velero
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Look at the policy
  ansible.builtin.debug:
    msg: "{{ 'arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE' | serverops.circleci.velero_trust_policy }}"
"""

RETURN = r"""
_value:
  description: The policy document.
  type: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import trust_policy
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput


def velero_trust_policy(provider: Any, namespace: str = "velero", service_account: str = "velero") -> dict[str, Any]:
    """The policy; raises where the provider is none."""
    try:
        return trust_policy(str(provider), namespace, service_account)
    except BadInput as error:
        raise AnsibleFilterError(f"velero_trust_policy: {error}") from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"velero_trust_policy": velero_trust_policy}
