#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network load balancer in front of machines: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_load_balancer
short_description: Make the listeners, target groups and health checks of a network load balancer of AWS, and wait until its targets are healthy
version_added: 0.1.0
description:
  - Makes the load balancer, a target group with a health check for each listener, and the listeners; takes the machines in; then waits until each of them
    is healthy behind each listener. Where that does not come about, the message names the health checks that fail and what AWS says of them.
  - What it made carries the tag C(serverops_owner). A listener or target group of its making that is no longer wanted is taken away, after all targets are
    healthy. Listeners that somebody else made stay, unless O(purge_listeners) or O(take_over) says otherwise.
  - A listener is changed in place. Where it leads to another target group (O(take_over), another protocol), it stays as it is until all targets of the new
    group are healthy. AWS checks no group that no listener leads to, so a trial listener leads there meanwhile, on the first free port below 64535; it is
    removed in the end. Where the targets do not become healthy in time, the listener still leads where it did, and the next run goes on with the trial.
  - A changed health check or target port is a change within the target group, which serves meanwhile. Machines are added before others are taken out.
  - Subnets are added and never taken. The load balancer itself is never deleted.
  - Security groups are set to exactly O(security_groups) on a load balancer of its making, and added to one that somebody else made.
  - What AWS cannot change (kind, scheme, a load balancer made without security groups) is refused before the first step.
options:
  name:
    description:
      - Name of the load balancer, at most 22 characters. Target groups are called after it, the port and the protocol.
    type: str
    required: true
  region:
    description:
      - Region of the load balancer.
      - The environment variable E(AWS_REGION) is used where the option is not set.
    type: str
    required: true
  subnets:
    description:
      - Ids of the subnets that it is in. Each must be in another availability zone.
    type: list
    elements: str
    required: true
  security_groups:
    description:
      - Ids of the security groups that say who may reach it. AWS lets a load balancer have some only if it was made with some.
    type: list
    elements: str
    default: []
  scheme:
    description:
      - Whether it has public addresses.
    type: str
    choices: [internal, internet-facing]
    default: internal
  targets:
    description:
      - Ids of the EC2 instances that it leads to. Others are taken out of its own target groups when these are healthy.
    type: list
    elements: str
    required: true
  listeners:
    description:
      - The listeners that are wanted.
    type: list
    elements: dict
    required: true
    suboptions:
      port:
        description: Port of the load balancer.
        type: int
        required: true
      target_port:
        description: Port of the machines. The same where it is not given.
        type: int
      protocol:
        description:
          - V(TCP) passes through what comes, TLS too. V(TLS) ends the client's TLS by the certificate, and begins another with the machine, whose
            certificate is not looked at.
        type: str
        choices: [TCP, TLS]
        default: TCP
      certificate:
        description: ARN of a certificate of ACM or of IAM. Needed for V(TLS).
        type: str
      ssl_policy:
        description: Name of AWS's policy that says which versions and ciphers of TLS clients may use.
        type: str
        default: ELBSecurityPolicy-TLS13-1-2-2021-06
      health_check:
        description: How AWS finds out whether a machine is healthy. By default, whether the port can be connected to.
        type: dict
        suboptions:
          protocol:
            description: V(HTTP) and V(HTTPS) want an answer between 200 and 399. A certificate is not looked at.
            type: str
            choices: [TCP, HTTP, HTTPS]
            default: TCP
          path:
            description: Path to ask for, for V(HTTP) and V(HTTPS).
            type: str
          port:
            description: Port to ask. The listener's O(listeners[].target_port) where it is not given.
            type: int
  preserve_client_ip:
    description:
      - Whether machines see the address of the client. AWS then cannot connect a machine to itself through the load balancer.
      - With V(false) they see that of the load balancer.
    type: bool
    default: false
  purge_listeners:
    description:
      - Take away listeners on other ports that somebody else made, too.
    type: bool
    default: false
  take_over:
    description:
      - Change a listener on a wanted port that somebody else made. The target group that it led to stays.
      - Without it such a listener is refused.
    type: bool
    default: false
requirements:
  - boto3
extends_documentation_fragment:
  - serverops.circleci.cloud
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Two ports of a Services machine
  serverops.circleci.network_load_balancer:
    name: circleci
    region: eu-west-1
    subnets: [subnet-0a1]
    security_groups: [sg-0b2]
    targets: [i-0c3]
    listeners:
      - port: 80
        health_check: {protocol: HTTP, path: /health-check}
      - port: 443
        protocol: TLS
        certificate: arn:aws:acm:eu-west-1:111111111111:certificate/1234
    wait_timeout: 600
"""

RETURN = r"""
load_balancer:
  description: The load balancer as it is. Point a DNS record at C(dns_name), in Route 53 an alias with C(zone_id).
  returned: whenever it could be read
  type: dict
  sample:
    name: circleci
    scheme: internal
    state: active
    arn: arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/net/circleci/50dc6c495c0c9188
    dns_name: circleci-50dc6c495c0c9188.elb.eu-west-1.amazonaws.com
    zone_id: Z2IFOLAFXWLO4F
    subnets: [subnet-0a1]
    security_groups: [sg-0b2]
listeners:
  description: All its listeners, also those that somebody else made (C(ours) is V(false)), with how their targets are.
  returned: whenever it could be read
  type: list
  elements: dict
  sample:
    - port: 80
      protocol: TCP
      certificate: ""
      target_group: circleci-80-tcp
      health_check: {protocol: HTTP, path: /health-check, port: traffic-port}
      targets: [{id: i-0c3, port: 80, state: healthy, why: ""}]
      ours: true
reason:
  description: The end in words.
  returned: whenever it could be read
  type: str
  sample: all listeners are as wanted, and their targets healthy
warnings:
  description: What could not be taken away and is left, such as a target group that AWS says is in use although nothing of this load balancer leads to it.
  returned: whenever it could be read
  type: list
  elements: str
  sample: []
steps:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: dict
  sample: [{step: make_listener, id: circleci, port: 80, protocol: TCP, certificate: "", target_port: 80}]
run:
  description: Id of this run.
  returned: whenever it could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from ansible_collections.serverops.circleci.plugins.module_utils.balancer import balance
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.client import BalancerPort
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.model import BalancerSpec, balancer_spec
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.options import BALANCE_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.options import CLOUD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door


def port(params: Params, spec: BalancerSpec, _task: Task, clock: Clock) -> BalancerPort:
    """The way to the load balancer."""
    return BalancerPort(spec, params["cloud"] or {}, clock)


DOOR = Door(options={**BALANCE_OPTIONS, **CLOUD_OPTIONS}, rules=balance, spec=balancer_spec, port=port, libraries=("boto3",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
