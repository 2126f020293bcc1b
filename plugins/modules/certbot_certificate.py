#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate from Let's Encrypt by a DNS challenge, through certbot: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certbot_certificate
short_description: Obtain and renew a certificate from Let's Encrypt by a DNS challenge
version_added: 0.1.0
description:
  - Has certbot obtain a certificate by DNS-01, or renew it when few days are left. No port is opened, and nothing is stopped. Installs it nowhere.
  - Orders only where the stored certificate will not do, once in a run, and never while a certbot that this module began still runs. A run that was
    killed is taken up by the next; what certbot has stored is not ordered again. That matters, since Let's Encrypt gives five certificates for the same
    names in a week.
  - Where certbot fails, the task fails with the reason that it or the authority gave, and the earlier certificate stays as it was.
  - Runs on the machine that certbot is installed on, the Services host or another. It has a folder of its own, so that a timer of certbot's package does
    not renew beside it.
  - No hook of certbot's folder C(renewal-hooks) runs.
options:
  host_names:
    description:
      - Names that the certificate is to be for, C(*.example.com) among them where wanted.
    type: list
    elements: str
    required: true
  name:
    description:
      - What certbot calls the certificate. The first of O(host_names) by default.
    type: str
  plugin:
    description:
      - Who writes the TXT records, a DNS plugin of certbot such as V(dns-route53) or V(dns-cloudflare), installed beside it; or V(manual) for programs of
        your own.
    type: str
    required: true
  auth_hook:
    description:
      - For V(manual), the program that writes the record of C(CERTBOT_DOMAIN) with C(CERTBOT_VALIDATION) and returns when it can be seen. certbot writes
        this text into a file that is no secret.
    type: str
  cleanup_hook:
    description:
      - For V(manual), the program that takes the record away.
    type: str
  credentials:
    description:
      - Text of the file of credentials that the plugin reads. It is there, for its owner alone, while certbot runs, and then removed.
      - Where certbot was killed or the machine went down, the next run for the same O(name) removes it.
    type: str
  environment:
    description:
      - Variables for the plugin or the hooks, such as C(AWS_ACCESS_KEY_ID) and C(AWS_SECRET_ACCESS_KEY). All are taken to be secret.
    type: dict
  propagation_seconds:
    description:
      - Seconds that the plugin waits for the record to be seen. The plugin's own by default.
    type: int
  directory_url:
    description:
      - The ACME directory, that of Let's Encrypt by default. C(https://acme-staging-v02.api.letsencrypt.org/directory) is for trials. Where it changes,
        another certificate is ordered.
    type: str
    default: https://acme-v02.api.letsencrypt.org/directory
  directory_authorities:
    description:
      - PEM text of authorities for the directory's own certificate, besides those that the host trusts, as for an ACME server of your own.
    type: str
  account_email:
    description:
      - Address that the authority may write to.
    type: str
  agree_tos:
    description:
      - That you agree to the terms of the authority. Nothing is done without.
    type: bool
    default: false
  key_type:
    description:
      - The kind of key. Where it changes, another certificate is ordered. certbot's own choice by default.
    type: str
    choices: [rsa, ecdsa]
  renew_days:
    description:
      - Renew where fewer days are left; at the earliest after half of the certificate's life.
    type: int
    default: 30
  config_directory:
    description:
      - Folder of certbot, for its owner alone. Its work and its logs are in it.
    type: path
    default: /var/lib/serverops/letsencrypt
  certbot:
    description:
      - The program, or its path.
    type: str
    default: certbot
extends_documentation_fragment:
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.host
requirements:
  - certbot >= 2.0 and the plugin (on the host)
  - cryptography >= 3.3 (on the host)
seealso:
  - module: serverops.circleci.tls_certificate
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Obtain a certificate, or renew it
  serverops.circleci.certbot_certificate:
    host_names: [circleci.example.com]
    plugin: dns-route53
    environment:
      AWS_ACCESS_KEY_ID: "{{ dns_access_key }}"
      AWS_SECRET_ACCESS_KEY: "{{ vault_dns_secret_key }}"
    account_email: ops@example.com
    agree_tos: true
    wait_timeout: 900
"""

RETURN = r"""
certificate:
  description: The certificate that is stored. Fingerprint and end are null where it is only foreseen.
  returned: whenever the host could be read
  type: dict
  sample: {names: [circleci.example.com], ends: "2027-03-01T00:00:00+00:00", fingerprint: 5f70bf18a086}
certificate_file:
  description: Path of the certificate with its intermediates.
  returned: whenever the host could be read
  type: str
  sample: /var/lib/serverops/letsencrypt/live/circleci.example.com/fullchain.pem
private_key_file:
  description: Path of its private key.
  returned: whenever the host could be read
  type: str
  sample: /var/lib/serverops/letsencrypt/live/circleci.example.com/privkey.pem
log:
  description: Path of what certbot said.
  returned: whenever the host could be read
  type: str
  sample: /var/lib/serverops/letsencrypt/runs/circleci.example.com.log
reason:
  description: The end in words.
  returned: whenever the host could be read
  type: str
  sample: the certificate is good until 2027-03-01
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the host could be read
  type: list
  elements: dict
  sample: [{step: order, id: circleci.example.com, host_names: [circleci.example.com]}]
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
from ansible_collections.serverops.circleci.plugins.module_utils.host import certbot
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot_client import CertbotPort
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot_model import FOLDER, LETS_ENCRYPT, CertbotSpec, certbot_spec

OPTIONS: dict[str, dict[str, Any]] = {
    "host_names": {"type": "list", "elements": "str", "required": True},
    "name": {"type": "str"},
    "plugin": {"type": "str", "required": True},
    "auth_hook": {"type": "str"},
    "cleanup_hook": {"type": "str"},
    "credentials": {"type": "str", "no_log": True},
    "environment": {"type": "dict", "no_log": True},
    "propagation_seconds": {"type": "int"},
    "directory_url": {"type": "str", "default": LETS_ENCRYPT},
    "directory_authorities": {"type": "str"},
    "account_email": {"type": "str"},
    "agree_tos": {"type": "bool", "default": False},
    "key_type": {"type": "str", "choices": ["rsa", "ecdsa"], "no_log": False},
    "renew_days": {"type": "int", "default": 30},
    "config_directory": {"type": "path", "default": FOLDER},
    "certbot": {"type": "str", "default": "certbot"},
}


def port(_params: Params, spec: CertbotSpec, _task: Task, clock: Clock) -> CertbotPort:
    """The way to certbot and its folder on this host."""
    return CertbotPort(spec, clock)


DOOR = Door(options=OPTIONS, rules=certbot, spec=certbot_spec, port=port, libraries=("cryptography",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
