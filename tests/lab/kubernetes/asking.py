"""A cluster on the virtual clock that a test speaks to in a line, as the API's function, with no socket."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from typing import Any

from lab.kubernetes.api import Api, Request
from lab.kubernetes.patches import APPLY, MERGE
from lab.kubernetes.rbac import account
from lab.kubernetes.state import ADMIN, State
from lab.kubernetes.status import Response, Watch

Json = dict[str, Any]


class Cluster:
    """`user` is a token. `get` and the others give the body, and fail the test where the status is another than expected."""

    def __init__(self) -> None:
        self.state = State(users={"admin": ADMIN})
        self.api = Api(self.state)
        self.user = "admin"
        self.last = Response(0)

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json", **query: Any) -> Response:
        headers = {"authorization": f"Bearer {self.user}", "content-type": kind}
        raw = b"" if body is None else json.dumps(body).encode()
        answer = self.api.handle(Request(method, path, {name: str(value) for name, value in query.items()}, headers, raw))
        assert isinstance(answer, Response), "a watch: ask for it with watch()"
        self.last = answer
        return answer

    def _body(self, answer: Response, expected: int) -> Any:
        assert answer.status == expected, (answer.status, answer.text[:500])
        return answer.body

    def get(self, path: str, expected: int = 200, **query: Any) -> Any:
        return self._body(self.ask("GET", path, **query), expected)

    def post(self, path: str, body: Json, expected: int = 201, **query: Any) -> Any:
        return self._body(self.ask("POST", path, body, **query), expected)

    def put(self, path: str, body: Json, expected: int = 200, **query: Any) -> Any:
        return self._body(self.ask("PUT", path, body, **query), expected)

    def patch(self, path: str, body: Any, expected: int = 200, kind: str = MERGE, **query: Any) -> Any:
        return self._body(self.ask("PATCH", path, body, kind, **query), expected)

    def apply(self, path: str, body: Json, manager: str, expected: int = 200, **query: Any) -> Any:
        return self._body(self.ask("PATCH", path, body, APPLY, fieldManager=manager, **query), expected)

    def delete(self, path: str, expected: int = 200, body: Json | None = None, **query: Any) -> Any:
        return self._body(self.ask("DELETE", path, body, **query), expected)

    def watch(self, path: str, **query: Any) -> Watch:
        headers = {"authorization": f"Bearer {self.user}"}
        answer = self.api.handle(Request("GET", path, {"watch": "true", **{name: str(value) for name, value in query.items()}}, headers))
        assert isinstance(answer, Watch), answer
        return answer

    def account(self, namespace: str, name: str) -> str:
        """The token of a service account with no rights but those that are bound to it."""
        return account(self.state, namespace, name)
