# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The road into a pod: the official client's list of pods; and a port of a pod as a channel.

The official client's own port-forward is not used: it sends none of the headers but the token, so that impersonate_user would be dropped and more
rights used than were asked for; it knows no time-out; it changes the client for all threads while it opens; and it asks for a protocol (v5) that
port-forward does not have. Its configuration and credentials serve for the websocket as they do for the list.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.errors import error_from_exception, error_from_status
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.link_client import Link
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.model import Pod, pods_from_api, usable_pod
from ansible_collections.serverops.circleci.plugins.module_utils.transport import websockets


class PodClient(Link):
    """Pods of one cluster as one user, and their ports. Nothing is asked before the first call."""

    def __init__(self, connection: KubernetesConnection, timeout: float) -> None:
        super().__init__(connection)
        self._timeout = timeout

    def pods(self, namespace: str, selector: str) -> tuple[Pod, ...]:
        """The pods that a label selector names. Raises NotPermitted, Refused, Unreachable, BadInput."""
        from kubernetes.client import ApiException, CoreV1Api
        from urllib3.exceptions import HTTPError

        api = self.api()
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
        config = self.api().configuration
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/portforward?ports={port}"
        endpoint = websockets.Endpoint(
            url="ws" + config.host.removeprefix("http").rstrip("/") + path,
            headers=self.headers(),
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


class PodRoad:
    """Channels to a port of whichever pod of a selector is Running and Ready: found again for every channel, since pods move.

    `option` is the dict option that named the pod, for messages; "" where the module's own `namespace` does.
    """

    def __init__(self, client: PodClient, namespace: str, selector: str, port: int, option: str = "kubernetes_forward") -> None:
        self._client, self._namespace, self._selector, self._port = client, namespace, selector, port
        self._see = f"{option}.namespace and pod_selector" if option else "namespace"
        self._who = option or "the forward"
        self._last = ""

    def dial(self) -> websockets.WebsocketChannel:
        """A channel to the pod. Raises NotPermitted with the rights that are missing, Unreachable while there is no pod."""
        where = f"namespace {self._namespace}"
        try:
            pods = self._client.pods(self._namespace, self._selector)
            pod = usable_pod(pods, self._last)
            if pod is None:
                there = ", ".join(f"{one.name} ({one.state})" for one in pods) or "none at all"
                raise Unreachable(f"no pod of {self._selector} in {where} is Running and Ready: {there}; see {self._see}")
            self._last = pod.name
            return self._client.port_of_pod(self._namespace, pod.name, self._port)
        except (NotFound, Refused) as error:  # gone, or on its way, between the list and the websocket
            raise Unreachable(str(error)) from None
        except NotPermitted as error:
            rights = f"; {self._who} needs list on pods, and get and create on pods/portforward, in {where}" if "(403" in str(error) else ""
            raise NotPermitted(f"{error}{rights}") from None
