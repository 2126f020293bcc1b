# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role velero_aws where it must stop, and the identity without a key. Its usual way is the molecule scenario's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from integration.playing import Played, play

from lab.store.store import Store

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  module_defaults:
    group/amazon.aws.aws: {endpoint_url: "{{ store }}", region: eu-west-1, access_key: lab, secret_key: lab}
  roles:
    - serverops.circleci.velero_aws
"""
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/"


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.start() as running:
        yield running


def client(store: Store, service: str) -> Any:
    return boto3.client(service, endpoint_url=store.url, region_name="eu-west-1", aws_access_key_id="lab", aws_secret_access_key="lab")


def policy(store: Store, kind: str = "user") -> dict[str, Any]:
    """The least policy that is on it."""
    asked = getattr(client(store, "iam"), f"get_{kind}_policy")
    found: dict[str, Any] = asked(**{f"{kind.capitalize()}Name": "velero", "PolicyName": "velero"})["PolicyDocument"]
    return found


def go(store: Store, tmp_path: Path, *options: str, **variables: Any) -> Played:
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY)
    given = {"velero_aws_bucket": "backups", "velero_aws_region": "eu-west-1", "velero_aws_credentials_file": str(tmp_path / "key")}
    return play(str(playbook), {"store": store.url, **given, **variables}, tmp_path / "home", *options)


def test_a_bucket_in_another_region_is_left_alone(store: Store, tmp_path: Path) -> None:
    store.bucket("backups", "us-east-2")
    played = go(store, tmp_path)
    assert played.code != 0 and "bucket backups is in us-east-2, but velero_aws_region is" in played.output, played.output
    assert "changed=0" in played.output and store.users() == {} and not (tmp_path / "key").exists()


@pytest.mark.soak
def test_a_file_that_holds_something_else_is_not_written_over(store: Store, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("[default]\naws_access_key_id=AKIASOMEBODY\naws_secret_access_key=theirs\n")
    played = go(store, tmp_path)
    assert played.code != 0 and "holds something else" in played.output, played.output
    assert "theirs" in (tmp_path / "key").read_text() and "theirs" not in played.output
    assert "changed=0" in played.output and store.users() == {}, "nothing is made before"


def test_a_key_whose_secret_is_lost_is_told_and_another_is_made_where_it_is_wanted(store: Store, tmp_path: Path) -> None:
    assert go(store, tmp_path).code == 0
    [lost], kept = store.users()["velero"]["keys"], policy(store)
    (tmp_path / "key").unlink()
    played = go(store, tmp_path, velero_aws_snapshots=True)
    assert played.code != 0 and f"has the key {lost}" in played.output and "(velero_aws_new_key: true)" in played.output, played.output
    assert "changed=0" in played.output and store.users()["velero"]["keys"] == [lost] and policy(store) == kept, "the rights are as they were, too"
    for changed in (True, False):
        played = go(store, tmp_path, velero_aws_new_key=True)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    assert len(store.users()["velero"]["keys"]) == 2
    secret = (tmp_path / "key").read_text().split("aws_secret_access_key=")[1].strip()
    assert secret and secret not in played.output
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    with (tmp_path / "key").open("a") as more:
        more.write("[other]\naws_access_key_id=AKIASOMEBODY\naws_secret_access_key=theirs\n")
    played = go(store, tmp_path)
    assert played.code != 0 and "such as the keys of several profiles" in " ".join(played.output.split()), played.output


def test_a_role_needs_no_key_and_is_quiet_the_second_time(store: Store, tmp_path: Path) -> None:
    wanted = {"velero_aws_identity": "role", "velero_aws_oidc_provider": f"{PROVIDER}AB"}
    for changed in (True, False):
        played = go(store, tmp_path, **wanted)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    assert store.users() == {} and not (tmp_path / "key").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [({"velero_aws_credentials_file": ""}, "give velero_aws_credentials_file"), ({"velero_aws_identity": "role"}, "give velero_aws_oidc_provider")],
)
def test_what_does_not_go_together_is_told_first(store: Store, tmp_path: Path, given: dict[str, Any], words: str) -> None:
    played = go(store, tmp_path, **given)
    assert played.code != 0 and words in " ".join(played.output.split()), played.output
    assert store.calls() == []


def test_what_another_installation_has_made_is_not_written_over(store: Store, tmp_path: Path) -> None:
    assert go(store, tmp_path).code == 0
    kept = policy(store)
    for options in ((), ("--check",)):
        # With the same file too: the policy is what would be lost.
        played = go(store, tmp_path, *options, velero_aws_bucket="others")
        assert played.code != 0 and "names backups/, and this is others/" in " ".join(played.output.split()), played.output
        assert "changed=0" in played.output and policy(store) == kept
    buckets = [one["Name"] for one in client(store, "s3").list_buckets()["Buckets"]]
    assert buckets == ["backups"]
    assert go(store, tmp_path, velero_aws_bucket="others", velero_aws_take_over=True).code == 0 and "others" in str(policy(store))


@pytest.mark.soak
def test_the_role_of_another_cluster_is_not_written_over(store: Store, tmp_path: Path) -> None:
    first, second = ({"velero_aws_identity": "role", "velero_aws_oidc_provider": f"{PROVIDER}{one}"} for one in ("AB", "CD"))
    assert go(store, tmp_path, **first).code == 0
    iam = client(store, "iam")
    trust = iam.get_role(RoleName="velero")["Role"]["AssumeRolePolicyDocument"]
    played = go(store, tmp_path, **second, velero_aws_bucket="others")
    assert played.code != 0 and "there is a role velero already" in " ".join(played.output.split()), played.output
    assert iam.get_role(RoleName="velero")["Role"]["AssumeRolePolicyDocument"] == trust and "others" not in str(policy(store, "role"))
    assert go(store, tmp_path, **second, velero_aws_take_over=True).code == 0
    assert "id/CD" in json.dumps(iam.get_role(RoleName="velero")["Role"]["AssumeRolePolicyDocument"])


OTHERS = {"Sid": "Objects", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::others/*"}


@pytest.mark.soak
@pytest.mark.parametrize("sign", ["key", "policy", ""])
def test_a_user_without_the_tag_is_known_by_its_key_or_its_policy(store: Store, tmp_path: Path, sign: str) -> None:
    """As an earlier release of the role made it, or somebody else."""
    assert go(store, tmp_path).code == 0
    iam = client(store, "iam")
    iam.untag_user(UserName="velero", TagKeys=["serverops:velero"])
    if sign != "policy":
        iam.put_user_policy(UserName="velero", PolicyName="velero", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [OTHERS]}))
    if sign != "key":
        (tmp_path / "key").unlink()
    played = go(store, tmp_path, velero_aws_new_key=True)
    assert (played.code == 0) is bool(sign), played.output
    assert sign or "and its policy is not for these objects" in " ".join(played.output.split())
    tags = {one["Key"]: one["Value"] for one in iam.get_user(UserName="velero")["User"].get("Tags", ())}
    assert tags == ({"serverops:velero": "backups/"} if sign else {})


# -- the key --------------------------------------------------------------------------------------------------------


def test_a_third_key_is_not_ordered_and_both_are_named(store: Store, tmp_path: Path) -> None:
    assert go(store, tmp_path).code == 0
    iam = client(store, "iam")
    second = iam.create_access_key(UserName="velero")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="velero", AccessKeyId=second, Status="Inactive")
    assert go(store, tmp_path).code == 0, "the one in the file is in use"
    (tmp_path / "key").unlink()
    played = go(store, tmp_path, velero_aws_new_key=True)
    [first] = set(store.users()["velero"]["keys"]) - {second}
    words = " ".join(played.output.split())
    assert played.code != 0 and f"{first} Active and {second} Inactive" in words and "aws iam delete-access-key" in words, played.output


# So that the folder is gone once the key is made.
GOING = "{{ folder }}/{{ 'gone/' if aws_key_file_made is defined else '' }}key"


def test_a_key_that_cannot_be_written_down_is_deleted_again_and_the_reason_told(store: Store, tmp_path: Path) -> None:
    played = go(store, tmp_path, "-vvv", folder=str(tmp_path), velero_aws_credentials_file=GOING)
    words = " ".join(played.output.split())
    assert played.code != 0 and "was made and could not be kept in" in words and "so it was deleted again" in words, played.output
    assert "does not exist" in words.partition("so it was deleted again: ")[2][:300], played.output
    assert store.users()["velero"]["keys"] == [] and "aws_secret_access_key=" not in played.output
    assert go(store, tmp_path).code == 0, "the next run makes another"


@pytest.mark.soak
def test_a_key_that_iam_does_not_make_is_told_with_the_reason(store: Store, tmp_path: Path) -> None:
    store.fault("NoSuchEntity", action="CreateAccessKey")
    played = go(store, tmp_path)
    words = " ".join(played.output.split())
    assert played.code != 0 and "no key could be made for user velero: " in words and "cannot be found" in words, played.output


# -- what is new ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["user", pytest.param("role", marks=pytest.mark.soak)])
def test_an_identity_that_iam_shows_late_gets_its_policy(kind: str, tmp_path: Path) -> None:
    look = f"Get{kind.capitalize()}"
    given = {"velero_aws_identity": kind, "velero_aws_oidc_provider": f"{PROVIDER}AB"}
    with Store.start() as quick:
        assert go(quick, tmp_path, **given).code == 0
        actions = [call["action"] for call in quick.calls()]
    looks = actions[: actions.index(f"Put{kind.capitalize()}Policy")].count(look)
    (tmp_path / "key").unlink(missing_ok=True)
    with Store.start() as late:
        late.fault("NoSuchEntity", action=look, after=looks - 1, times=2)
        played = go(late, tmp_path, **given)
        assert played.code == 0 and "RETRYING" in played.output, played.output
        assert policy(late, kind)["Statement"] and (tmp_path / "key").exists() is (kind == "user")


# -- the bucket -----------------------------------------------------------------------------------------------------


THEIRS = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::backups"}
KMS = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:eu-west-1:123456789012:key/1"}}]}


def test_a_bucket_keeps_its_own_policy_and_its_encryption(store: Store, tmp_path: Path) -> None:
    store.bucket("backups", "eu-west-1")
    s3 = client(store, "s3")
    s3.put_bucket_policy(Bucket="backups", Policy=json.dumps({"Version": "2012-10-17", "Statement": [THEIRS]}))
    s3.put_bucket_encryption(Bucket="backups", ServerSideEncryptionConfiguration=KMS)
    foreseen = go(store, tmp_path, "--check")
    words = " ".join(foreseen.output.split())
    assert foreseen.code == 0 and "would be versioned, would be closed to the public, its policy would be joined by TLS only" in words, foreseen.output
    for changed in (True, False):
        played = go(store, tmp_path)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    statements = json.loads(s3.get_bucket_policy(Bucket="backups")["Policy"])["Statement"]
    assert [one["Sid"] for one in statements] == ["Theirs", "TlsOnly"] and statements[0] == THEIRS
    rules = s3.get_bucket_encryption(Bucket="backups")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == KMS["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    foreseen = go(store, tmp_path, "--check")
    assert foreseen.code == 0 and "changed=0" in foreseen.output and "Bucket backups: as wanted" in foreseen.output, foreseen.output
