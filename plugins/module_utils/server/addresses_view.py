# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of the addresses of an installation, and what is to be done so that its names lead there: records, or settings. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.server.addresses import OK, AddressesSpec, Seen, is_setting, verdict, with_host

CHANGED = ("elsewhere", "no_name")  # verdicts that a record or a setting mends


def addresses_view(found: Sequence[Seen], spec: AddressesSpec) -> Json:
    """The result."""
    told = {one.role: _service(one) for one in found}
    named = [one for one in found if one.name]
    bad = [told[one.role]["reason"] for one in named if not told[one.role]["ok"]]
    wrong = [one for one in named if told[one.role]["verdict"] in CHANGED]
    return {
        "services": told,
        "records": [record for one in wrong if not is_setting(one.name) for record in _records(one)],
        "settings": [_setting(one, spec) for one in wrong if is_setting(one.name)],
        "reachable": bool(named) and not bad,
        "reason": "; ".join(bad) if bad else "every name leads to its service" if named else "no name is given, so none can be judged",
    }


def _service(one: Seen) -> Json:
    said = verdict(one)
    return {
        "service": one.service.name,
        "type": one.service.kind or None,
        "port": one.service.port or None,
        "addresses": list(one.service.addresses),
        "hosts": list(one.service.hosts),
        "name": one.name or None,
        "resolves_to": list(one.answer.addresses),
        "unresolved": one.answer.blind or None,
        "verdict": said.word,
        "ok": said.word in OK,
        "reason": said.reason,
    }


def _records(one: Seen) -> list[Json]:
    name = one.name.rstrip(".")
    rows = [("CNAME", host) for host in one.service.hosts[:1]] or [(_kind(text), text) for text in one.service.addresses]
    return [{"service": one.role, "name": name, "type": kind, "value": value, "now": list(one.answer.addresses)} for kind, value in rows]


def _kind(address: str) -> str:
    return "A" if ipaddress.ip_address(address).version == 4 else "AAAA"


def _setting(one: Seen, spec: AddressesSpec) -> Json:
    host = next(iter((*one.service.hosts, *one.service.addresses)))
    return {"service": one.role, "key": spec.keys.get(one.role), "value": with_host(one.text, host), "now": one.name}
