# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Velero's location and credentials to a store: what is taken from where, and what is refused without a word of a secret."""

from __future__ import annotations

import base64
import json
from typing import Any, Optional

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.location import secret_of_location, store_for, store_of_location
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import AwsKey, StoreSpec
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

CANARY = "canary-7f3a"
INI = f"[default]\naws_access_key_id = AKIA1\naws_secret_access_key={CANARY}\n\n[other]\naws_access_key_id=AKIA2\naws_secret_access_key={CANARY}2\n"
GOOGLE = json.dumps({"client_email": "velero@p.iam", "private_key": CANARY, "token_uri": "https://oauth2.googleapis.com/token"})


def location(provider: str = "aws", storage: Optional[dict[str, Any]] = None, **config: str) -> dict[str, Any]:
    return {"metadata": {"name": "default"}, "spec": {"provider": provider, "objectStorage": {"bucket": "b", **(storage or {})}, "config": config}}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (location(), StoreSpec("aws", "b")),
        (location("velero.io/aws", {"prefix": "p"}, region="eu-west-1"), StoreSpec("aws", "b", "p", "eu-west-1")),
        (
            location(s3Url="https://s3", s3ForcePathStyle="true", insecureSkipTLSVerify="true", profile="x"),
            StoreSpec("aws", "b", endpoint="https://s3", path_style=True, validate=False, profile="x"),
        ),
        (location(s3ForcePathStyle="false"), StoreSpec("aws", "b")),
        (location(storage={"caCert": base64.b64encode(b"PEM").decode()}), StoreSpec("aws", "b", ca_text="PEM")),
        (location("gcp", {"prefix": "p"}, serviceAccount="x"), StoreSpec("gcp", "b", "p")),
    ],
)
def test_what_a_location_says(given: dict[str, Any], wanted: StoreSpec) -> None:
    assert store_of_location(given) == wanted


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (location("azure"), "provider 'azure'; stores of aws, gcp"),
        (location(storage={"bucket": ""}), "names no bucket"),
        (location(storage={"caCert": "%%"}), "caCert .* is no PEM in base64"),
    ],
)
def test_a_location_that_leads_nowhere(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        store_of_location(given)


@pytest.mark.parametrize(("chosen", "wanted"), [({}, ("cloud-credentials", "cloud")), ({"credential": {"name": "n", "key": "k"}}, ("n", "k"))])
def test_which_secret(chosen: dict[str, Any], wanted: tuple[str, str]) -> None:
    assert secret_of_location({"spec": chosen}) == wanted


def test_velero_s_own_key_is_taken_by_profile() -> None:
    assert store_for(location(), Secret(INI), None).aws == AwsKey("AKIA1", Secret(CANARY))
    assert store_for(location(profile="other"), Secret(INI), None).aws == AwsKey("AKIA2", Secret(f"{CANARY}2"))


def test_cloud_beats_the_secret_and_the_location_but_not_where_it_says_nothing() -> None:
    found = store_for(location(region="eu-west-1", s3Url="http://a"), Secret(INI), {"access_key": "A", "secret_key": "S", "session_token": "T", "region": None})
    assert (found.aws, found.region, found.endpoint) == (AwsKey("A", Secret("S"), Secret("T")), "eu-west-1", "http://a")
    found = store_for(location(region="eu-west-1", s3Url="http://a"), None, {"region": "us-east-2", "endpoint_url": "http://b", "aws_ca_bundle": "/ca"})
    assert (found.aws, found.region, found.endpoint, found.ca_path) == (None, "us-east-2", "http://b", "/ca")


def test_a_google_key_is_taken_from_either() -> None:
    for secret, cloud in ((Secret(GOOGLE), None), (None, {"service_account_contents": GOOGLE})):
        found = store_for(location("gcp"), secret, cloud).gcp
        assert found is not None
        assert found.contents == Secret(GOOGLE)


@pytest.mark.parametrize(
    ("given", "secret", "cloud", "words"),
    [
        (location(), None, None, "give cloud"),
        (location(), f"aws_secret_access_key={CANARY}", None, r"no AWS credentials file \(MissingSectionHeaderError\)"),
        (location(), f"[default]\n{CANARY}\n[", None, "no AWS credentials file"),
        (location(profile="none"), INI, None, r"no profile \[none\]"),
        (location(), f"[default]\naws_secret_access_key={CANARY}", None, "has no aws_access_key_id"),
        (location(), "[default]\nrole_arn=arn:x\n", None, "or give cloud"),
        (location("gcp"), CANARY, None, "no key of a Google service account"),
        (location("gcp"), json.dumps([CANARY]), None, "no key of a Google service account"),
        (location("gcp"), None, {"service_account_contents": CANARY}, "cloud.service_account_contents is no key"),
        (location(), None, {"access_key": "A"}, "only one of access_key and secret_key"),
        (location(), None, {"secret_key": CANARY}, "only one of access_key and secret_key"),
    ],
)
def test_credentials_that_are_none_are_told_without_them(given: dict[str, Any], secret: Optional[str], cloud: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        store_for(given, Secret(secret) if secret else None, cloud)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.getrepr(style="long"))


@pytest.mark.parametrize(("prefix", "wanted"), [("", "backups/x"), ("p", "p/backups/x"), ("/p/", "p/backups/x")])
def test_names_in_the_bucket(prefix: str, wanted: str) -> None:
    assert StoreSpec("aws", "b", prefix).key("backups", "x") == wanted
