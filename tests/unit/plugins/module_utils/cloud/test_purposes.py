# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of policies: its four verdicts, and what it refuses to judge."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.purposes import PURPOSES, judged, purpose_of
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

PARAMETERS: dict[str, dict[str, Any]] = {
    "velero_aws": {"bucket": "backups", "prefix": "velero"},
    "velero_gcp": {"bucket": "backups", "snapshots": True},
    "vm_image_aws": {
        **{"region": "eu-west-1", "account": "111111111111", "subnets": ["subnet-1"], "security_groups": ["sg-1"]},
        **{"name": "circleci-linux", "base_images": ["ami-1"]},
    },
    "vm_image_gcp": {},
    "vm_service_aws": {"region": "eu-west-1", "account": "111111111111", "subnets": ["subnet-1"], "security_groups": ["sg-1"]},
    "vm_service_gcp": {},
}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
CONFUSED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ec2:Delete*", "ec2:CreateTags"], "Resource": "*"}]}
# The same four on Google Cloud.
GRANTS = {id(EVERYTHING): {"role": "roles/owner"}, id(NOTHING): {"permissions": []}, id(CONFUSED): {"permissions": ["iam.serviceAccounts.actAs"]}}


@pytest.mark.parametrize("name", sorted(PURPOSES))
@pytest.mark.parametrize(("document", "verdict"), [(None, "least"), (EVERYTHING, "too broad"), (NOTHING, "too narrow"), (CONFUSED, "too narrow and too broad")])
def test_a_policy_is_judged_by_its_calls(name: str, document: Any, verdict: str) -> None:
    purpose = purpose_of(name, PARAMETERS[name])
    given = GRANTS.get(id(document)) if name.endswith("_gcp") else document
    found = judged(purpose, [given] if given else purpose.documents)
    assert found["verdict"] == verdict
    assert found["summary"]["needed"] == len(purpose.needed) == len(found["needed"])
    assert found["summary"]["refused"] == sum(not one["allowed"] for one in found["needed"])
    assert found["summary"]["open"] == sum(one["allowed"] for one in found["dangers"])
    assert (found["summary"]["refused"] > 0) == ("narrow" in verdict) and (found["summary"]["open"] > 0) == ("broad" in verdict)


FLAGS = [
    *(("velero_aws", "snapshots"), ("velero_gcp", "snapshots"), ("velero_gcp", "workload_identity"), ("vm_service_aws", "imdsv2")),
    *(("vm_service_gcp", "external_ip"), ("vm_service_gcp", "service_account"), ("vm_image_aws", "sharing"), ("vm_image_aws", "removal")),
    *(("vm_image_gcp", "external_ip"), ("vm_image_gcp", "sharing"), ("vm_image_gcp", "removal")),
]


@pytest.mark.parametrize(("name", "parameter"), FLAGS)
def test_yes_and_no_are_read_as_ansible_reads_them_and_all_else_is_refused(name: str, parameter: str) -> None:
    def made(value: Any) -> tuple[Any, Any]:
        region = {"region": "eu-west-1"} if name.endswith("aws") else {}
        found = purpose_of(name, {**region, **PARAMETERS[name], parameter: value})
        return found.policy, found.roles

    for words in (("false", "no", "Off", "0", 0), ("true", "yes", "On", "1", 1)):
        assert [made(one) for one in words] == [made(words[0] == "true")] * len(words)
    assert made(True) != made(False)
    for value in ("", "maybe", 2, ["true"], 1.0):
        with pytest.raises(BadInput, match=f"{parameter} is .*give true or false"):
            made(value)


def test_documents_add_up_and_a_denial_wins() -> None:
    purpose = purpose_of("velero_aws", PARAMETERS["velero_aws"])
    assert judged(purpose, [purpose.policy, EVERYTHING])["verdict"] == "too broad"
    assert judged(purpose, [purpose.policy, EVERYTHING, NOTHING])["verdict"] == "too narrow"


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        "Allow",
    ],
)
def test_what_is_not_understood_is_refused(statement: Any) -> None:
    with pytest.raises(BadInput, match="cannot be judged"):
        judged(purpose_of("velero_aws", PARAMETERS["velero_aws"]), [{"Version": "2012-10-17", "Statement": [statement]}])


def test_a_parameter_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadInput, match="parameters has buckt"):
        purpose_of("velero_aws", {"bucket": "b", "buckt": "b"})
