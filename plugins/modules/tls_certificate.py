#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of the app or of the console on a Services host: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificate
short_description: Install the certificate of the app or of the console of CircleCI Server 2.x
version_added: 0.1.0
description:
  - Installs a certificate with its key through Replicated, without the console's web page.
  - Refuses, before anything is changed, what browsers, build clients or the service would not take, and names it exactly, such as V(key_mismatch),
    V(missing_intermediate), V(name_not_in_san), V(expired_leaf), V(encrypted_key) or V(pkcs12).
  - Keeps the pair that was in use in a file for root alone, so that O(state=previous) can put it back.
  - Never restarts. The app serves a new certificate after its next start; a note of it is left in O(restart_notes). Run after the restart, whoever made
    it, the module looks at the certificate that is served, and fails where it is another one. The console serves a new certificate at once.
  - The key goes to Replicated on standard input, or for the console in a file for root alone that is taken away again; it is in no argument list.
options:
  target:
    description:
      - Whose certificate it is, that of the app (port 443) or that of Replicated's console (port 8800).
    type: str
    choices: [app, console]
    default: app
  certificate:
    description:
      - PEM text of the certificate and of the intermediates. Needed for O(state=present).
    type: str
  private_key:
    description:
      - PEM text of the private key, without a passphrase. Needed for O(state=present).
    type: str
  state:
    description:
      - V(present) installs the pair given. V(previous) puts the kept one back.
    type: str
    choices: [present, previous]
    default: present
  host_names:
    description:
      - Names that the certificate must be for. The setting C(hostname) of the installation where none is given.
    type: list
    elements: str
  authorities:
    description:
      - PEM text of authorities that your users trust, besides those that this host trusts. A chain must end at one of them; that its root is given in
        O(certificate) is not enough.
    type: str
  self_signed:
    description:
      - Whether a certificate signed by itself is taken. Enough behind a load balancer that has the real one.
      - So is one that C(openssl req -x509) makes, which is an authority by its form. One without alternative names is taken where its common name is the
        name asked for; V(no_san) then stands in RV(mended).
    type: bool
    default: false
  chain_order:
    description:
      - V(fix) puts the chain in order and mends what harms nothing (a root among it, Windows line ends, text beside the blocks, a certificate given twice),
        and says so in RV(mended). V(refuse) fails for these too.
    type: str
    choices: [fix, refuse]
    default: fix
  min_days:
    description:
      - Refuse a certificate that ends within that many days.
    type: int
    default: 0
  endpoint:
    description:
      - Where it is seen what is served, as seen from this host. C(127.0.0.1:443) for the app and C(127.0.0.1:8800) for the console by default.
    type: str
  console_endpoint:
    description:
      - Where the console serves, as seen from this host. With O(target=app) it is looked at too, and RV(console_current) tells whether it has this very
        pair already, so that a second run for O(target=console) can be spared.
    type: str
  kept_directory:
    description:
      - Folder for the kept pair.
    type: path
    default: /var/lib/serverops/certificates
extends_documentation_fragment:
  - serverops.circleci.restart_notes
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.replicated
requirements:
  - cryptography >= 3.3 (on the host)
seealso:
  - module: serverops.circleci.tls_certificate_info
  - module: serverops.circleci.replicated_app
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Install the renewed certificate
  serverops.circleci.tls_certificate:
    certificate: "{{ lookup('ansible.builtin.file', 'fullchain.pem') }}"
    private_key: "{{ vault_tls_private_key }}"
    min_days: 30

- name: Put the earlier one back
  serverops.circleci.tls_certificate:
    state: previous
"""

RETURN = r"""
certificate:
  description: The certificate that is wanted.
  returned: whenever the host could be read
  type: dict
  sample: {subject: CN=circleci.example.com, names: [circleci.example.com], ends: "2027-03-01T00:00:00+00:00", fingerprint: 5f70bf18a086}
served:
  description: Fingerprint of what is served. Null where nothing could be seen, and while a restart is due.
  returned: whenever the host could be read
  type: str
  sample: 5f70bf18a086
previous:
  description: Fingerprint of the kept certificate. Null where none is kept.
  returned: whenever the host could be read
  type: str
  sample: 0a4d55a8d778
console_current:
  description: Whether the console serves this very pair, installed by this module. Null without O(console_endpoint).
  returned: whenever the host could be read
  type: bool
  sample: true
mended:
  description: What was mended in the text or let pass, by name.
  returned: whenever the host could be read
  type: list
  elements: str
  sample: [root_included]
restart_required:
  description: Whether it is installed and was not seen served since, so that the app must be restarted for it.
  returned: whenever the host could be read
  type: bool
  sample: true
restart_noted:
  description:
    - Whether there is a note about a restart of the app, for this or for another change. One that a restart has served is there until
      M(serverops.circleci.replicated_app) clears it.
  returned: whenever the host could be read
  type: bool
  sample: true
reason:
  description: The end in words.
  returned: whenever the host could be read
  type: str
  sample: it is installed, and served when the app was restarted
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the host could be read
  type: list
  elements: dict
  sample: [{step: keep, id: app, fingerprint: 0a4d55a8d778}, {step: install, id: app, fingerprint: 5f70bf18a086}]
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
from ansible_collections.serverops.circleci.plugins.module_utils.host.options import RESTART_NOTES
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.replicated import certificate
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.certificate import PairSpec, pair_spec
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.certificate_client import CertificatePort

OPTIONS: dict[str, dict[str, Any]] = {
    "target": {"type": "str", "choices": ["app", "console"], "default": "app"},
    "certificate": {"type": "str", "no_log": True},  # somebody may have put the key into it
    "private_key": {"type": "str", "no_log": True},
    "state": {"type": "str", "choices": ["present", "previous"], "default": "present"},
    "host_names": {"type": "list", "elements": "str"},
    "authorities": {"type": "str"},
    "self_signed": {"type": "bool", "default": False},
    "chain_order": {"type": "str", "choices": ["fix", "refuse"], "default": "fix"},
    "min_days": {"type": "int", "default": 0},
    "endpoint": {"type": "str"},
    "console_endpoint": {"type": "str"},
    "kept_directory": {"type": "path", "default": certificate.KEPT},
}


def port(params: Params, spec: PairSpec, _task: Task, clock: Clock) -> CertificatePort:
    """The way to Replicated and to the kept pair on this host."""
    return CertificatePort(spec, PendingRestarts(params["restart_notes"]), clock)


DOOR = Door(options={**OPTIONS, **RESTART_NOTES}, rules=certificate, spec=pair_spec, port=port, libraries=("cryptography",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
