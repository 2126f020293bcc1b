# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of the group C(nomad); module_utils/nomad/connection.py holds them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  nomad_url:
    description:
      - Address of the Nomad HTTP API, such as V(https://nomad.example.com:4646). With or without a slash at the end, or a path.
      - The environment variable E(NOMAD_ADDR) is used where the option is not set, and never beats it.
      - Proxies named in the environment are not used.
    type: str
    default: http://127.0.0.1:4646
  nomad_token:
    description:
      - Secret id of the ACL token, where ACLs are on.
      - To drain it must hold C(node:write), and C(read-job) in every namespace (a rule for C(*), and no deny), or be a management token. It proves that
        by reading its own policies; one that sees less is refused before anything is changed, since it would see busy clients as empty.
      - The environment variable E(NOMAD_TOKEN) is used where the option is not set.
    type: str
  nomad_region:
    description:
      - Region to speak to. The server's own where it is not set.
      - The environment variable E(NOMAD_REGION) is used where the option is not set.
    type: str
  nomad_ca_path:
    description:
      - PEM file or folder of the CAs that may sign the server's certificate. The machine's own where it is not set.
      - The environment variable E(NOMAD_CACERT) is used where the option is not set.
    type: path
  nomad_client_cert:
    description:
      - PEM file of the certificate to show to the server, for mutual TLS. Needs O(nomad_client_key).
      - The environment variable E(NOMAD_CLIENT_CERT) is used where the option is not set.
    type: path
  nomad_client_key:
    description:
      - PEM file of the key of O(nomad_client_cert).
      - The environment variable E(NOMAD_CLIENT_KEY) is used where the option is not set.
    type: path
  nomad_tls_server_name:
    description:
      - Name that the server's certificate must carry, where it is not the address's, such as V(server.global.nomad).
      - The environment variable E(NOMAD_TLS_SERVER_NAME) is used where the option is not set.
    type: str
  nomad_validate_certs:
    description:
      - Whether the server's certificate is verified.
    type: bool
    default: true
  nomad_timeout:
    description:
      - Seconds to wait for a connection, and for each answer. Reads without an answer are asked again for 30 seconds.
    type: float
    default: 10.0
requirements:
  - python-nomad >= 2.1.0
  - requests >= 2.28
"""
