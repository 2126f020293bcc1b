# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates gathered from files, from servers and from the app's settings; only read, and no key is ever told."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import read_der, read_material
from ansible_collections.serverops.circleci.plugins.module_utils.host.endpoints import Endpoint
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.expiry import Met, asked_for, report
from ansible_collections.serverops.circleci.plugins.module_utils.transport import handshakes
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles


def read_expiry(params: Mapping[str, Any], clock: Clock) -> Json:
    """The report on everything that was asked for."""
    asked = asked_for(params)
    found = [*map(_file, asked.files), *map(_endpoint, asked.endpoints), *(_app() if asked.app else ())]
    return report(found, asked.warn_days, clock.wall())


def _file(path: str) -> Met:
    try:
        data = HostFiles().look(path).data
    except CollectionError as error:
        return Met("file", path, unseen=str(error))
    if data is None:
        return Met("file", path, unseen="there is no such file")
    read = read_material(data)
    return Met("file", path, read.papers, read.faults)


def _endpoint(at: Endpoint) -> Met:
    try:
        return Met("endpoint", str(at), (read_der(handshakes.served_certificate(at.host, at.port)),))
    except Unreachable as error:
        return Met("endpoint", str(at), unseen=str(error))


def _app() -> Iterator[Met]:
    """All files of the settings that hold certificates: the app's own, and authorities that somebody uploaded."""
    try:
        items = ReplicatedClient().items()
    except CollectionError as error:
        yield Met("app", "settings", unseen=str(error))
        return
    for item in items:
        for held in (item.held.data, *item.held.datas):
            read = read_material(base64.b64decode(held.reveal())) if held.reveal() else None
            if read is not None and (read.papers or item.name == "ssl_cert" or any(fault.hides for fault in read.faults)):
                yield Met("app", item.name, read.papers, read.faults)
