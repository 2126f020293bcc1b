# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Nomad with ACLs on, and the tokens that a test gives out."""

from __future__ import annotations

import urllib.error
from typing import Any

from .base import ask, until
from .real import RealCluster

SECOND = 1_000_000_000


class GuardedCluster(RealCluster):
    """Everything that the tests set up is done with the bootstrap token."""

    boss = ""

    def policy(self, name: str, rules: str) -> None:
        self._ask(f"{self.url}/v1/acl/policy/{name}", {"Name": name, "Rules": rules}, "PUT")

    def token(self, *policies: str, ttl: float = 0.0) -> str:
        """The secret of a new token with these policies; `ttl` in seconds, from 1.4."""
        more = {"ExpirationTTL": int(ttl * SECOND)} if ttl else {}
        made = self._ask(f"{self.url}/v1/acl/token", {"Name": "test", "Type": "client", "Policies": list(policies), **more}, "PUT")
        return str(made["SecretID"])

    def may_read_jobs(self, token: str, namespace: str) -> bool:
        """What the servers say of read-job there: 404 for a job that is not, or 403."""
        try:
            ask(f"{self.url}/v1/job/none?namespace={namespace}", token=token)
        except urllib.error.HTTPError as error:
            return error.code == 404
        raise AssertionError("there is such a job")

    def nodes(self) -> list[dict[str, Any]]:
        return list(self._ask(f"{self.url}/v1/nodes"))

    def namespace(self, name: str) -> None:
        self._ask(f"{self.url}/v1/namespace/{name}", {"Name": name}, "PUT")

    def _ask(self, url: str, body: Any = None, method: str | None = None) -> Any:
        return ask(url, body, method, self.boss)

    def _start(self, name: str) -> None:
        super()._start(name)
        if not self.boss:  # the server comes first
            self.boss = until(lambda: ask(f"{self.url}/v1/acl/bootstrap", method="POST")["SecretID"], "ACLs are bootstrapped", 90)

    def _config(self, name: str, home: Any) -> dict[str, object]:
        ends = {"token_min_expiration_ttl": "1s"} if name == "server" and tuple(map(int, self.version.split("."))) >= (1, 4, 0) else {}
        return {**super()._config(name, home), "acl": {"enabled": True, **ends}}
