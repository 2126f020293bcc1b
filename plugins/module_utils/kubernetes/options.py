# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a connection to Kubernetes, by kubernetes.core's names. Data alone: modules that never use them load it too."""

from __future__ import annotations

from typing import Any

# Environment variables are those of kubernetes.core, so that AWX's Kubernetes credential works.
KUBERNETES_OPTIONS: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "path", "env": "K8S_AUTH_KUBECONFIG"},
    "context": {"type": "str", "env": "K8S_AUTH_CONTEXT"},
    "host": {"type": "str", "env": "K8S_AUTH_HOST"},
    "api_key": {"type": "str", "no_log": True, "env": "K8S_AUTH_API_KEY"},
    "validate_certs": {"type": "bool", "env": "K8S_AUTH_VERIFY_SSL"},
    "ca_cert": {"type": "path", "env": "K8S_AUTH_SSL_CA_CERT"},
    "client_cert": {"type": "path", "env": "K8S_AUTH_CERT_FILE"},
    "client_key": {"type": "path", "env": "K8S_AUTH_KEY_FILE"},
    "proxy": {"type": "str", "env": "K8S_AUTH_PROXY"},
    "impersonate_user": {"type": "str", "env": "K8S_AUTH_IMPERSONATE_USER"},
}
