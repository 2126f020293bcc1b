# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero's policies: every call that Velero makes is allowed, what the published guide's policy allows besides is not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud import policy
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import AwsWish, aws_policy, bucket_policy, gcp_permissions, trust_policy, wish_of
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, Right, allows
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.velero_calls import dangers, needed
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

from lab.google.catalogue import PREDEFINED

B, P = "arn:aws:s3:::backups", "arn:aws:s3:::backups/velero"
FILES = AwsWish("backups", "velero")
KOPIA = replace(FILES, uploader="kopia")
SNAPSHOTS = replace(FILES, region="eu-west-1", snapshots=True)
# As the guide of CircleCI Server 3.x prints it, with its two ARNs for one bucket.
GUIDE: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:CreateTags", "ec2:CreateVolume", "ec2:CreateSnapshot", "ec2:DeleteSnapshot"],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:DeleteObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            "Resource": [f"{B}/*"],
        },
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [B]},
    ],
}

STORE = needed(FILES)
KOPIA_ONLY = [right for right in needed(KOPIA) if right.call.action == "s3:ListBucket" and not right.call.context]
VOLUMES = [right for right in needed(SNAPSHOTS) if right.call.action.startswith("ec2:")]
# What a stolen key must not do; of these the guide's policy lets it do all but what is done to the bucket itself.
DANGEROUS = dangers(SNAPSHOTS)
ids: dict[str, Any] = {"ids": lambda right: right.what}


@pytest.mark.parametrize("right", STORE, **ids)
def test_what_velero_does_in_the_store_is_allowed(right: Right) -> None:
    assert allows([aws_policy(FILES)], right.call), right.what
    assert allows([aws_policy(KOPIA)], right.call), right.what
    assert allows([aws_policy(SNAPSHOTS)], right.call), right.what


@pytest.mark.parametrize("right", KOPIA_ONLY, **ids)
def test_what_kopia_asks_is_allowed_where_it_is_named(right: Right) -> None:
    assert allows([aws_policy(KOPIA)], right.call), right.what
    assert not allows([aws_policy(FILES)], right.call)


@pytest.mark.parametrize("right", VOLUMES, **ids)
def test_volume_snapshots_are_allowed_where_they_are_wanted_only(right: Right) -> None:
    assert allows([aws_policy(SNAPSHOTS)], right.call), right.what
    assert not allows([aws_policy(FILES)], right.call)


@pytest.mark.parametrize("right", DANGEROUS, **ids)
def test_what_the_guide_s_policy_allows_besides_is_denied(right: Right) -> None:
    if right.call.resource != B and "DeleteObjectVersion" not in right.call.action:
        assert allows([GUIDE], right.call), "the guide's policy must be seen to allow it"
    assert not allows([aws_policy(FILES)], right.call), right.what
    assert not allows([aws_policy(SNAPSHOTS)], right.call), right.what


def test_the_guide_s_policy_fails_what_ours_passes() -> None:
    """Too wide on all of these, and too narrow for what restic asks where the address names no region."""
    assert len(DANGEROUS) >= 20
    assert not allows([GUIDE], Call("s3:GetBucketLocation", B))


@pytest.mark.parametrize(("wish", "widened"), [(FILES, "s3:*"), (SNAPSHOTS, "ec2:*")])
def test_a_policy_that_is_widened_is_seen(wish: AwsWish, widened: str) -> None:
    wide = aws_policy(wish)
    wide["Statement"].append({"Effect": "Allow", "Action": widened, "Resource": "*"})
    service = widened.partition(":")[0]
    assert [right for right in DANGEROUS if allows([wide], right.call)] == [right for right in DANGEROUS if right.call.action.startswith(service)]


@pytest.mark.parametrize("statement", range(3))
def test_each_statement_is_needed_for_the_store(statement: int) -> None:
    less = aws_policy(FILES)
    del less["Statement"][statement]
    assert not all(allows([less], right.call) for right in STORE)


@pytest.mark.parametrize("statement", range(3, 10))
def test_each_statement_is_needed_for_volumes(statement: int) -> None:
    less = aws_policy(SNAPSHOTS)
    del less["Statement"][statement]
    assert not all(allows([less], right.call) for right in VOLUMES)


def test_a_bucket_without_a_prefix_is_open_as_a_whole_and_no_other_is() -> None:
    whole = aws_policy(AwsWish("backups"))
    assert allows([whole], Call("s3:ListBucket", B)) and allows([whole], Call("s3:GetObject", f"{B}/backups/one/x"))
    assert not allows([whole], Call("s3:GetObject", "arn:aws:s3:::backups-2/x"))
    assert not allows([whole], Call("s3:DeleteBucket", B))


@pytest.mark.parametrize("secure", [True, False])
def test_without_tls_nobody_gets_in(secure: bool) -> None:
    call = Call("s3:GetObject", f"{P}/x", {"aws:SecureTransport": "true" if secure else "false"})
    assert allows([aws_policy(FILES), bucket_policy("backups")], call) is secure


TLS = bucket_policy("backups")["Statement"][0]
OTHER = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:GetObject", "Resource": f"{B}/*"}


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        (None, [TLS]),
        ({}, [TLS]),
        ("", [TLS]),
        ({"Statement": [OTHER]}, [OTHER, TLS]),
        ({"Statement": OTHER}, [OTHER, TLS]),
        (json.dumps({"Statement": [OTHER]}), [OTHER, TLS]),
        ({"Policy": json.dumps({"Statement": [OTHER]})}, [OTHER, TLS]),
        ({"Statement": [TLS, OTHER]}, [TLS, OTHER]),
        ({"Statement": [{**TLS, "Sid": "AsTheyCallIt"}]}, [{**TLS, "Sid": "AsTheyCallIt"}]),
        ({"Statement": [{**OTHER, "Sid": "TlsOnly"}]}, [{**OTHER, "Sid": "TlsOnly"}, {**TLS, "Sid": "TlsOnly2"}]),
    ],
)
def test_a_bucket_keeps_what_its_policy_says_besides(present: Any, wanted: list[Any]) -> None:
    made = bucket_policy("backups", present=present)
    assert made["Statement"] == wanted and bucket_policy("backups", present=made) == made


def test_a_policy_of_an_older_version_stays_one() -> None:
    assert bucket_policy("backups", present={"Version": "2008-10-17", "Id": "x", "Statement": [OTHER]})["Version"] == "2008-10-17"


@pytest.mark.parametrize("present", ["{", "[]x", {"Id": "x"}, [1]])
def test_a_present_policy_that_is_none_is_not_lost(present: Any) -> None:
    with pytest.raises(BadInput, match="the present policy"):
        bucket_policy("backups", present=present)


def test_the_role_is_for_one_service_account() -> None:
    made = trust_policy("arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/AB")
    host = "oidc.eks.eu-west-1.amazonaws.com/id/AB"
    assert made["Statement"][0]["Condition"] == {"StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": "system:serviceaccount:velero:velero"}}
    assert made["Statement"][0]["Action"] == "sts:AssumeRoleWithWebIdentity"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bucket": ""}, "the bucket is ''"),
        ({"bucket": "b*"}, "without a star"),
        ({"bucket": "arn:aws:s3:::b"}, "or an ARN"),
        ({"bucket": None}, "the bucket is None"),
        ({"bucket": "b", "prefix": "v*"}, "would mean more than one prefix"),
        ({"bucket": "b", "prefix": "${aws:username}"}, "would mean more than one prefix"),
        ({"bucket": "b", "uploader": "tar"}, "give restic or kopia"),
        ({"bucket": "b", "snapshots": True}, "no region is given"),
    ],
)
def test_a_wish_that_would_open_more_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words.replace("$", r"\$").replace("*", r"\*")):
        wish_of(**given)


@pytest.mark.parametrize("provider", ["", "oidc.eks", "arn:aws:iam::1:role/x"])
def test_a_provider_that_is_none_is_refused(provider: str) -> None:
    with pytest.raises(BadInput, match="give the ARN of the provider"):
        trust_policy(provider)


def test_google_s_custom_role_has_exactly_what_the_guide_lists() -> None:
    """E13 of the guide: eight permissions, which gcloud takes as one word joined by commas."""
    found = gcp_permissions()
    assert ",".join(found["project"]).count(",") == 7 and " " not in ",".join(found["project"])
    assert set(found["project"]) == {
        *("compute.disks.get", "compute.disks.create", "compute.disks.createSnapshot", "compute.zones.get"),
        *("compute.snapshots.get", "compute.snapshots.create", "compute.snapshots.useReadOnly", "compute.snapshots.delete"),
    }
    assert found["account"] == ()


def test_google_s_rights_are_bound_where_they_are_used() -> None:
    found = gcp_permissions(snapshots=False, workload_identity=True)
    assert found["project"] == ()
    assert found["account"] == ("iam.serviceAccounts.signBlob",)
    assert set(found["bucket"]) == {f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")}, "objectAdmin may change who else may"


# What each part calls, and the permission that the call takes: velero-plugin-for-gcp (object_store.go, volume_snapshotter.go), restic (backend/gs), Kopia.
GOOGLE_CALLS = {
    "bucket": {
        "write an object": ("storage.objects.create",),
        "write it over": ("storage.objects.create", "storage.objects.delete"),
        "read it, look whether it is there": ("storage.objects.get",),
        "list": ("storage.objects.list",),
        "delete": ("storage.objects.delete",),
    },
    "project": {
        "look at a disk and its zone": ("compute.disks.get", "compute.zones.get"),
        "copy it": ("compute.disks.createSnapshot", "compute.snapshots.create", "compute.snapshots.get"),
        "make a disk of the copy": ("compute.disks.create", "compute.snapshots.useReadOnly"),
        "delete the copy": ("compute.snapshots.delete",),
    },
    "account": {"sign a download address": ("iam.serviceAccounts.signBlob",)},
}


def test_google_s_roles_allow_each_call_that_is_made_and_nothing_that_is_not() -> None:
    found = {role["place"]: set(role["permissions"]) for role in policy.gcp_roles("b", "velero", snapshots=True, workload_identity=True)}
    needed = {place: {one for permissions in calls.values() for one in permissions} for place, calls in GOOGLE_CALLS.items()}
    assert found == needed


@pytest.mark.parametrize("guide", ["roles/storage.objectAdmin", "roles/storage.admin", "roles/owner"])
def test_what_the_guide_s_role_opens_besides_is_closed(guide: str) -> None:
    ours = {permission for role in policy.gcp_roles("b", "velero", True, True) for permission in role["permissions"]}
    more = PREDEFINED[guide] - ours
    assert "storage.objects.setIamPolicy" in more and ours & {"iam.serviceAccounts.actAs", "iam.serviceAccounts.getAccessToken"} == set()
    assert not [one for one in ours if one.endswith(("IamPolicy", ".update")) or one.startswith(("iam.roles", "iam.serviceAccountKeys", "storage.buckets"))]


def test_google_s_roles_have_ids_that_google_takes_and_only_those_that_are_needed() -> None:
    assert [role["role_id"] for role in policy.gcp_roles("b", "my-velero")] == ["my_velero_objects"]
    assert [(role["place"], role.get("bucket")) for role in policy.gcp_roles("b", snapshots=True)] == [("bucket", "b"), ("project", None)]


@pytest.mark.parametrize("bucket", ["", "a*", "gs://b", None])
def test_a_google_bucket_that_is_none_is_refused(bucket: object) -> None:
    with pytest.raises(BadInput, match="give the name of one bucket"):
        policy.gcp_roles(bucket)


def test_the_tag_is_velero_s() -> None:
    """As velero-plugin-for-aws writes it."""
    assert policy.TAG == "velero.io/backup"
