# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which a run can say something, gathered, to be searched for a canary."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Outcome
from ansible_collections.serverops.circleci.plugins.module_utils.door import result_of


def outputs(act: Callable[[], Any]) -> list[str]:
    """What came of it, as texts: the result and its representation, or the exception with its whole chain."""
    try:
        got = act()
    except CollectionError as error:
        return [str(error), repr(error), repr(error.args), repr(vars(error)), "".join(traceback.format_exception(error))]
    if isinstance(got, Outcome):
        return [repr(got), json.dumps(got._asdict()), json.dumps(result_of(got)), got.failure]
    return [repr(got), json.dumps(got)]


def leaks(secret: str, shown: list[str], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The texts that show the secret; those of loggers and of the process's own channels too."""
    assert secret and len(shown) > 1
    logged = [f"{record.name}: {record.getMessage()} {record.args!r}" for record in caplog.records]
    return [text for text in [*shown, *logged, *capfd.readouterr()] if secret in text]
