# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""3.x sites whose console has more items, and sessions of Google by a key that a role made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from google.auth.transport.requests import AuthorizedSession
from google.oauth2.service_account import Credentials

from lab.kots.model import Item
from lab.site.site import Site


@contextmanager
def site_with(items: Sequence[Item]) -> Iterator[Site]:
    """A settled site whose app has these items too, all empty."""
    made = Site(velero="1.6.3", speed=4.0)
    app = made.console.apps["circleci-server"]
    app.items = (*app.items, *items)
    for version in app.versions:
        version.values.update({item.name: "" for item in items})
    try:
        yield made.settle()
    finally:
        made.stop()


def session_of(key: Path) -> AuthorizedSession:
    """A session of the account whose key is in that file."""
    return AuthorizedSession(Credentials.from_service_account_file(str(key), scopes=["https://www.googleapis.com/auth/cloud-platform"]))
