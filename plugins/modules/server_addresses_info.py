#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the names of a 3.x installation lead to it: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_addresses_info
short_description: Compare what the names of a CircleCI Server 3.x resolve to with the addresses of its services
version_added: 0.1.0
description:
  - Four services of an installation need a name, the front end, the Nomad server, the output processor and the VM service. After a restore or a new
    installation their balancers are others, and the names still lead to the old ones.
  - Reads the services' addresses (of the balancer, an ingress, or the nodes), asks what each name resolves to, and gives one verdict for each. It lists the DNS
    records to make, and the settings to change where a name is an address or one of a cloud's own.
  - Makes no record, and changes no setting; M(serverops.circleci.kots_config) does the latter.
options:
  names:
    description:
      - The name that each service is to have. A name that is not given here nor read by O(config_keys) is not judged.
    type: dict
    default: {}
    suboptions:
      frontend:
        description: The name that people come to, the domain of the installation.
        type: str
      nomad_server:
        description: The name by which clients find the Nomad server.
        type: str
      output_processor:
        description: The name by which clients find the output processor.
        type: str
      vm_service:
        description: The name by which clients find the VM service.
        type: str
  config_keys:
    description:
      - Keys of the application's configuration in which kotsadm holds the names. O(names) goes before. M(serverops.circleci.kots_config_info) lists the keys.
    type: dict
    default: {}
    suboptions:
      frontend:
        description: Key that holds the domain.
        type: str
      nomad_server:
        description: Key that holds the name of the Nomad server.
        type: str
      output_processor:
        description: Key that holds the name of the output processor.
        type: str
      vm_service:
        description: Key that holds the name of the VM service.
        type: str
  services:
    description:
      - Names of the services in the cluster, where they are others.
    type: dict
    default: {}
    suboptions:
      frontend:
        description: The service in front, V(circleci-server-traefik) if not given.
        type: str
      nomad_server:
        description: The Nomad server's, V(nomad-server-external) if not given.
        type: str
      output_processor:
        description: The output processor's, V(output-processor) if not given.
        type: str
      vm_service:
        description: The VM service's, V(vm-service) if not given.
        type: str
  probe:
    description:
      - Services to be tried, by a connection to their port at the address that the name resolves to; nothing is sent. Firewalls must let the module's place in.
    type: list
    elements: str
    choices: [frontend, nomad_server, output_processor, vm_service]
    default: []
  probe_timeout:
    description:
      - Seconds to wait for a connection.
    type: float
    default: 5.0
  resolver:
    description:
      - Address of the resolver to ask, with a port if that is not 53, such as V(10.0.0.2). The system's own if it is not given. Clients may have another.
    type: str
    default: ""
  app:
    description:
      - Slug of the application. Used with O(config_keys) alone.
    type: str
    default: circleci-server
  namespace:
    description:
      - Namespace of the installation, and of kotsadm.
    type: str
    default: circleci-server
  velero_namespace:
    description:
      - Namespace of Velero. Nothing is asked there.
    type: str
    default: velero
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_config
  - module: serverops.circleci.server_pods_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Do the names lead to the installation
  serverops.circleci.server_addresses_info:
    names:
      frontend: ci.example.com
      nomad_server: nomad.ci.example.com
    probe: [frontend]
  register: found

- name: Fail, and say where they lead
  ansible.builtin.assert:
    that: found.reachable
    fail_msg: "{{ found.reason }}"
"""

RETURN = r"""
services:
  description: The four services by role (frontend, nomad_server, output_processor, vm_service).
  returned: success
  type: dict
  contains:
    service:
      description: Its name in the cluster.
      type: str
      sample: circleci-server-traefik
    type:
      description: Its type; null where there is no such service.
      type: str
      sample: LoadBalancer
    port:
      description: The port at which it is come to; where there is no such service, the one at which it usually is.
      type: int
      sample: 443
    addresses:
      description: Its addresses.
      type: list
      elements: str
      sample: [198.51.100.1]
    hosts:
      description: Host names that the cloud gave its balancer.
      type: list
      elements: str
      sample: []
    name:
      description: The name that it is to have; null where none is given.
      type: str
      sample: ci.example.com
    resolves_to:
      description: The addresses that the name resolves to.
      type: list
      elements: str
      sample: [192.0.2.10]
    unresolved:
      description: Why it is not known what the name resolves to; null where it is known, and where no name is given.
      type: str
      sample: null
    verdict:
      description: >-
        V(reachable), V(resolves) (to the balancer, not tried), V(elsewhere) (to another address), V(no_name) (it does not resolve), V(no_address) (the balancer
        has none yet), V(unreachable) (nobody answers), V(absent) (no such service), V(not_asked) (no name is given) or V(unknown).
      type: str
      sample: elsewhere
    ok:
      description: Whether the verdict is V(reachable) or V(resolves).
      type: bool
    reason:
      description: The verdict in words.
      type: str
      sample: ci.example.com resolves to 192.0.2.10, the balancer is 198.51.100.1
records:
  description: The DNS records to make or to change, with service, name, type (A, AAAA or CNAME), value, and now (the addresses that the name resolves to).
  returned: success
  type: list
  elements: dict
  sample: [{service: frontend, name: ci.example.com, type: A, value: 198.51.100.1, now: [192.0.2.10]}]
settings:
  description:
    - The settings to change where the name is an address or one of a cloud's own, with service, key (null without O(config_keys)), value and now.
    - Of a setting that holds more than the host, such as a URL, C(value) is the whole of it with another host, and C(now) the host alone.
  returned: success
  type: list
  elements: dict
  sample: [{service: vm_service, key: vm_service_load_balancer, value: 198.51.100.4, now: 192.0.2.14}]
reachable:
  description: Whether names were given, and every one of them leads to its service.
  returned: success
  type: bool
  sample: false
reason:
  description: What is wrong, in words.
  returned: success
  type: str
  sample: ci.example.com resolves to 192.0.2.10, the balancer is 198.51.100.1
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.server.addresses import PLACES, addresses_spec
from ansible_collections.serverops.circleci.plugins.module_utils.server.addresses_client import installation_of, read_addresses

ROLES: dict[str, Any] = {"type": "dict", "default": {}, "options": {role: {"type": "str"} for role in PLACES}}
OPTIONS: dict[str, dict[str, Any]] = {
    "names": ROLES,
    "config_keys": {**ROLES, "no_log": False},
    "services": ROLES,
    "probe": {"type": "list", "elements": "str", "choices": list(PLACES), "default": []},
    "probe_timeout": {"type": "float", "default": 5.0},
    "resolver": {"type": "str", "default": ""},
    "app": {"type": "str", "default": "circleci-server"},
    "namespace": {"type": "str", "default": "circleci-server"},
    "velero_namespace": {"type": "str", "default": "velero"},
}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    return read_addresses(client_from_params(params, clock), addresses_spec(params), installation_of(params, clock))


DOOR = InfoDoor(options={**OPTIONS, **KUBERNETES_OPTIONS}, read=read, libraries=("kubernetes", "requests"))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
