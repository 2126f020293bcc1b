# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API through the official client: its credentials, its list of pods; and a port of a pod as a channel.

The official client's own port-forward is not used: it sends none of the headers but the token, so that impersonate_user would be dropped and more
rights used than were asked for; it knows no time-out; it changes the client for all threads while it opens; and it asks for a protocol (v5) that
port-forward does not have. Its configuration and credentials serve for the websocket as they do for the list.
"""

from __future__ import annotations

import json
from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.errors import error_from_exception, error_from_status
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.model import Pod, pods_from_api, usable_pod
from ansible_collections.serverops.circleci.plugins.module_utils.transport import websockets


class KubernetesClient:
    """One cluster as one user. Nothing is asked before the first call."""

    def __init__(self, connection: KubernetesConnection, timeout: float) -> None:
        self._connection, self._timeout = connection, timeout
        self._made: Optional[Any] = None

    def pods(self, namespace: str, selector: str) -> tuple[Pod, ...]:
        """The pods that a label selector names. Raises NotPermitted, Refused, Unreachable, BadInput."""
        from kubernetes.client import ApiException, CoreV1Api
        from urllib3.exceptions import HTTPError

        api = self._api()
        try:
            got = CoreV1Api(api).list_namespaced_pod(
                namespace, label_selector=selector, _request_timeout=(self._timeout, self._timeout), _preload_content=False
            )
            body = json.loads(got.data)
            return pods_from_api(body)
        except (ApiException, HTTPError) as error:
            raise error_from_exception(error, self.place) from None
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Unreachable(f"what {self.place} answered is no list of pods; is that the Kubernetes API?") from None

    def port_of_pod(self, namespace: str, pod: str, port: int) -> websockets.WebsocketChannel:
        """A channel to a port of a pod. Raises what the API's refusal means; Unreachable where the pod's machine cannot be reached."""
        config = self._api().configuration
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/portforward?ports={port}"
        endpoint = websockets.Endpoint(
            url="ws" + config.host.removeprefix("http").rstrip("/") + path,
            headers=self._headers(),
            verify=config.verify_ssl,
            ca_path=config.ssl_ca_cert,
            client_cert=config.cert_file,
            client_key=config.key_file,
            server_name=getattr(config, "tls_server_name", None),
            proxy=config.proxy,
        )
        try:
            return websockets.dial(endpoint, self._timeout)
        except websockets.NotUpgraded as error:
            raise error_from_status(error.status, error.message, self.place) from None

    @property
    def place(self) -> str:
        """Host and port of the API, for messages."""
        host = str(self._api().configuration.host)
        return websockets.place("ws" + host.removeprefix("http"))

    def _headers(self) -> dict[str, str]:
        """Who we are, renewed where the kubeconfig says how."""
        headers = {str(name): str(value) for name, value in self._api().default_headers.items()}
        self._api().update_params_for_auth(headers, [], ["BearerToken"])
        return headers

    def _api(self) -> Any:
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
        config.load_kube_config(config_file=given.kubeconfig, context=given.context, client_configuration=made, persist_config=False)
        return
    except config.ConfigException as error:
        if given.kubeconfig or given.context:
            names = f"kubeconfig {given.kubeconfig or '(the default)'} with context {given.context or '(the current)'}"
            raise BadInput(f"{names} cannot be used: {error}") from None
    try:
        config.load_incluster_config(client_configuration=made)
    except config.ConfigException:
        raise BadInput("neither host nor kubeconfig is given, there is no ~/.kube/config, and this is no pod; say where the Kubernetes API is") from None


class PodRoad:
    """Channels to a port of whichever pod of a selector is Running and Ready: found again for every channel, since pods move."""

    def __init__(self, client: KubernetesClient, namespace: str, selector: str, port: int) -> None:
        self._client, self._namespace, self._selector, self._port = client, namespace, selector, port
        self._last = ""

    def dial(self) -> websockets.WebsocketChannel:
        """A channel to the pod. Raises NotPermitted with the rights that are missing, Unreachable while there is no pod."""
        where = f"namespace {self._namespace}"
        try:
            pods = self._client.pods(self._namespace, self._selector)
            pod = usable_pod(pods, self._last)
            if pod is None:
                there = ", ".join(f"{one.name} ({one.state})" for one in pods) or "none at all"
                raise Unreachable(f"no pod of {self._selector} in {where} is Running and Ready: {there}; see kubernetes_forward.namespace and pod_selector")
            self._last = pod.name
            return self._client.port_of_pod(self._namespace, pod.name, self._port)
        except (NotFound, Refused) as error:  # gone, or on its way, between the list and the websocket
            raise Unreachable(str(error)) from None
        except NotPermitted as error:
            rights = f"; kubernetes_forward needs list on pods, and get and create on pods/portforward, in {where}" if "(403" in str(error) else ""
            raise NotPermitted(f"{error}{rights}") from None
