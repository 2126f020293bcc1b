# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that finds the keys of the VM service's settings in a live installation."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vm_service_settings
short_description: Settings of the VM service by the words of the guides, as keys of a live installation
version_added: 0.1.0
description:
  - The vendor publishes no keys of the settings, and they differ from release to release. So each wish is found by the title that the guides print, among the
    keys that the installation has, in a group of the VM service (one with the word VM in its name), since others have the same title.
  - A wish whose title the installation does not have, or that several keys could be, is refused, with the keys that come into question.
positional: _input
options:
  _input:
    description: What M(serverops.circleci.kots_config_info) lists in C(config), or M(serverops.circleci.replicated_config_info) in C(settings).
    type: list
    elements: dict
    required: true
  line:
    description: The line of the server.
    type: str
    choices: ['2.x', '3.x']
    required: true
  wanted:
    description:
      - The wishes. What is empty is left as it is.
      - On 2.x C(provider) (V(none), V(aws) or V(on_host)), C(region), C(subnet), C(security_group), C(image), C(instance_type), C(authentication)
        (V(instance_profile) or V(user)), C(access_key_id) and C(secret_key).
      - On 3.x C(provider), C(region), C(windows_image), C(subnet), C(security_group), C(access_key_id), C(secret_key), C(project), C(zone),
        C(windows_image_gcp), C(network), C(subnetwork), C(service_account_json) and C(custom_configuration).
      - On both C(prescaled), how many machines to keep waiting, on 2.x of C(remote_docker) and C(machine), on 3.x of each type as the console names it;
        and C(more), any other keys, passed through as they are.
    type: dict
    required: true
  names:
    description: Keys by wish, such as C(access_key_id), or C(prescaled.machine), where a title is not published, or several have it.
    type: dict
    default: {}
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Which keys are there
  serverops.circleci.kots_config_info:
  register: keys

- name: What would be set
  ansible.builtin.debug:
    msg: "{{ keys.config | serverops.circleci.vm_service_settings('3.x', {'region': 'eu-west-1', 'prescaled': {'Linux': 2}}) }}"
"""

RETURN = r"""
_value:
  description: Values by key in C(plain), and those that nobody may read in C(secret).
  type: dict
"""

from typing import Any, Callable, Optional

from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.vms.settings import settings_of


def vm_service_settings(items: Any, line: str, wanted: dict[str, Any], names: Optional[dict[str, str]] = None) -> dict[str, Any]:
    """The settings; raises where a wish is none, or cannot be found."""
    try:
        return settings_of(items, line, wanted, names or {})
    except BadInput as error:
        raise AnsibleFilterError(f"vm_service_settings: {error}") from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"vm_service_settings": vm_service_settings}
