# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of iam_policy_info."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from unit.plugins.modules.indoors import check_options, module, returned

NAME = "iam_policy_info"


def read(**params: Any) -> dict[str, Any]:
    found: dict[str, Any] = module(NAME).DOOR.read({"documents": None, **params}, SystemClock())
    return found


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_the_least_policy_is_given_and_passes() -> None:
    found = read(purpose="velero_aws", parameters={"bucket": "backups", "prefix": "velero"})
    assert set(found) == set(returned(NAME))
    assert found["verdict"] == "least" and found["policy"]["Statement"]


def test_the_policy_given_is_the_one_that_is_judged() -> None:
    wide = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    found = read(purpose="velero_aws", parameters={"bucket": "backups", "prefix": "velero"}, documents=[wide])
    assert found["verdict"] == "too broad"
    assert {"what": "delete the bucket", "action": "s3:DeleteBucket", "resource": "arn:aws:s3:::backups", "allowed": True} in found["dangers"]


@pytest.mark.parametrize("purpose", ["velero_aws", "velero_gcp"])
def test_no_policy_at_all_is_too_narrow(purpose: str) -> None:
    found = read(purpose=purpose, parameters={"bucket": "backups"}, documents=[])
    assert found["verdict"] == "too narrow" and found["summary"]["refused"] == found["summary"]["needed"] > 0


def test_a_wish_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadInput, match="without a star"):
        read(purpose="velero_aws", parameters={"bucket": "*"})
