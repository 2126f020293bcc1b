# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role velero_aws where it must stop, and the identity without a key. Its usual way is the molecule scenario's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
NOTHING: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.start() as running:
        yield running


def go(store: Store, tmp_path: Path, **variables: Any) -> Played:
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY)
    given = {"velero_aws_bucket": "backups", "velero_aws_region": "eu-west-1", "velero_aws_credentials_file": str(tmp_path / "key")}
    return play(str(playbook), {"store": store.url, **given, **variables}, tmp_path / "home")


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
    assert store.users()["velero"]["keys"] == []


def test_a_key_whose_secret_is_lost_is_told_and_another_is_made_where_it_is_wanted(store: Store, tmp_path: Path) -> None:
    lost = store.user("velero", NOTHING)["access_key"]
    played = go(store, tmp_path)
    assert played.code != 0 and f"has the key {lost}" in played.output, played.output
    assert store.users()["velero"]["keys"] == [lost]
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
    wanted = {"velero_aws_identity": "role", "velero_aws_oidc_provider": "arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/AB"}
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
