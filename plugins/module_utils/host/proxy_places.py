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
    "replicated_installed": "/etc/default/replicated",  # Replicated's installer leaves it on Debian and its like
    "customizations": "/etc/circle-installation-customizations",
    "environment": "/etc/environment",
    "apt": "/etc/apt/apt.conf.d/95serverops-proxy",
    "docker_daemon": "/etc/systemd/system/docker.service.d/http-proxy.conf",
    "docker_client": "/root/.docker/config.json",
    "nomad": "/etc/systemd/system/nomad.service.d/http-proxy.conf",
    "env_file": "",
}
INSTALLED_ON_RED_HAT = "/etc/sysconfig/replicated"
PLACES = tuple(name for name in PATHS if name != "replicated_installed")
WITH_JAVA = ("customizations", "environment")
KINDS = {"customizations": "exports", "environment": "environment", "docker_daemon": "unit", "nomad": "unit", "env_file": "env_file"}
RESTARTS = {"customizations": APP, "docker_daemon": DOCKER, "nomad": NOMAD}
# Whom to ask what it gets, where the file is in the place that it reads.
READERS = {"apt": "apt-config", "docker_daemon": "docker.service", "nomad": "nomad.service"}
Values = dict[str, Optional[Secret]]


def proxy_spec(params: Mapping[str, Any]) -> HostSpec:
    """The files as they are wanted. Raises BadInput naming the option."""
    places = list(dict.fromkeys(params["places"]))
    paths = _paths(params.get("paths") or {}, places)
    environment = _environment_restart(params, places)
    if not places:
        raise BadInput(f"places is empty; give some of {', '.join(PLACES)}")
    if params["state"] == "absent":
        return HostSpec("proxy", tuple(_wish(place, environment, paths, None) for place in places))
    if not params.get("http"):
        raise BadInput("http is required with state present; give the address of the proxy, such as http://10.0.0.33:3128")
    given = description(params)
    told = {"kots_values": dialects.kots_values(given), "install_arguments": dialects.install_arguments(given)}
    java = any(place in WITH_JAVA for place in places)
    warned = dialects.warnings(given, java, "apt" in places)
    return HostSpec("proxy", tuple(_wish(place, environment, paths, given) for place in places), {"proxy": told}, warned)


def _paths(given: Mapping[str, Any], places: list[str]) -> dict[str, str]:
    wrong = [name for name in given if name not in PATHS]
    if wrong:
        raise BadInput(f"paths holds {wrong[0]!r}, which is no place; it takes {', '.join(PATHS)}")
    paths = {**PATHS, **{name: str(path) for name, path in given.items()}}
    bad = [name for name in (*places, "replicated_installed") if not paths[name].startswith("/")]
    if bad:
        raise BadInput(f"paths needs a full path of {bad[0]}; give one that begins with /")
    return paths


def _wish(place: str, environment: str, paths: Mapping[str, str], given: Optional[Description]) -> FileWish:
    """A place; without a description nothing of a proxy is left there. `environment` is what takes up the place of that name."""
    path = paths[place]
    if place == "replicated":
        return FileWish(path, "json", {"/HttpProxy": given.http.url if given else None}, only_without=_installed(paths))
    if place == "docker_client":
        return FileWish(path, "json", _docker(given), private=True)
    if place == "apt":
        return FileWish(path, "apt", dialects.apt_settings(given) if given else {}, reader=_reader(place, path, given))
    java = place in WITH_JAVA
    flags, own = dialects.java_flags(given) if given and java else (), dialects.OWN_FLAGS if java else ()
    restarts, reader = {**RESTARTS, "environment": environment}, _reader(place, path, given)
    return FileWish(path, KINDS[place], _variables(given), restart=restarts.get(place, ""), flags=flags, own_flags=own, reader=reader)


def _environment_restart(params: Mapping[str, Any], places: list[str]) -> str:
    """What takes up /etc/environment: on a client Nomad starts what reads it, on the Services machine its containers do."""
    given = params.get("environment_restart")
    if given:
        return "" if given == "none" else str(given)
    return NOMAD if "nomad" in places else APP


def _reader(place: str, path: str, given: Optional[Description]) -> str:
    """Who shall get the proxy from there; whoever wants none any more may leave others their own."""
    return READERS.get(place, "") if given and path == PATHS[place] else ""


def _installed(paths: Mapping[str, str]) -> tuple[str, ...]:
    """The files by which an installed Replicated is known; where one was given, that alone."""
    given = paths["replicated_installed"]
    return (given, INSTALLED_ON_RED_HAT) if given == PATHS["replicated_installed"] else (given,)


def _variables(given: Optional[Description]) -> Values:
    if given:
        return dialects.variables(given)
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: None for name in (*names, *(name.lower() for name in names))}


def _docker(given: Optional[Description]) -> Values:
    values = dialects.variables(given, lower=False) if given else dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"))
    keys = {"HTTP_PROXY": "httpProxy", "HTTPS_PROXY": "httpsProxy", "NO_PROXY": "noProxy"}
    return {f"/proxies/default/{keys[name]}": value for name, value in values.items()}
