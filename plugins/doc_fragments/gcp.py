# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of group C(gcp); module_utils/gcp/options.py holds them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
requirements:
  - google-auth >= 2.20
  - requests
options:
  project:
    description:
      - Id of the project.
      - The environment variable E(GCP_PROJECT) is used where the option is not set.
    type: str
    required: true
  service_account_file:
    description:
      - JSON file with the key of the service account that asks.
      - Without any of the three the machine's own identity is used (application default credentials, such as C(gcloud auth application-default login) leaves).
      - The environment variable E(GCP_SERVICE_ACCOUNT_FILE) is used where the option is not set.
    type: path
  service_account_contents:
    description:
      - The same as text. It beats O(service_account_file).
      - The environment variable E(GCP_SERVICE_ACCOUNT_CONTENTS) is used where the option is not set.
    type: str
  access_token:
    description:
      - A token, such as C(gcloud auth print-access-token) prints. A key beats it.
      - The environment variable E(GCP_ACCESS_TOKEN) is used where the option is not set.
    type: str
  endpoint_url:
    description:
      - One address for all services of Google's, where they are reached by another than their own.
    type: str
"""
