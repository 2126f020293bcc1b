# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places of a host where a proxy has to stand, each with the file, its reader and what must be restarted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.host import proxy_dialects as dialects
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import FileWish, HostSpec
from ansible_collections.serverops.circleci.plugins.module_utils.host.proxy import Description, description
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import APP, DOCKER, NOMAD

PATHS = {
    "replicated": "/etc/replicated.conf",
    "replicated_installed": "/etc/default/replicated",  # Replicated's installer leaves it
    "customizations": "/etc/circle-installation-customizations",
    "environment": "/etc/environment",
    "apt": "/etc/apt/apt.conf.d/95serverops-proxy",
    "docker_daemon": "/etc/systemd/system/docker.service.d/http-proxy.conf",
    "docker_client": "/root/.docker/config.json",
    "nomad": "/etc/systemd/system/nomad.service.d/http-proxy.conf",
    "env_file": "",
}
PLACES = tuple(name for name in PATHS if name != "replicated_installed")
WITH_JAVA = ("customizations", "environment")
KINDS = {"customizations": "exports", "environment": "environment", "docker_daemon": "unit", "nomad": "unit", "env_file": "env_file"}
RESTARTS = {"customizations": APP, "docker_daemon": DOCKER, "nomad": NOMAD}
Values = dict[str, Optional[Secret]]


def proxy_spec(params: Mapping[str, Any]) -> HostSpec:
    """The files as they are wanted. Raises BadInput naming the option."""
    places = list(dict.fromkeys(params["places"]))
    paths = _paths(params.get("paths") or {}, places)
    if not places:
        raise BadInput(f"places is empty; give some of {', '.join(PLACES)}")
    if params["state"] == "absent":
        return HostSpec("proxy", tuple(_wish(place, places, paths, None) for place in places))
    if not params.get("http"):
        raise BadInput("http is required with state present; give the address of the proxy, such as http://10.0.0.33:3128")
    given = description(params)
    told = {"kots_values": dialects.kots_values(given), "install_arguments": dialects.install_arguments(given)}
    java = any(place in WITH_JAVA for place in places)
    warned = dialects.warnings(given, java, "apt" in places)
    return HostSpec("proxy", tuple(_wish(place, places, paths, given) for place in places), {"proxy": told}, warned)


def _paths(given: Mapping[str, Any], places: list[str]) -> dict[str, str]:
    wrong = [name for name in given if name not in PATHS]
    if wrong:
        raise BadInput(f"paths holds {wrong[0]!r}, which is no place; it takes {', '.join(PATHS)}")
    paths = {**PATHS, **{name: str(path) for name, path in given.items()}}
    bad = [name for name in (*places, "replicated_installed") if not paths[name].startswith("/")]
    if bad:
        raise BadInput(f"paths needs a full path of {bad[0]}; give one that begins with /")
    return paths


def _wish(place: str, places: list[str], paths: Mapping[str, str], given: Optional[Description]) -> FileWish:
    """A place; without a description nothing of a proxy is left there."""
    path = paths[place]
    if place == "replicated":
        return FileWish(path, "json", {"/HttpProxy": given.http.url if given else None}, only_without=paths["replicated_installed"])
    if place == "docker_client":
        return FileWish(path, "json", _docker(given), private=True)
    if place == "apt":
        return FileWish(path, "apt", dialects.apt_settings(given) if given else {})
    restart = RESTARTS.get(place, "")
    if place == "environment":  # of a client: Nomad starts what reads it; of the Services machine: its containers do
        restart = NOMAD if "nomad" in places else APP
    java = place in WITH_JAVA
    flags = dialects.java_flags(given) if given and java else ()
    return FileWish(path, KINDS[place], _variables(given), restart=restart, flags=flags, own_flags=dialects.OWN_FLAGS if java else ())


def _variables(given: Optional[Description]) -> Values:
    if given:
        return dialects.variables(given)
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: None for name in (*names, *(name.lower() for name in names))}


def _docker(given: Optional[Description]) -> Values:
    values = dialects.variables(given, lower=False) if given else dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"))
    keys = {"HTTP_PROXY": "httpProxy", "HTTPS_PROXY": "httpsProxy", "NO_PROXY": "noProxy"}
    return {f"/proxies/default/{keys[name]}": value for name, value in values.items()}
