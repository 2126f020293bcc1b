#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authorities that a host, and the containers on it, trust: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ca_trust
short_description: Have a host and the containers of CircleCI trust authorities of your own
version_added: 0.1.0
description:
  - Lays authorities down as plain PEM, one certificate a file, where the store of the host and the containers of CircleCI Server 2.x look for them,
    and has the store made anew. This form is what C(update-ca-certificates), C(update-ca-trust) and Java's C(keytool) all read.
  - Refuses, before anything is changed, what would not work, and names it exactly, such as V(key_inside), V(leaf_instead_of_authority), V(missing_root),
    V(expired_authority), V(sha1) or V(der).
  - Judges by the store itself, not by the exit code of the program that makes it.
  - Drops nothing that a host of O(verify_hosts) still needs. So an authority is replaced by trusting both, switching the servers, and then dropping
    the old one.
options:
  name:
    description:
      - What the authorities are called here. The files are C(<name>.crt), C(<name>.2.crt) and so on; whatever else is in the folder is left alone.
      - Needed unless O(authorities) is given.
    type: str
  certificates:
    description:
      - PEM text of an authority and of those above it, up to the root. Needed for O(state=present).
    type: str
  state:
    description:
      - Whether they are trusted. V(absent) takes the files of that name away.
    type: str
    choices: [present, absent]
    default: present
  authorities:
    description:
      - Several at once, in place of O(name), O(certificates) and O(state). The store is made once, and the hosts of O(verify_hosts) are asked with all of them.
      - Where one of these hosts still needs what is to be dropped, those that are new are trusted all the same, and nothing is dropped.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      certificates:
        description: As O(certificates). It may be signed by an authority of another entry.
        type: str
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
        default: present
  chain_order:
    description:
      - V(fix) puts certificates in order and mends what harms nothing (Windows line ends, text beside the blocks, a certificate given twice),
        and says so in C(mended). V(refuse) fails for these too.
    type: str
    choices: [fix, refuse]
    default: fix
  min_days:
    description:
      - Refuse a certificate that ends within that many days.
    type: int
    default: 0
  verify_hosts:
    description:
      - Hosts, such as V(ghe.example.com) or V(ghe.example.com:8443), whose certificates this host must trust with the store as it is to be.
        They are asked by a TLS handshake, also in check mode.
    type: list
    elements: str
  store:
    description:
      - Which way the host has. V(auto) takes that whose program is on C(PATH).
    type: str
    choices: [auto, debian, redhat]
    default: auto
  services:
    description:
      - Whether the files are laid into C(/usr/local/share/ca-certificates) too, from where the containers of CircleCI Server 2.x take them,
        where the store of the host has another folder.
    type: bool
    default: true
  root:
    description:
      - Folder that stands for C(/), for a system that is being built. Its store is made anew by its own program, in C(chroot).
    type: path
    default: /
  restart:
    description:
      - What must be restarted before the authorities are trusted by what runs there. A note of it is left in O(restart_notes). V(none) leaves none.
    type: str
    choices: [app, docker, nomad, none]
    default: app
extends_documentation_fragment:
  - serverops.circleci.restart_notes
  - serverops.circleci.wait.nothing
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.host
requirements:
  - cryptography >= 3.3 (on the host)
seealso:
  - module: serverops.circleci.tls_certificate_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Trust the authority that signed GitHub Enterprise's certificate
  serverops.circleci.ca_trust:
    name: ghe
    certificates: "{{ lookup('ansible.builtin.file', 'ghe-authorities.pem') }}"
    verify_hosts: [ghe.example.com]

- name: Trust several, and drop an old one where no host needs it any more
  serverops.circleci.ca_trust:
    authorities:
      - name: corporate
        certificates: "{{ lookup('ansible.builtin.file', 'corporate-2026.pem') }}"
      - name: corporate-2019
        state: absent
    verify_hosts: [ghe.example.com, ldap.example.com:636]

- name: Drop the old authority once no server needs it any more
  serverops.circleci.ca_trust:
    name: ghe-2019
    state: absent
    verify_hosts: [ghe.example.com]
"""

RETURN = r"""
authorities:
  description: The authorities that are wanted, each before the one that signed it.
  returned: whenever the host could be read
  type: list
  elements: dict
  sample: [{subject: CN=Example Root, ends: "2036-01-01T00:00:00+00:00", fingerprint: 5f70bf18a0864716337b1e6a4d8ed3da7b2a6b7e1f7c5d1c2f4f6d9a5e2b3c4d}]
files:
  description: The files of these names.
  returned: whenever the host could be read
  type: list
  elements: str
  sample: [/usr/local/share/ca-certificates/ghe.crt]
mended:
  description: What was mended in the text, by name.
  returned: whenever the host could be read
  type: list
  elements: str
  sample: [wrong_order]
hosts:
  description: The hosts of O(verify_hosts), whether each is trusted, and why not.
  returned: whenever the host could be read
  type: list
  elements: dict
  sample: [{host: "ghe.example.com:443", trusted: true, reason: null}]
restart_required:
  description: Whether a note says that something must be restarted for these authorities.
  returned: whenever the host could be read
  type: bool
  sample: true
reason:
  description: The end in words.
  returned: whenever the host could be read
  type: str
  sample: the host trusts them
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the host could be read
  type: list
  elements: dict
  sample: [{step: write, id: authorities, path: /usr/local/share/ca-certificates/ghe.crt, subject: CN=Example Root, fingerprint: 5f70bf18a086}]
run:
  description: Id of this run.
  returned: whenever the host could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.host import trust
from ansible_collections.serverops.circleci.plugins.module_utils.host.options import RESTART_NOTES
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.host.trust_client import TrustPort
from ansible_collections.serverops.circleci.plugins.module_utils.host.trust_model import TrustSpec, trust_spec

CERTIFICATES = {"type": "str", "no_log": True}  # somebody may have put a key into it
STATE = {"type": "str", "choices": ["present", "absent"], "default": "present"}
AUTHORITY: dict[str, Any] = {"name": {"type": "str", "required": True}, "certificates": CERTIFICATES, "state": STATE}
OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "certificates": CERTIFICATES,
    "state": STATE,
    "authorities": {"type": "list", "elements": "dict", "options": AUTHORITY},
    "chain_order": {"type": "str", "choices": ["fix", "refuse"], "default": "fix"},
    "min_days": {"type": "int", "default": 0},
    "verify_hosts": {"type": "list", "elements": "str"},
    "store": {"type": "str", "choices": ["auto", "debian", "redhat"], "default": "auto"},
    "services": {"type": "bool", "default": True},
    "root": {"type": "path", "default": "/"},
    "restart": {"type": "str", "choices": ["app", "docker", "nomad", "none"], "default": "app"},
}


def port(params: Params, spec: TrustSpec, _task: Task, clock: Clock) -> TrustPort:
    """The way to the files and the store of this host."""
    return TrustPort(spec, PendingRestarts(params["restart_notes"]), clock)


DOOR = Door(options={**OPTIONS, **RESTART_NOTES}, rules=trust, spec=trust_spec, port=port, libraries=("cryptography",), waits=False)


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
