# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP sessions that trust only what they were told: no environment, no redirects, TLS verified, a bounded pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

if TYPE_CHECKING:
    import requests


class Tls(NamedTuple):
    """How the other side proves itself, and how we do. Paths to PEM files; `server_name` where the certificate names something else than the address."""

    verify: bool = True
    ca_path: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    server_name: Optional[str] = None

    @property
    def trust(self) -> Union[bool, str]:
        """What requests calls `verify`."""
        return (self.ca_path or True) if self.verify else False

    @property
    def identity(self) -> tuple[str, ...]:
        """What requests calls `cert`; empty where we show none."""
        return (self.client_cert, self.client_key) if self.client_cert and self.client_key else ()


def new_session(tls: Tls, connections: int = 4, at_most: bool = False) -> requests.Session:
    """A session for one server: `trust_env` off (a proxy, a netrc or a CA bundle of the environment would decide instead of the operator).

    `at_most`: whoever asks while that many connections are in use waits for one of them, in place of opening one more.
    """
    import requests

    session = requests.Session()
    session.trust_env = False
    adapter = _adapter(tls.server_name, connections, at_most)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _adapter(server_name: Optional[str], connections: int, at_most: bool) -> Any:
    from requests.adapters import HTTPAdapter

    class NamedAdapter(HTTPAdapter):
        """Checks the certificate against a name of the operator's where one is given."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            if server_name:
                kwargs.update(server_hostname=server_name, assert_hostname=server_name)
            super().init_poolmanager(*args, **kwargs)

    return NamedAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0, pool_block=at_most)
