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
      - Through O(ssh_forward) or O(kubernetes_forward) it bounds the making of a connection too.
    type: float
    default: 10.0
  ssh_forward:
    description:
      - Reach Nomad through a machine that one may log in to over SSH, such as the Services machine or a bastion. Excludes O(kubernetes_forward).
      - O(nomad_url) then is the address as seen from that machine. Where it is not set either, Nomad is asked at port 4646 of that machine's loopback,
        over TLS once O(nomad_ca_path), O(nomad_client_cert) or O(nomad_tls_server_name) is set.
      - Uses the C(ssh) client of the machine where the module runs, with its configuration and agent, and one log-in for each connection.
        The host key must be known. Nothing is asked, so a key with a passphrase must be in the agent.
    type: dict
    suboptions:
      host:
        description: Name or address of the machine, or its name in the configuration of the C(ssh) client.
        type: str
        required: true
      user:
        description: User to log in as.
        type: str
      port:
        description: Port of its SSH server.
        type: int
      key_file:
        description: File of the private key. Only it is then tried.
        type: path
      known_hosts_file:
        description: File with the host key, in the format of C(known_hosts). The user's own where it is not set.
        type: path
  kubernetes_forward:
    description:
      - Reach Nomad in its server's pod, through the Kubernetes API. Excludes O(ssh_forward). At most 4 connections at once.
      - The pod is found again for every connection, so that it may be restarted or moved in the middle of a wait.
      - Needs the rights C(list) on C(pods), and C(get) and C(create) on C(pods/portforward), in the namespace.
      - O(nomad_url) then tells scheme, port and path, and the name that the certificate must carry unless O(nomad_tls_server_name) does. Where it is not set,
        port 4646 is asked, over TLS once O(nomad_ca_path), O(nomad_client_cert) or O(nomad_tls_server_name) is set.
      - The environment variables are those of the collection kubernetes.core, as AWX sets them. Proxies named in the environment are not used.
    type: dict
    suboptions:
      namespace:
        description: Namespace of the pod.
        type: str
        required: true
      pod_selector:
        description: Label selector of the pod. Of several, one that is Running and Ready is taken.
        type: str
        default: app=nomad-server
      port:
        description: Port in the pod. That of O(nomad_url) where it is not set.
        type: int
      kubeconfig:
        description:
          - Path of the kubeconfig. Where neither it nor O(kubernetes_forward.host) is set, that of the environment variable E(KUBECONFIG), or else
            C(~/.kube/config). Where there is none, the service account of the pod that the module runs in.
          - The environment variable E(K8S_AUTH_KUBECONFIG) is used where the option is not set.
        type: path
      context:
        description:
          - Context in the kubeconfig. The current one where it is not set.
          - The environment variable E(K8S_AUTH_CONTEXT) is used where the option is not set.
        type: str
      host:
        description:
          - Address of the Kubernetes API. No kubeconfig is then read.
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
          - PEM file of the certificate to show to the Kubernetes API.
          - The environment variable E(K8S_AUTH_CERT_FILE) is used where the option is not set.
        type: path
      client_key:
        description:
          - PEM file of the key of O(kubernetes_forward.client_cert).
          - The environment variable E(K8S_AUTH_KEY_FILE) is used where the option is not set.
        type: path
      proxy:
        description:
          - Address of an HTTP proxy to the Kubernetes API.
          - The environment variable E(K8S_AUTH_PROXY) is used where the option is not set.
        type: str
      impersonate_user:
        description:
          - User to act as.
          - The environment variable E(K8S_AUTH_IMPERSONATE_USER) is used where the option is not set.
        type: str
requirements:
  - python-nomad >= 2.1.0
  - requests >= 2.28
  - kubernetes >= 24.2, below 37, and websocket-client >= 1.6, with O(kubernetes_forward)
  - the C(ssh) client, with O(ssh_forward)
"""
