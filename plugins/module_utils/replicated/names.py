# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host name, DNS, certificate and OAuth callback: four values that must agree, or users cannot log in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional
from urllib.parse import parse_qs, urlsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Paper
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_names import as_address, name_fault, plain
from ansible_collections.serverops.circleci.plugins.module_utils.host.endpoints import Endpoint, parse_endpoint

PORTS = {"https": 443, "http": 80}
AGREES, DIFFERS, UNKNOWN, NOT_ASKED = "agrees", "differs", "unknown", "not_asked"


@dataclass(frozen=True)
class NamesAsked:
    """What is to be compared. Empty and None: not given."""

    host_name: str = ""
    scheme: str = "https"
    addresses: tuple[str, ...] = ()
    endpoint: Optional[Endpoint] = None
    callback: str = ""
    login: str = ""


@dataclass(frozen=True)
class NamesFound:
    """What was seen; `why` tells for dns, certificate and callback why nothing could be."""

    host_name: str = ""
    resolved: Optional[tuple[str, ...]] = None
    paper: Optional[Paper] = None
    callback: str = ""
    why: tuple[tuple[str, str], ...] = ()


def names_asked(params: Mapping[str, Any]) -> NamesAsked:
    """Raises BadInput."""
    name = plain(params["host_name"] or "")
    if name and (not parse_endpoint(name, "host_name") or ":" in name):
        raise BadInput(f"host_name is {name!r}; give it without scheme and port")
    addresses = tuple(as_address(text) for text in params["addresses"] or ())
    if not all(addresses):
        raise BadInput(f"addresses has {params['addresses'][addresses.index('')]!r}, which is no address; give such as 10.0.0.5")
    for option in ("oauth_callback", "login_url"):
        scheme, host, _port = _place(params[option] or "https://x")
        if scheme not in PORTS or not host:
            raise BadInput(f"{option} is {params[option]!r}; give a whole address, such as https://circleci.example.com/auth/github")
    endpoint = parse_endpoint(params["endpoint"], "endpoint") if params["endpoint"] else None
    return NamesAsked(name, params["scheme"], addresses, endpoint, params["oauth_callback"] or "", params["login_url"] or "")


def callback_in(location: str) -> str:
    """The callback that a redirect to GitHub carries."""
    try:
        query = urlsplit(location).query
    except ValueError:
        return ""
    return (parse_qs(query).get("redirect_uri") or [""])[0]


def names_report(asked: NamesAsked, found: NamesFound) -> Json:
    """The result."""
    why = dict(found.why)
    values = [_host_name(found.host_name), _dns(asked, found, why), _certificate(found, why), _callback(asked, found, why)]
    judged = [value for value in values if value["verdict"] != NOT_ASKED]
    return {
        "host_name": found.host_name or None,
        "compared": values,
        "agree": all(value["verdict"] == AGREES for value in judged),
        "differing": [value["name"] for value in values if value["verdict"] in (DIFFERS, UNKNOWN)],
    }


def _value(name: str, value: Any, verdict: str, reason: str) -> Json:
    return {"name": name, "value": value, "verdict": verdict, "reason": reason}


def _host_name(name: str) -> Json:
    if not name:
        return _value("host_name", None, DIFFERS, "the installation has no host name")
    return _value("host_name", name, AGREES, "what the others are compared with")


def _dns(asked: NamesAsked, found: NamesFound, why: Mapping[str, str]) -> Json:
    resolved = list(found.resolved or ())
    if found.resolved is None:
        return _value("dns", None, UNKNOWN, why.get("dns", "nothing was seen"))
    if not resolved:
        return _value("dns", resolved, DIFFERS, why.get("dns", "there is no such name"))
    odd = sorted(set(resolved) ^ set(asked.addresses)) if asked.addresses else []
    if odd:
        return _value("dns", resolved, DIFFERS, f"it leads to {_list(resolved)}, and not to {_list(asked.addresses)}")
    return _value("dns", resolved, AGREES, f"it leads to {_list(resolved)}")


def _certificate(found: NamesFound, why: Mapping[str, str]) -> Json:
    if found.paper is None:
        return _value("certificate", None, UNKNOWN, why.get("certificate", "nothing was seen"))
    names = [*found.paper.names, *found.paper.addresses]
    fault = name_fault(found.paper, found.host_name)
    return _value("certificate", names, DIFFERS if fault else AGREES, fault.words if fault else f"it is for {found.host_name}")


def _callback(asked: NamesAsked, found: NamesFound, why: Mapping[str, str]) -> Json:
    if not asked.callback and not asked.login:
        return _value("oauth_callback", None, NOT_ASKED, "GitHub tells nobody; give oauth_callback as it stands there, or login_url to see what is asked for")
    if not found.callback:
        return _value("oauth_callback", None, UNKNOWN, why.get("oauth_callback", "nothing was seen"))
    wanted = f"{asked.scheme}://{found.host_name}"
    same = _place(found.callback) == (asked.scheme, plain(found.host_name), PORTS[asked.scheme])
    return _value("oauth_callback", found.callback, AGREES if same else DIFFERS, f"it begins with {wanted}" if same else f"it must begin with {wanted}")


def _place(address: str) -> tuple[str, str, int]:
    """Scheme, host and port that an address leads to; nothing of one that leads nowhere."""
    try:
        parts = urlsplit(address)
        port = parts.port  # a ValueError where it is no number, or too large
    except ValueError:
        return "", "", 0
    return parts.scheme, plain(parts.hostname or ""), PORTS.get(parts.scheme, 0) if port is None else port


def _list(texts: Sequence[str]) -> str:
    return ", ".join(texts)
