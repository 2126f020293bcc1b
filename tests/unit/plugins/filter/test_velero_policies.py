# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of Velero's policies: they give what policy.py makes, and a wrong value is one sentence of Ansible's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.filter.velero_aws_policy import FilterModule as Policy
from ansible_collections.serverops.circleci.plugins.filter.velero_bucket_policy import FilterModule as Bucket
from ansible_collections.serverops.circleci.plugins.filter.velero_gcp_roles import FilterModule as Roles
from ansible_collections.serverops.circleci.plugins.filter.velero_trust_policy import FilterModule as Trust
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import AwsWish, aws_policy, bucket_policy, gcp_roles, trust_policy

FILTERS = {**Policy().filters(), **Bucket().filters(), **Roles().filters(), **Trust().filters()}
PROVIDER = "arn:aws:iam::1:oidc-provider/oidc.eks/id/AB"


@pytest.mark.parametrize(
    ("name", "given", "more", "wanted"),
    [
        ("velero_aws_policy", "b", {}, aws_policy(AwsWish("b"))),
        ("velero_aws_policy", "b", {"prefix": None}, aws_policy(AwsWish("b"))),
        ("velero_aws_policy", "b", {"prefix": "p", "region": "r", "snapshots": True, "uploader": "kopia"}, aws_policy(AwsWish("b", "p", "r", "kopia", True))),
        ("velero_bucket_policy", "b", {}, bucket_policy("b")),
        ("velero_bucket_policy", "b", {"present": {"Policy": '{"Statement": []}'}}, {"Statement": bucket_policy("b")["Statement"]}),
        ("velero_gcp_roles", "b", {}, gcp_roles("b")),
        ("velero_gcp_roles", "b", {"name": "n", "snapshots": True, "workload_identity": True}, gcp_roles("b", "n", True, True)),
        ("velero_trust_policy", PROVIDER, {"namespace": "n"}, trust_policy(PROVIDER, "n")),
    ],
)
def test_they_give_the_policy(name: str, given: str, more: dict[str, Any], wanted: Any) -> None:
    assert FILTERS[name](given, **more) == wanted


@pytest.mark.parametrize(
    ("name", "given", "more", "words"),
    [
        ("velero_aws_policy", "b*", {}, "velero_aws_policy: the bucket is 'b"),
        ("velero_aws_policy", "b", {"nonsense": 1}, "velero_aws_policy: .*nonsense"),
        ("velero_gcp_roles", "gs://b", {}, "velero_gcp_roles: the bucket is 'gs://b'"),
        ("velero_bucket_policy", "", {}, "velero_bucket_policy: the bucket is ''"),
        ("velero_bucket_policy", "b", {"present": "{"}, "velero_bucket_policy: the present policy is no JSON"),
        ("velero_trust_policy", "x", {}, "velero_trust_policy: the OIDC provider is 'x'"),
    ],
)
def test_a_wrong_value_is_one_sentence(name: str, given: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        FILTERS[name](given, **more)
