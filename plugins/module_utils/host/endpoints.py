# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints as operators write them: host, host:port, [address]:port."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True)
class Endpoint:
    """Where TLS is spoken."""

    host: str
    port: int = 443

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str, option: str, port: int = 443) -> Endpoint:
    """Raises BadInput naming the option."""
    found = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?", text.strip())
    host = (found.group(1) or found.group(3)) if found else text.strip()
    number = int((found.group(2) or found.group(4) or port) if found else port)
    if not HOST.fullmatch(host) or not 0 < number < 65536:
        raise BadInput(f"{option} has {text!r}, which is no host; give such as ghe.example.com or ghe.example.com:8443")
    return Endpoint(host, number)
