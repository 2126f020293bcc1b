#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of Google's Cloud DNS: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gcp_dns_record
short_description: Have names lead to addresses, in a zone of Google's Cloud DNS
version_added: 0.1.0
description:
  - Sets records of addresses (A, AAAA) and of other names (CNAME), and waits until Google's name servers have them.
  - A record of the same name that cannot stand beside a wanted one (a CNAME beside an address) is taken away in the same change, which Google makes as a
    whole or not at all. No other record is touched, and none is removed otherwise.
  - A record that somebody else changes at the same time is read again, never written over unseen.
  - A record with a routing policy is refused, and so is a CNAME where records of other types are.
  - Needs the permissions of C(roles/dns.admin) on the project, or on the zone alone where O(zone) is the name of the managed zone.
options:
  zone:
    description:
      - DNS name of the zone, such as V(example.com), or the name of the managed zone, such as V(example-com).
      - By its DNS name a public zone is looked for.
    type: str
    required: true
  records:
    description:
      - The records, each name and type once.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The whole name, such as V(ci.example.com).
        type: str
        required: true
      type:
        description: Type of the record.
        type: str
        choices: [A, AAAA, CNAME]
        required: true
      target:
        description: All addresses that the name leads to, or the one name.
        type: list
        elements: str
        required: true
      ttl:
        description: Time to live, in seconds.
        type: int
        default: 300
extends_documentation_fragment:
  - serverops.circleci.gcp
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.gcp
seealso:
  - module: serverops.circleci.server_addresses_info
  - name: Cloud DNS
    description: Its records and changes.
    link: https://cloud.google.com/dns/docs/records
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: The front end and the Nomad server lead to their balancers
  serverops.circleci.gcp_dns_record:
    project: example-project
    zone: example.com
    records:
      - name: ci.example.com
        type: A
        target: [198.51.100.5]
        ttl: 60
      - name: nomad.ci.example.com
        type: CNAME
        target: [balancer.example.net]
        ttl: 60
"""

RETURN = r"""
zone:
  description: The managed zone.
  returned: whenever it could be read
  type: dict
  sample: {name: example-com, dns_name: example.com.}
records:
  description: The wanted records as they are. target is empty where there is none.
  returned: whenever they could be read
  type: list
  elements: dict
  sample: [{name: ci.example.com, type: A, ttl: 60, target: [198.51.100.5], reason: as wanted}]
reason:
  description: The end in words.
  returned: whenever it could be read
  type: str
  sample: every name leads where it should
steps:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: dict
  sample: [{step: set_record, id: ci.example.com A, ttl: 60, target: [198.51.100.5]}]
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
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import dns_record
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.dns_model import TYPES, DnsSpec, dns_spec
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.dns_record_port import DnsPort
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.options import GCP_OPTIONS

RECORD: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": list(TYPES), "required": True},
    "target": {"type": "list", "elements": "str", "required": True},
    "ttl": {"type": "int", "default": 300},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "zone": {"type": "str", "required": True},
    "records": {"type": "list", "elements": "dict", "required": True, "options": RECORD},
}


def port(params: Params, spec: DnsSpec, _task: Task, clock: Clock) -> DnsPort:
    """The way to the zone."""
    return DnsPort(client_from_params(params, clock), spec)


DOOR = Door(options={**OPTIONS, **GCP_OPTIONS}, rules=dns_record, spec=dns_spec, port=port, libraries=("requests",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
