#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the certificates of an installation end: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificate_info
short_description: Tell when certificates end, in files, on servers and in the settings of CircleCI Server 2.x
version_added: 0.1.0
description:
  - Reads certificates wherever they are and says which has ended, which ends soon, and which could not be seen; the worst first.
  - Servers are asked by a TLS handshake, and what they show is read whatever it is worth. Give those of GitHub Enterprise, of LDAP, of the load balancer,
    and the console; give the files of Nomad's mutual TLS.
  - Only the server's own certificate is seen in a handshake, the intermediates are not. Keys in files are passed over, and never shown.
options:
  files:
    description:
      - Files on the host with certificates in PEM.
    type: list
    elements: path
  endpoints:
    description:
      - Servers, such as V(ghe.example.com), V(ldap.example.com:636) or V(127.0.0.1:8800).
    type: list
    elements: str
  app:
    description:
      - Whether to read the settings of the app through C(replicatedctl). Set it to V(false) on hosts other than that of Services.
    type: bool
    default: true
  warn_days:
    description:
      - A certificate that ends within that many days C(expires_soon).
    type: int
    default: 30
extends_documentation_fragment:
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.replicated
requirements:
  - cryptography >= 3.3 (on the host)
seealso:
  - module: serverops.circleci.tls_certificate
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Everything that can end
  serverops.circleci.tls_certificate_info:
    endpoints: [127.0.0.1:443, 127.0.0.1:8800, ghe.example.com, ldap.example.com:636]
    files: [/etc/ssl/nomad/cert.pem, /etc/ssl/nomad/ca.pem]
  register: certificates

- name: Fail where something is not well
  ansible.builtin.assert:
    that: certificates.ok
    fail_msg: "{{ certificates.certificates | rejectattr('verdict', 'equalto', 'ok') | list }}"
"""

RETURN = r"""
certificates:
  description:
    - Every certificate met, with its source (V(file), V(endpoint) or V(app)), its place, and a verdict (V(expired), V(unknown), V(not_yet_valid),
      V(expires_soon) or V(ok)). A place that could not be seen is V(unknown), with the reason; so is a block of a file that should hold a certificate
      and cannot be read, beside those that can.
  returned: always
  type: list
  elements: dict
  sample:
    - source: endpoint
      place: ghe.example.com:443
      subject: CN=ghe.example.com
      issuer: CN=Example Issuing
      names: [ghe.example.com]
      begins: "2026-01-01T00:00:00+00:00"
      ends: "2026-12-01T00:00:00+00:00"
      days_left: 12
      key: rsa 2048
      fingerprint: 5f70bf18a086
      verdict: expires_soon
      reason: it ends on 2026-12-01, in 12 days
      faults: []
counts:
  description: How many there are of each verdict.
  returned: always
  type: dict
  sample: {expired: 0, unknown: 0, not_yet_valid: 0, expires_soon: 1, ok: 3}
days_left:
  description: Days until the first of them ends. Null where none could be seen.
  returned: always
  type: int
  sample: 12
ok:
  description: Whether all of them are V(ok).
  returned: always
  type: bool
  sample: false
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.expiry_client import read_expiry

OPTIONS: dict[str, dict[str, Any]] = {
    "files": {"type": "list", "elements": "path"},
    "endpoints": {"type": "list", "elements": "str"},
    "app": {"type": "bool", "default": True},
    "warn_days": {"type": "int", "default": 30},
}

DOOR = InfoDoor(options=OPTIONS, read=read_expiry, libraries=("cryptography",))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
