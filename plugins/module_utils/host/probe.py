# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether requests take the way that they should, through the proxy or directly: what is asked, and what an answer of curl means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import without_passwords

Json = dict[str, Any]
HOST = ""  # the place of a probe from the host itself; else the name of a container
FORMAT = "\\nprobe %{http_code} %{http_connect} %{remote_ip} %{remote_port}\\n"
ANSWER = re.compile(r"^probe (\d+) (\d+) (\S*) (\d*)$", re.MULTILINE)
TRYING = re.compile(r"^\*\s+Trying (\S+?)\.\.\.", re.MULTILINE)  # the address; since curl 7.7x with its port
OF_CURL = ("*", "<", ">", "{", "}")  # how lines of --verbose begin; a login may stand in them
NO_PROXY_NAME, NO_NAME = 5, 6  # curl's codes: a name was looked up and not found, the proxy's or the target's
REFUSALS = ("403", "502", "503", "504")  # of a proxy that does not want to, or does not get through itself
REASONS = {
    5: "the proxy's name is not found",
    6: "its name is not found",
    7: "nobody takes the connection",
    28: "no answer came in time",
    35: "TLS failed",
    52: "an empty answer came",
    56: "the connection was cut",
}
UNTRUSTED = (51, 60, 77)


@dataclass(frozen=True)
class Target:
    """Whom to ask, and by which way: V(proxy), V(direct) or V(any). An `optional` one need not answer, as long as it is asked by the right way."""

    name: str
    url: str
    via: str
    optional: bool = False


@dataclass(frozen=True)
class Heard:
    """What curl left. `proxies` are names, addresses and ports of the proxies that were set; `blind` are ports of those whose address is not known here."""

    code: Optional[int]
    out: str
    err: str
    proxies: frozenset[tuple[str, str]] = frozenset()
    blind: frozenset[str] = frozenset()


def targets(params: Mapping[str, Any]) -> tuple[Target, ...]:
    """The usual ones, and those given. Raises BadInput."""
    enterprise = params.get("github_enterprise")
    github = Target("github", f"https://{enterprise}/", "direct") if enterprise else Target("github", "https://github.com/", "proxy")
    usual = (
        github,
        Target("s3", "https://s3.amazonaws.com/", "direct"),
        Target("registry", "https://registry-1.docker.io/v2/", "proxy"),
        Target("metadata", "http://169.254.169.254/", "direct", optional=True),
    )
    given = [_target(one) for one in params.get("targets") or ()]
    chosen = (*usual, *given) if params["usual_targets"] else tuple(given)
    if not chosen:
        raise BadInput("there is nobody to ask; give targets, or set usual_targets to true")
    return tuple({one.name: one for one in chosen}.values())  # one of the same name takes the place of a usual one


def _target(given: Mapping[str, Any]) -> Target:
    if not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", given["url"]):
        raise BadInput(f"targets: the url of {given['name']} is no address without a password; give such as https://github.com/")
    return Target(given["name"], given["url"], given["via"], bool(given["optional"]))


def curl_argv(target: Target, timeout: float) -> list[str]:
    """One request, its answer thrown away."""
    return ["curl", "--silent", "--show-error", "--verbose", "--output", "/dev/null", "--max-time", f"{timeout:g}", "--write-out", FORMAT, target.url]


def verdict(target: Target, place: str, heard: Heard) -> Json:
    """What came of one request."""
    found = ANSWER.search(heard.out)
    if found is None or heard.code is None:
        why = "there is no curl, or it did not run" + (f" in {place}" if place else "")
        said = without_passwords(" ".join(line for line in heard.err.splitlines() if not line.startswith(OF_CURL))).strip()[:200]
        return _told(target, place, "unknown", None, f"{why}: {said}" if said else why)
    http, connect, address, port = found.groups()
    via = _via(heard, connect, (address, port))
    if via is None and target.via != "any":
        why = REASONS.get(heard.code, f"curl ended with {heard.code}")
        return _told(target, place, "unknown", None, f"{why}, and whether it was asked through the proxy or directly cannot be told")
    if target.via != "any" and via != target.via:
        return _told(target, place, "wrong_way", via, f"it was asked {_way(via)}, but must be asked {_way(target.via)}")
    return _told(target, place, *_reached(target, via, heard.code, (http, connect)))


def _via(heard: Heard, connect: str, peer: tuple[str, str]) -> Optional[str]:
    """The way that the request took, None where nothing tells.

    Where no connection came about curl names no address: then a dead proxy looks like a dead target, but for whom curl tried.
    """
    if connect.strip("0") or heard.code == NO_PROXY_NAME:
        return "proxy"
    if heard.code == NO_NAME or not (heard.proxies or heard.blind):
        return "direct"  # who asks a proxy leaves the target's name to it
    tried = [f"{peer[0]}:{peer[1]}"] if peer[0] else TRYING.findall(heard.err)
    if any(text in (address, f"{address}:{port}", f"[{address}]:{port}") for text in tried for address, port in heard.proxies):
        return "proxy"
    ports = {text.rpartition(":")[2] if ":" in text else "" for text in tried}
    unsure = bool(heard.blind) and bool(ports & heard.blind or "" in ports | heard.blind)
    return None if unsure or not tried else "direct"


def _reached(target: Target, via: Optional[str], code: int, answers: tuple[str, str]) -> tuple[str, Optional[str], str]:
    http, connect = answers
    proxied = connect if connect.strip("0") else http if via == "proxy" else ""
    if "407" in (http, connect):
        return "refused", via, "the proxy wants a name and a password (407)"
    if proxied in REFUSALS:  # of a request in plain http nobody can tell whether the proxy said it, or whoever is beyond
        return "refused", via, f"the proxy does not let it through ({proxied}); its log says why"
    if code in UNTRUSTED:
        return "untrusted", via, "it answers with a certificate that is not trusted there; see to its authority"
    if code == 0 and http.strip("0"):
        return "as_wanted", via, f"it answers {_way(via)}".rstrip()
    why = "the proxy takes no connection" if (code, via) == (7, "proxy") else REASONS.get(code, f"curl ended with {code}")
    if target.optional and via == "direct":
        return "as_wanted", via, f"it is asked directly; {why}"
    return "unreachable", via, f"{why}, asked {_way(via)}" if via else why


def _way(via: Optional[str]) -> str:
    return {"proxy": "through the proxy", "direct": "directly", None: ""}[via]


def _told(target: Target, place: str, found: str, via: Optional[str], reason: str) -> Json:
    return {"name": target.name, "url": target.url, "container": place or None, "verdict": found, "via": via, "reason": reason}


def result(probes: list[Json]) -> Json:
    """The module's result, and the sentence by which it fails."""
    bad = [one for one in probes if one["verdict"] != "as_wanted"]
    words = [f"{one['name']} from {one['container'] or 'the host'}: {one['reason']}" for one in bad]
    return {"changed": False, "probes": probes, "as_wanted": not bad, "failure": "; ".join(words)}
