# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Velero must be allowed to do in a cloud, and no more, as data: policies of AWS, permissions of Google Cloud. Pure.

Which calls Velero makes: velero-plugin-for-aws (object_store.go, volume_snapshotter.go; its README's policy allows more), restic and Kopia through minio-go,
velero-plugin-for-gcp. Which action and resource a call needs: AWS's Service Authorization Reference, chapters Amazon S3 and Amazon EC2.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

VERSION = "2012-10-17"
TAG = "velero.io/backup"  # on every snapshot that Velero makes, and on the volumes that it makes of them
WORDS = {**dict.fromkeys(("yes", "y", "on", "true", "t", "1"), True), **dict.fromkeys(("no", "n", "off", "false", "f", "0"), False)}
UPLOADERS = ("restic", "kopia")


@dataclass(frozen=True)
class AwsWish:
    """What the policy is for. Without `snapshots` Velero makes no volume snapshots: restic or Kopia copy the files, and EC2 is not needed."""

    bucket: str
    prefix: str = ""
    region: str = ""
    uploader: str = "restic"
    snapshots: bool = False
    partition: str = "aws"


def wish_of(bucket: Any, **more: Any) -> AwsWish:
    """The wish from plain values; raises BadInput with the first that cannot be."""
    given = {**more, "snapshots": flag("snapshots", more.get("snapshots"))}
    wish = AwsWish(bucket, **{name: value for name, value in given.items() if value is not None})
    if not isinstance(bucket, str) or not bucket or set(bucket) & set("*?/: "):
        raise BadInput(f"the bucket is {bucket!r}; give the name of one bucket, without a star, a slash or an ARN")
    if set(wish.prefix) & set("*?$") or "//" in wish.prefix:
        raise BadInput(f"the prefix is {wish.prefix!r}; a star, a question mark or a dollar would mean more than one prefix")
    if wish.uploader not in UPLOADERS:
        raise BadInput(f"the uploader is {wish.uploader!r}; give {' or '.join(UPLOADERS)}")
    if wish.snapshots and not wish.region:
        raise BadInput("volume snapshots are wanted, but no region is given; give the region of the volumes, so that no other is opened")
    return wish


def flag(name: str, value: Any, default: bool = False) -> bool:
    """Yes or no, as a bool or as the words and numbers that Ansible reads as one: text comes from surveys and from -e. Raises BadInput for all else."""
    if value is None:
        return default
    word = str(value).lower()
    if isinstance(value, (bool, int, str)) and word in WORDS:
        return WORDS[word]
    raise BadInput(f"{name} is {value!r}; give true or false")


def aws_policy(wish: AwsWish) -> Json:
    """The policy of Velero's user or role."""
    statements = [_objects(wish), _list(wish), _where(wish)]
    return {"Version": VERSION, "Statement": statements + (_snapshots(wish) if wish.snapshots else [])}


def bucket_policy(bucket: str, partition: str = "aws", present: Any = None) -> Json:
    """The bucket's own policy: nobody, whatever else allows it, without TLS. All of the `present` one stays: a document, its text, or AWS's answer."""
    arn = f"arn:{partition}:s3:::{bucket}"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    found = _document(present)
    several = found.get("Statement", [])
    said = several if isinstance(several, list) else [several]
    if any({name: value for name, value in one.items() if name != "Sid"} == deny for one in said):
        return found
    taken = {one.get("Sid") for one in said}
    sid = next(name for name in ("TlsOnly", *(f"TlsOnly{number}" for number in range(2, len(said) + 3))) if name not in taken)
    return {**(found or {"Version": VERSION}), "Statement": [*said, {"Sid": sid, **deny}]}


def _document(present: Any) -> Json:
    """A policy as AWS answers with it: {"Policy": text}; as text; as a document. Raises BadInput for what is none: it would be lost."""
    found = present.get("Policy", present) if isinstance(present, dict) else present
    if isinstance(found, str) and found.strip():
        try:
            found = json.loads(found)
        except ValueError:
            raise BadInput("the present policy is no JSON; look at the bucket") from None
    if found and not (isinstance(found, dict) and "Statement" in found):
        raise BadInput("the present policy has no Statement; look at the bucket")
    return dict(found or {})


def trust_policy(provider: str, namespace: str = "velero", account: str = "velero") -> Json:
    """Who may take the role: one service account of one cluster. `provider` is the ARN of the cluster's OIDC provider in IAM."""
    host = provider.partition(":oidc-provider/")[2]
    if not provider.startswith("arn:") or not host:
        raise BadInput(f"the OIDC provider is {provider!r}; give the ARN of the provider in IAM (arn:aws:iam::ACCOUNT:oidc-provider/HOST/id/ID)")
    subject = f"system:serviceaccount:{namespace}:{account}"
    condition = {"StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": subject}}
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}
    return {"Version": VERSION, "Statement": [statement]}


def _objects(wish: AwsWish) -> Json:
    """Multipart uploads are s3:PutObject too; the two others clean up after one that failed."""
    prefix = f"{wish.prefix.strip('/')}/" if wish.prefix.strip("/") else ""
    return {
        "Sid": "Objects",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        "Resource": [f"{_bucket(wish)}/{prefix}*"],
    }


def _list(wish: AwsWish) -> Json:
    found: Json = {"Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [_bucket(wish)]}
    prefix = wish.prefix.strip("/")
    if prefix:
        # Kopia asks first whether the bucket exists (HeadBucket, which has no prefix) and gives up where it may not; restic goes on.
        operator = "StringLikeIfExists" if wish.uploader == "kopia" else "StringLike"
        found["Condition"] = {operator: {"s3:prefix": [f"{prefix}/*"]}}
    return found


def _where(wish: AwsWish) -> Json:
    """restic and Kopia ask where the bucket is if their address does not say."""
    return {"Sid": "Where", "Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": [_bucket(wish)]}


def _bucket(wish: AwsWish) -> str:
    return f"arn:{wish.partition}:s3:::{wish.bucket}"


def _snapshots(wish: AwsWish) -> list[Json]:
    """Volumes are nobody's by a tag that Velero could count on, so any volume of the region may be copied; all else hangs on Velero's own tag."""
    here = {"aws:RequestedRegion": wish.region}
    asked, owned = {f"aws:RequestTag/{TAG}": "*"}, {f"aws:ResourceTag/{TAG}": "*"}
    volumes, snapshots = (f"arn:{wish.partition}:ec2:{wish.region}:*:{kind}/*" for kind in ("volume", "snapshot"))
    anyones = f"arn:{wish.partition}:ec2:{wish.region}::snapshot/*"  # how EC2 itself names a snapshot: without an account
    tagging = {"StringEquals": {"ec2:CreateAction": ["CreateSnapshot", "CreateVolume"]}}
    return [
        allow("Look", ["ec2:DescribeVolumes", "ec2:DescribeSnapshots"], ["*"], {"StringEquals": here}),  # have no resource
        allow("CopyVolumes", ["ec2:CreateSnapshot"], [volumes]),
        allow("MakeSnapshots", ["ec2:CreateSnapshot"], [anyones, snapshots], {"StringLike": asked}),
        allow("MakeVolumes", ["ec2:CreateVolume"], [volumes], {"StringLike": asked}),
        allow("FromSnapshots", ["ec2:CreateVolume"], [anyones, snapshots], {"StringLike": owned}),
        allow("TagWhatIsMade", ["ec2:CreateTags"], [volumes, anyones, snapshots], tagging),
        allow("DeleteSnapshots", ["ec2:DeleteSnapshot"], [anyones, snapshots], {"StringLike": owned}),
    ]


def allow(sid: str, actions: list[str], resources: list[str], condition: Any = None) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources, **({"Condition": condition} if condition else {})}


GCP_OBJECTS = ("storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list")
GCP_SNAPSHOTS = (
    "compute.disks.create",
    "compute.disks.createSnapshot",
    "compute.disks.get",
    "compute.snapshots.create",
    "compute.snapshots.delete",
    "compute.snapshots.get",
    "compute.snapshots.useReadOnly",
    "compute.zones.get",
)
GCP_SIGN = ("iam.serviceAccounts.signBlob",)


def gcp_permissions(snapshots: bool = True, workload_identity: bool = False) -> dict[str, tuple[str, ...]]:
    """By where they are bound: `bucket` (a role on the bucket), `project` (the custom role), `account` (on the service account itself).

    Without a key Velero has its download addresses signed by the account itself, which takes signBlob on it.
    """
    return {"bucket": GCP_OBJECTS, "project": GCP_SNAPSHOTS if snapshots else (), "account": GCP_SIGN if workload_identity else ()}


def gcp_roles(bucket: Any, name: str = "velero", snapshots: bool = False, workload_identity: bool = False) -> list[Json]:
    """The custom roles of one account, each on the thing where it is needed, as gcp_service_account takes them. Raises BadInput for no bucket's name."""
    if not isinstance(bucket, str) or not bucket or set(bucket) & set("*/: "):
        raise BadInput(f"the bucket is {bucket!r}; give the name of one bucket, without a star, a slash or gs:")
    found = gcp_permissions(snapshots, workload_identity)
    titles = {"bucket": "objects", "project": "snapshots", "account": "sign"}  # ids of roles know no dash
    return [
        {
            "role_id": f"{name.replace('-', '_')}_{title}",
            "title": f"{name}: {title}",
            "permissions": list(found[place]),
            "place": place,
            **({"bucket": bucket} if place == "bucket" else {}),
        }
        for place, title in titles.items()
        if found[place]
    ]
