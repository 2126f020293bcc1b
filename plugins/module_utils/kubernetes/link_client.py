# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are at the Kubernetes API and how to reach it, by the official client's configuration: address, credentials, TLS, proxy."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Optional
from urllib.parse import urlsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection

USUAL = "~/.kube/config"


def kubeconfigs_of(given: KubernetesConnection) -> str:
    """Where the kubeconfig is sought: in the option, else in KUBECONFIG, as every program of Kubernetes does, else where it usually is.

    Several have colons between them. Absolute: a program that is told of them may stand in another folder.
    """
    told = (given.kubeconfig or os.environ.get("KUBECONFIG") or "").split(os.pathsep)
    return os.pathsep.join(os.path.abspath(os.path.expanduser(part)) for part in [part for part in told if part] or [USUAL])


def context_of(given: KubernetesConnection) -> Optional[str]:
    """The context that counts: of several kubeconfigs the first that names one decides, as for kubectl. The official client by itself takes the last."""
    from kubernetes.config import ConfigException
    from kubernetes.config.kube_config import KubeConfigMerger

    for path in [] if given.context else kubeconfigs_of(given).split(os.pathsep):
        with suppress(ConfigException):
            found = KubeConfigMerger(path).config
            if found is not None and found.value.get("current-context"):
                return str(found.value["current-context"])
    return given.context


class Link:
    """One cluster as one user. Nothing is read before it is needed."""

    def __init__(self, connection: KubernetesConnection) -> None:
        self._connection = connection
        self._made: Optional[Any] = None

    @property
    def place(self) -> str:
        """Host and port of the API, for messages."""
        return urlsplit(str(self.api().configuration.host)).netloc.rpartition("@")[2]

    def headers(self) -> dict[str, str]:
        """Who we are, renewed where the kubeconfig says how."""
        headers = {str(name): str(value) for name, value in self.api().default_headers.items()}
        # From the configuration: what the official client calls to fill them in takes other arguments from 37 on.
        for one in self.api().configuration.auth_settings().values():
            if one["value"]:
                headers[str(one["key"])] = str(one["value"])
        return headers

    def renewed(self) -> bool:
        """After an answer of 401: who we are, read anew from where it was read; whether that is another credential now."""
        before = self.headers()
        if not self._connection.api_key:
            self._made = None
        return self.headers() != before

    def api(self) -> Any:
        """The official client's ApiClient."""
        if self._made is None:
            self._made = self._new_api()
        return self._made

    def _new_api(self) -> Any:
        from kubernetes.client import ApiClient

        api = ApiClient(_configuration(self._connection))
        if self._connection.impersonate_user:
            api.set_default_header("Impersonate-User", self._connection.impersonate_user)
        return api


def _configuration(given: KubernetesConnection) -> Any:
    """The official client's configuration: from the host alone where one is given, else from the kubeconfig, else from the pod we run in."""
    from kubernetes.client import Configuration

    made = Configuration()
    made.proxy = made.no_proxy = None  # what it took from the environment
    made.retries = 0  # the caller knows how long to try (False would end in a fault of the library's own where TLS fails)
    if not given.host:
        _load(given, made)
    overrides = {
        "host": given.host and given.host.rstrip("/"),
        "verify_ssl": given.validate_certs,
        "ssl_ca_cert": given.ca_cert,
        "cert_file": given.client_cert,
        "key_file": given.client_key,
        "proxy": given.proxy,
    }
    for name, value in overrides.items():
        if value is not None:
            setattr(made, name, value)
    if given.api_key:
        made.refresh_api_key_hook = None
        made.api_key = {"authorization": f"Bearer {given.api_key.reveal()}"}
    return made


def _load(given: KubernetesConnection, made: Any) -> None:
    from kubernetes import config

    try:
        config.load_kube_config(config_file=kubeconfigs_of(given), context=context_of(given), client_configuration=made, persist_config=False)
        return
    except config.ConfigException as error:
        if given.kubeconfig or given.context:
            names = f"kubeconfig {kubeconfigs_of(given)} with context {given.context or '(the current)'}"
            raise BadInput(f"{names} cannot be used: {error}") from None
    try:
        config.load_incluster_config(client_configuration=made)
    except config.ConfigException:
        raise BadInput(
            f"neither host nor kubeconfig is given, there is none at {kubeconfigs_of(given)}, and this is no pod; say where the Kubernetes API is"
        ) from None
