"""How Velero words what its object store refused: as its two generations of the AWS plugin do, and in short for GCP."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from lab.velero.profile import Profile
from lab.velero.store import Refused

HOST = "9Gjjt1m+cjU4OPvX9O9/8RuvnG41MRb/18Oux2o5H5MY7ISNTlXN+Dz9IG62/ILVxhAGI0qyPfg="
ASKED = "XgHwnNKy9vvPu0S4FpZoo43k2J3g8GI1mPIJQmIXJhKTKq1PeZIZ"
VERBS = {"HeadObject": "Head", "PutObject": "Put", "DeleteObject": "Delete"}
RPC = "rpc error: code = Unknown desc = "


def host_of(url: str) -> str:
    return url.split("//", 1)[-1].split("/", 1)[0]


def nobody(refused: Refused, profile: Profile) -> str:
    """What Go says when the connection was refused."""
    verb = VERBS.get(refused.operation, "Get")
    more = "?x-id=GetObject" if refused.operation == "GetObject" and profile.sdk == 2 else ""
    return f'{verb} "{refused.url}{more}": dial tcp {host_of(refused.url)}: connect: connection refused'


def of_sdk_1(refused: Refused, profile: Profile) -> str:
    if not refused.code:
        return f"RequestError: send request failed\ncaused by: {nobody(refused, profile)}"
    if refused.operation == "HeadObject":  # an answer without a body: only its status is known
        word = "NotFound: Not Found" if refused.status == 404 else "Forbidden: Forbidden"
        return f"{word}\n\tstatus code: {refused.status}, request id: {ASKED}, host id: {HOST}"
    return f"{refused.code}: {refused.words}\n\tstatus code: {refused.status}, request id: {ASKED}, host id: {HOST}"


def of_sdk_2(refused: Refused, profile: Profile) -> str:
    if not refused.code:
        tries = "exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , HostID: , request send failed"
        return f"operation error S3: {refused.operation}, {tries}, {nobody(refused, profile)}"
    if refused.operation == "HeadObject":
        word = "NotFound: Not Found" if refused.status == 404 else "Forbidden: Forbidden"
        return f"operation error S3: HeadObject, https response error StatusCode: {refused.status}, RequestID: , HostID: , api error {word}"
    start = f"operation error S3: {refused.operation}, https response error StatusCode: {refused.status}, RequestID: {ASKED}, HostID: {HOST}"
    if refused.code == "NoSuchBucket":  # a type of its own in this SDK, without words
        return f"{start}, NoSuchBucket: "
    if refused.code == "BucketRegionError":
        return f"{start}, api error PermanentRedirect: The bucket you are attempting to access must be addressed using the specified endpoint."
    return f"{start}, api error {refused.code}: {refused.words}"


def of_gcp(refused: Refused, profile: Profile) -> str:
    if not refused.code:
        return nobody(refused, profile)
    if refused.code == "NoSuchBucket":
        return "storage: bucket doesn't exist"
    return f"googleapi: Error {refused.status}: {refused.words}, {refused.code}"


def told(refused: Refused, profile: Profile, provider: str = "aws") -> str:
    """As it comes out of the plugin."""
    if provider == "gcp":
        return RPC + of_gcp(refused, profile)
    return RPC + (of_sdk_1 if profile.sdk == 1 else of_sdk_2)(refused, profile)
