# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option C(cloud); module_utils/cloud/options.py holds it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - How to reach the object store, by amazon.aws's and google.cloud's names. Without it Velero's own Secret is used.
      - What it leaves out (address, region) is taken from the backup storage location. Without any key the machine's own identity is used.
      - Needs the Python package C(boto3), or C(google-auth), where the module runs.
    type: dict
    suboptions:
      access_key:
        description:
          - AWS access key id. Needs O(cloud.secret_key).
          - The environment variable E(AWS_ACCESS_KEY_ID) is used where the option is not set.
        type: str
      secret_key:
        description:
          - AWS secret access key.
          - The environment variable E(AWS_SECRET_ACCESS_KEY) is used where the option is not set.
        type: str
      session_token:
        description:
          - Token of temporary AWS credentials.
          - The environment variable E(AWS_SESSION_TOKEN) is used where the option is not set.
        type: str
      profile:
        description:
          - Name of a profile of the AWS configuration files. A key beats it.
          - The environment variable E(AWS_PROFILE) is used where the option is not set.
        type: str
      region:
        description:
          - Region to ask in, such as V(eu-west-1), instead of the one that the location states.
        type: str
      endpoint_url:
        description:
          - Address of the store, where it is none of the provider's own or is not reached as the cluster reaches it.
        type: str
      aws_ca_bundle:
        description:
          - PEM file of the CAs that may sign the store's certificate.
          - The environment variable E(AWS_CA_BUNDLE) is used where the option is not set.
        type: path
      service_account_file:
        description:
          - JSON file with the key of a Google service account.
          - The environment variable E(GCP_SERVICE_ACCOUNT_FILE) is used where the option is not set.
        type: path
      service_account_contents:
        description:
          - The same as text. It beats O(cloud.service_account_file).
          - The environment variable E(GCP_SERVICE_ACCOUNT_CONTENTS) is used where the option is not set.
        type: str
"""
