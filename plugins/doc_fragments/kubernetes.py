# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of the group C(kubernetes); module_utils/kubernetes/options.py holds them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig. Where neither it nor O(host) is set, that of the environment variable E(KUBECONFIG), as with C(kubectl), or else
        C(~/.kube/config). Where there is none, the service account of the pod that the module runs in.
      - As with C(kubectl), several may be given with colons between them.
      - The environment variable E(K8S_AUTH_KUBECONFIG) is used where the option is not set.
    type: path
  context:
    description:
      - Context in the kubeconfig. The current one where it is not set.
      - The environment variable E(K8S_AUTH_CONTEXT) is used where the option is not set.
    type: str
  host:
    description:
      - Address of the Kubernetes API, such as V(https://203.0.113.7:6443). No kubeconfig is then read.
      - The environment variable E(K8S_AUTH_HOST) is used where the option is not set.
    type: str
  api_key:
    description:
      - Bearer token.
      - The environment variable E(K8S_AUTH_API_KEY) is used where the option is not set.
    type: str
  validate_certs:
    description:
      - Whether the certificate of the Kubernetes API is verified. As the kubeconfig says where it is not set, else verified.
      - The environment variable E(K8S_AUTH_VERIFY_SSL) is used where the option is not set.
    type: bool
  ca_cert:
    description:
      - PEM file of the CAs that may sign the certificate of the Kubernetes API.
      - The environment variable E(K8S_AUTH_SSL_CA_CERT) is used where the option is not set.
    type: path
  client_cert:
    description:
      - PEM file of the certificate to show to the Kubernetes API. Needs O(client_key) where O(host) is set.
      - The environment variable E(K8S_AUTH_CERT_FILE) is used where the option is not set.
    type: path
  client_key:
    description:
      - PEM file of the key of O(client_cert).
      - The environment variable E(K8S_AUTH_KEY_FILE) is used where the option is not set.
    type: path
  proxy:
    description:
      - Address of an HTTP proxy to the Kubernetes API. Proxies named in the environment are not used.
      - The environment variable E(K8S_AUTH_PROXY) is used where the option is not set.
    type: str
  impersonate_user:
    description:
      - User to act as. The rights that are asked for and used are that user's.
      - The environment variable E(K8S_AUTH_IMPERSONATE_USER) is used where the option is not set.
    type: str
requirements:
  - kubernetes >= 24.2, below 37
notes:
  - The options of the connection have the names of the collection kubernetes.core, so that its C(module_defaults) and the Kubernetes credential of AWX serve.
"""
