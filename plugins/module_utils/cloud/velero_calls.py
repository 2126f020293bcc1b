# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that Velero makes on AWS, and those that whoever steals its key would like to make, as data for the judge of policies. Pure.

From velero-plugin-for-aws (object_store.go, volume_snapshotter.go) and what restic and Kopia ask through minio-go.
"""

from __future__ import annotations

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import TAG, AwsWish
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, Right

MADE, OWNED = {f"aws:RequestTag/{TAG}": "nightly"}, {f"aws:ResourceTag/{TAG}": "nightly"}
ACCOUNT, ELSEWHERE = "111111111111", "zz-nowhere-9"
OTHER = "terraform"  # what another program calls its part of the bucket


def needed(wish: AwsWish) -> tuple[Right, ...]:
    """What Velero and its uploader do in the store and, where volume snapshots are wanted, to volumes."""
    return (*_store(wish), *(_kopia(wish) if wish.uploader == "kopia" else ()), *(_volumes(wish) if wish.snapshots else ()))


def dangers(wish: AwsWish) -> tuple[Right, ...]:
    """What must be denied whatever else is in the same account. Without a prefix the whole bucket is Velero's."""
    return (*(_others(wish) if wish.prefix.strip("/") else ()), *_bucket_itself(wish), *_snapshots_denied(wish), *_tags_denied(wish))


def _bucket(wish: AwsWish) -> str:
    return f"arn:{wish.partition}:s3:::{wish.bucket}"


def _below(wish: AwsWish) -> str:
    prefix = wish.prefix.strip("/")
    return f"{prefix}/" if prefix else ""


def _store(wish: AwsWish) -> list[Right]:
    below = _below(wish)
    place = f"{_bucket(wish)}/{below}"
    repository = f"{'kopia' if wish.uploader == 'kopia' else 'restic'}/circleci-server"
    return [
        Right("aws plugin PutObject: a small file in one call", Call("s3:PutObject", f"{place}backups/one/velero-backup.json")),
        Right("aws plugin PutObject: the end of a large one after a failure", Call("s3:AbortMultipartUpload", f"{place}backups/one/one.tar.gz")),
        Right("aws plugin PutObject: what of a large one came through", Call("s3:ListMultipartUploadParts", f"{place}backups/one/one.tar.gz")),
        Right("aws plugin ObjectExists (HeadObject)", Call("s3:GetObject", f"{place}backups/one/velero-backup.json")),
        Right("aws plugin GetObject", Call("s3:GetObject", f"{place}backups/one/one.tar.gz")),
        Right("aws plugin CreateSignedURL, by who downloads", Call("s3:GetObject", f"{place}backups/one/one-logs.gz")),
        Right("aws plugin ListCommonPrefixes: is the location valid", Call("s3:ListBucket", _bucket(wish), {"s3:prefix": below})),
        Right("aws plugin ListObjects: what a backup left", Call("s3:ListBucket", _bucket(wish), {"s3:prefix": f"{below}backups/one/"})),
        Right("aws plugin DeleteObject", Call("s3:DeleteObject", f"{place}backups/one/one.tar.gz")),
        Right("restic and Kopia: where is the bucket", Call("s3:GetBucketLocation", _bucket(wish))),
        Right("uploader: list of a repository", Call("s3:ListBucket", _bucket(wish), {"s3:prefix": f"{below}{repository}/keys/"})),
        Right("uploader: write", Call("s3:PutObject", f"{place}{repository}/data/00/00ff")),
        Right("uploader: a lock goes", Call("s3:DeleteObject", f"{place}{repository}/locks/00ff")),
        Right("velero_location_check", Call("s3:PutObject", f"{place}serverops-probe-1800000000-00")),
    ]


def _kopia(wish: AwsWish) -> list[Right]:
    return [Right("Kopia: does the bucket exist (HeadBucket)", Call("s3:ListBucket", _bucket(wish)))]


def _here(wish: AwsWish, **more: str) -> dict[str, str]:
    return {"aws:RequestedRegion": wish.region or ELSEWHERE, **more}


def _arn(wish: AwsWish, resource: str, account: str = ACCOUNT) -> str:
    return f"arn:{wish.partition}:ec2:{wish.region or ELSEWHERE}:{account}:{resource}"


def _volumes(wish: AwsWish) -> list[Right]:
    here, volume, snapshot = _here(wish), _arn(wish, "volume/vol-1"), _arn(wish, "snapshot/snap-1", "")
    return [
        Right("aws plugin GetVolumeInfo, IsVolumeReady", Call("ec2:DescribeVolumes", "*", here)),
        Right("aws plugin CreateVolumeFromSnapshot: its tags first", Call("ec2:DescribeSnapshots", "*", here)),
        Right("aws plugin CreateSnapshot, of the volume", Call("ec2:CreateSnapshot", volume, {**here, **MADE})),
        Right("aws plugin CreateSnapshot, the snapshot", Call("ec2:CreateSnapshot", snapshot, {**here, **MADE})),
        Right("aws plugin CreateSnapshot, its tags", Call("ec2:CreateTags", snapshot, {**MADE, "ec2:CreateAction": "CreateSnapshot"})),
        Right("aws plugin CreateVolumeFromSnapshot, the volume", Call("ec2:CreateVolume", _arn(wish, "volume/*"), {**here, **MADE})),
        Right("aws plugin CreateVolumeFromSnapshot, the snapshot", Call("ec2:CreateVolume", snapshot, {**here, **OWNED})),
        Right("aws plugin CreateVolumeFromSnapshot, its tags", Call("ec2:CreateTags", volume, {**MADE, "ec2:CreateAction": "CreateVolume"})),
        Right("aws plugin DeleteSnapshot", Call("ec2:DeleteSnapshot", snapshot, {**here, **OWNED})),
    ]


def _others(wish: AwsWish) -> list[Right]:
    bucket, beside = _bucket(wish), f"{wish.prefix.strip('/')}-other"
    theirs = f"{bucket}/{OTHER}/state.json"
    found = [
        Right("read what another program keeps in the bucket", Call("s3:GetObject", theirs)),
        Right("overwrite it", Call("s3:PutObject", theirs)),
        Right("delete it", Call("s3:DeleteObject", theirs)),
        Right("break off its uploads", Call("s3:AbortMultipartUpload", theirs)),
        Right("look at its uploads", Call("s3:ListMultipartUploadParts", theirs)),
        Right("list all names of the bucket", Call("s3:ListBucket", bucket, {"s3:prefix": ""})),
        Right("list the names of another prefix", Call("s3:ListBucket", bucket, {"s3:prefix": f"{OTHER}/"})),
        Right("list those of one that begins alike", Call("s3:ListBucket", bucket, {"s3:prefix": f"{beside}/"})),
        Right("overwrite objects of a prefix that begins alike", Call("s3:PutObject", f"{bucket}/{beside}/x")),
    ]
    return found if wish.uploader == "kopia" else [*found, Right("list without saying what", Call("s3:ListBucket", bucket))]


def _bucket_itself(wish: AwsWish) -> list[Right]:
    bucket = _bucket(wish)
    verbs = {"DeleteBucket": "delete the bucket", "PutBucketPolicy": "let others into the bucket", "PutBucketVersioning": "stop the keeping of versions"}
    verbs.update({"PutLifecycleConfiguration": "have all objects expire", "PutBucketPublicAccessBlock": "make it public"})
    found = [Right(what, Call(f"s3:{verb}", bucket)) for verb, what in verbs.items()]
    return [*found, Right("delete a version for good", Call("s3:DeleteObjectVersion", f"{bucket}/{_below(wish)}backups/one/one.tar.gz"))]


def _snapshots_denied(wish: AwsWish) -> list[Right]:
    here, away = _here(wish), {"aws:RequestedRegion": ELSEWHERE + "b"}
    snapshot, far = _arn(wish, "snapshot/snap-9", ""), f"arn:{wish.partition}:ec2:{ELSEWHERE}b:{ACCOUNT}"
    return [
        Right("delete any snapshot", Call("ec2:DeleteSnapshot", snapshot, here)),
        Right("delete snapshots of another region", Call("ec2:DeleteSnapshot", f"arn:{wish.partition}:ec2:{ELSEWHERE}b::snapshot/snap-9", {**away, **OWNED})),
        Right("delete another tool's snapshot", Call("ec2:DeleteSnapshot", snapshot, {"aws:ResourceTag/made-by": "dlm"})),
        Right("make a volume of anybody's snapshot and read it", Call("ec2:CreateVolume", snapshot, here)),
        Right("make volumes without end in another region", Call("ec2:CreateVolume", f"{far}:volume/*", {**away, **MADE})),
        Right("make volumes that carry no name of a backup", Call("ec2:CreateVolume", _arn(wish, "volume/*"), here)),
        Right("make snapshots that no backup knows", Call("ec2:CreateSnapshot", snapshot, here)),
        Right("copy a volume of another region", Call("ec2:CreateSnapshot", f"{far}:volume/vol-9", {**away, **MADE})),
        Right("see the volumes of another region", Call("ec2:DescribeVolumes", "*", away)),
        Right("see the snapshots of another region", Call("ec2:DescribeSnapshots", "*", away)),
    ]


def _tags_denied(wish: AwsWish) -> list[Right]:
    here, snapshot = _here(wish), _arn(wish, "snapshot/snap-9", "")
    return [
        Right("tag an instance into another's rights", Call("ec2:CreateTags", _arn(wish, "instance/i-1"), here)),
        Right("tag a security group", Call("ec2:CreateTags", _arn(wish, "security-group/sg-1"), here)),
        Right("tag the network", Call("ec2:CreateTags", _arn(wish, "vpc/vpc-1"), here)),
        Right("tag a snapshot as Velero's, then delete it", Call("ec2:CreateTags", snapshot, {**here, **MADE})),
        Right("tag a volume that is there", Call("ec2:CreateTags", _arn(wish, "volume/vol-1"), {**here, **MADE})),
        Right("say that an image's making is its reason to tag", Call("ec2:CreateTags", snapshot, {"ec2:CreateAction": "CreateImage"})),
    ]
