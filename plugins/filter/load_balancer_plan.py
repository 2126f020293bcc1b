# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that works out what a load balancer before a Services machine needs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: load_balancer_plan
short_description: Security-group rules and listeners of a load balancer before a Services machine of CircleCI Server 2.x
version_added: 0.1.0
description:
  - What the role C(services_load_balancer) makes, from its listeners and from the networks of those who may come. Asks nobody.
  - Each rule admits one network to one port of a listener, and nothing besides.
positional: _input
options:
  _input:
    description:
      - Listeners, each with C(port), C(protocol) (V(http), V(tcp), V(https) or V(ssl)), C(source) (V(users), V(admins) or V(clients)), C(target_port) and
        C(health_path).
    type: list
    elements: dict
    required: true
  type:
    description: Kind of the load balancer.
    type: str
    choices: [network, classic]
    required: true
  certificate:
    description: ARN of its certificate. Empty where TLS passes through to the machine.
    type: str
    default: ""
  users_cidrs:
    description: Networks of the users and of whatever sends webhooks.
    type: list
    elements: str
  admins_cidrs:
    description: Networks of the administrators.
    type: list
    elements: str
  clients_cidrs:
    description: Networks of the Nomad clients.
    type: list
    elements: str
  admins_from_anywhere:
    description: Take networks of administrators that are as wide as the world.
    type: bool
    default: false
  server_version:
    description: Version of CircleCI Server. Needed for V(classic), which it does not support from 2.19.02 on.
    type: str
    default: ""
  health_check:
    description: The one health check of a V(classic) load balancer, such as V(TCP:443) or V(HTTP:80/health-check).
    type: str
  seen:
    description: What C(amazon.aws.elb_classic_lb_info) says of it, for V(classic). Listeners of others are kept.
    type: list
    elements: dict
  purge_listeners:
    description: Do not keep them.
    type: bool
    default: false
  take_over:
    description: Change a listener on a wanted port that somebody else made.
    type: bool
    default: false
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Look at the rules
  ansible.builtin.debug:
    msg: "{{ ([{'port': 443, 'protocol': 'ssl'}] | serverops.circleci.load_balancer_plan(type='network', users_cidrs=['192.0.2.0/24'])).rules }}"
"""

RETURN = r"""
_value:
  description:
    - C(rules) for C(amazon.aws.ec2_security_group), C(target_ports) that the machine must let the load balancer reach, and C(listeners); for a classic load
      balancer also C(health_check), and C(tags) that say which of its listeners are the role's.
  type: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.plan import plan_of
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput


def load_balancer_plan(listeners: Any, **wish: Any) -> dict[str, Any]:
    """The plan; raises where the options cannot be right."""
    try:
        return plan_of(listeners, wish)
    except BadInput as error:
        raise AnsibleFilterError(f"load_balancer_plan: {error}") from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"load_balancer_plan": load_balancer_plan}
