# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official CLI as a program that restores: where it is, how it is told where the cluster is, and its life beside ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.cli_client import version_in
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import Mark, last_error
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection, checked
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.link_client import context_of, kubeconfigs_of
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands, detached

NAMES = ("kubectl-kots", "kots")
# What it needs to run, to reach the API from within a pod or through a proxy, and to fetch credentials that its kubeconfig only names.
ENVIRONMENT = (*detached.BASICS, "KUBERNETES_SERVICE_", "AWS_", "GOOGLE_", "CLOUDSDK_", *detached.PROXIES)


class ProgramClient:
    """The official CLI of KOTS on this machine."""

    def __init__(self, connection: KubernetesConnection, given: str, folder: str) -> None:
        self._connection, self._given, self.folder = connection, given, folder
        self._running: Optional[tuple[tuple[str, str], Any]] = None

    @property
    def path(self) -> Optional[str]:
        """Where it is; None where there is none."""
        return commands.find_program(self._given) if self._given else commands.find_program(*NAMES)

    def version(self) -> tuple[Optional[str], str]:
        """Its version, or why there is none."""
        path = self.path
        if path is None:
            return None, f"kots_executable is {self._given}, but no program is there" if self._given else f"none of {', '.join(NAMES)} is on PATH"
        found = version_in(commands.run([path, "version", "-o", "json"]).out) or version_in(commands.run([path, "version"]).out)
        return found, "" if found else f"{path} does not say its version"

    def check(self) -> None:
        """Raises BadInput where the connection cannot be handed on, or the folder is not ours alone. Writes nothing."""
        detached.check_folder(self.folder)
        given = self._connection
        overrides = [name for name in ("api_key", "validate_certs", "ca_cert", "client_cert", "proxy") if getattr(given, name) is not None]
        if not given.host and overrides:
            raise BadInput(
                f"{overrides[0]} is given beside a kubeconfig, and the official CLI, which outlives this task, reads the kubeconfig alone; "
                "write it there, or give host with it"
            )

    def start(self, mark: Mark, namespace: str, apps_alone: bool) -> None:
        """Start it, detached. Raises Refused."""
        path = self.path or NAMES[0]
        argv = [path, "restore", "--from-backup", mark.backup, "--namespace", namespace, *(["--exclude-admin-console"] if apps_alone else [])]
        environment, kept = detached.environment(ENVIRONMENT), self._kubeconfig()
        program = self._of(mark)
        if kept is not None:
            argv += ["--kubeconfig", program.kept]
        else:  # the very files and context that we read ourselves: by its own choice it might destroy another cluster than the one that was looked at
            environment["KUBECONFIG"], context = kubeconfigs_of(self._connection), context_of(self._connection)
            argv += ["--context", context] if context else []
        if self._connection.impersonate_user:
            argv += ["--as", self._connection.impersonate_user]
        program.start(argv, environment, kept)

    def lives(self, mark: Mark) -> Optional[bool]:
        """Whether it runs; None where the mark is of another machine, or of another user, whose locks we cannot ask."""
        if not mark.place:
            return False
        return self._of(mark).is_alive() if self._is_ours(mark) else None

    def said(self, mark: Mark) -> str:
        """Its last word of an error."""
        return last_error(self._of(mark).tail()) if self._is_ours(mark) else ""

    def end(self, mark: Mark) -> None:
        """End it, where it is ours to end."""
        if self._is_ours(mark):
            self._of(mark).end()

    def forget(self, mark: Mark) -> None:
        """Nothing of it is needed any more but its log."""
        if self._is_ours(mark):
            self._of(mark).forget()

    def place(self) -> str:
        """This machine, and whose programs of it are meant, as a mark names them."""
        return _place(self.folder)

    def _is_ours(self, mark: Mark) -> bool:
        return mark.place == _place(mark.folder or self.folder)

    def _of(self, mark: Mark) -> Any:
        known = (mark.folder or self.folder, mark.run)
        if self._running is None or self._running[0] != known:
            self._running = (known, detached.Detached(*known))
        return self._running[1]

    def _kubeconfig(self) -> Optional[Secret]:
        """The connection as a kubeconfig where it came as options; what a kubeconfig of the operator's holds is not copied."""
        given = self._connection
        if not given.host:
            return None
        cluster: Json = {"server": given.host.rstrip("/")}
        cluster.update({"certificate-authority": given.ca_cert} if given.ca_cert else {})
        cluster.update({"insecure-skip-tls-verify": True} if given.validate_certs is False else {})
        cluster.update({"proxy-url": given.proxy} if given.proxy else {})
        user: Json = {"token": given.api_key.reveal()} if given.api_key else {}
        user.update({"client-certificate": given.client_cert, "client-key": given.client_key} if given.client_cert else {})
        named = {"clusters": [{"name": "it", "cluster": cluster}], "users": [{"name": "it", "user": user}]}
        contexts = {"contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}], "current-context": "it"}
        return Secret(json.dumps({"apiVersion": "v1", "kind": "Config", **named, **contexts}))


def _place(folder: str) -> str:
    return f"{detached.place()}/{detached.whose(folder)}"


def program_from_params(params: Mapping[str, Any]) -> ProgramClient:
    """The CLI that a module's parameters name; nothing is started yet."""
    connection = checked(spec_from_params(KubernetesConnection, params))
    return ProgramClient(connection, str(params.get("kots_executable") or ""), str(params["log_directory"]))
