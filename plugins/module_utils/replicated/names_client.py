# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four names of an installation gathered: from its settings, the resolver, the certificate that is served, and the login page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import read_der
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.certificate_places_client import host_name_of
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.names import NamesAsked, NamesFound, callback_in, names_asked, names_report
from ansible_collections.serverops.circleci.plugins.module_utils.transport import handshakes, redirects


def read_names(params: Mapping[str, Any], _clock: Clock) -> Json:
    """The report. What cannot be seen is unknown; only the settings must be readable where no host_name is given."""
    asked = names_asked(params)
    name = asked.host_name or host_name_of(ReplicatedClient())
    return names_report(asked, _found(asked, name) if name else NamesFound())


def _found(asked: NamesAsked, name: str) -> NamesFound:
    why: dict[str, str] = {}
    resolved, paper, callback = None, None, asked.callback
    try:
        resolved = handshakes.addresses_of(name)
    except NotFound as error:
        resolved, why["dns"] = (), str(error)
    except Unreachable as error:
        why["dns"] = str(error)
    at = asked.endpoint
    try:
        paper = read_der(handshakes.served_certificate(at.host if at else name, at.port if at else 443, name))
    except Unreachable as error:
        why["certificate"] = str(error)
    if asked.login:
        try:
            callback = callback_in(redirects.redirect_of(asked.login))
            why["oauth_callback"] = f"{asked.login} does not redirect to an address with a redirect_uri"
        except Unreachable as error:
            callback, why["oauth_callback"] = "", str(error)
    return NamesFound(name, resolved, paper, callback, tuple(why.items()))
