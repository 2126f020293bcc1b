# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of google-auth: by a service account's key, by a token, or by what the machine itself is."""

from __future__ import annotations

import json
from typing import Any, Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.causes import store_error
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import GcpKey

TIMEOUT = 10.0  # s, to connect and for each answer


def google_session(key: Optional[GcpKey], scope: str, place: str, verify: Union[bool, str] = True) -> Any:
    """A session that asks in the name of the key's account; `place` is for messages. Raises StoreError where there is no key."""
    from google.auth.transport.requests import AuthorizedSession

    # Nobody can make a token anew that was handed in: an answer of 401 is then the last word.
    tries = 0 if key and key.token else 2
    session = AuthorizedSession(_credentials(key, scope, place), refresh_timeout=TIMEOUT, max_refresh_attempts=tries)
    session.verify = verify
    return session


def _credentials(key: Optional[GcpKey], scope: str, place: str) -> Any:
    import google.auth
    from google.oauth2 import credentials, service_account

    if key is None:
        return google.auth.default(scopes=[scope])[0]
    if key.token:
        return credentials.Credentials(token=key.token.reveal())
    try:
        if key.contents:
            return service_account.Credentials.from_service_account_info(json.loads(key.contents.reveal()), scopes=[scope])
        return service_account.Credentials.from_service_account_file(key.file, scopes=[scope])
    except (ValueError, OSError) as error:  # a ValueError's text may quote the key
        raise store_error("no_credentials", place, f"the service account's key cannot be read: {type(error).__name__}") from None


def google_message(answer: Any) -> str:
    """The words in an error of Google's, whatever its form."""
    try:
        said = answer.json()["error"]
        return str(said.get("message") or said) if isinstance(said, dict) else str(said)
    except (ValueError, KeyError, TypeError):
        return str(answer.text)
