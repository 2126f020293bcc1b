"""The settings form of a 2.x installation. Keys that begin with lab_, and all titles, are stand-ins: the real ones are not public."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """`options` are those of a select_one; `hidden` values are exported only with --hidden, as those of passwords."""

    name: str
    title: str = ""
    type: str = "text"
    default: str = ""
    required: bool = False
    hidden: bool = False
    write_once: bool = False
    multiple: bool = False
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_secret(self) -> bool:
        return self.hidden or self.type == "password"


@dataclass(frozen=True)
class Group:
    name: str
    title: str
    items: tuple[Item, ...]


FORM = (
    Group("general", "Hostname", (Item("hostname", "Hostname", required=True), Item("allow_cluster", "Allow clustering", "bool", "0"))),
    Group("secrets", "Encryption Key", (Item("secret_passphrase", "Passphrase", "password", required=True),)),
    Group(
        "github",
        "GitHub Integration",
        (
            Item("ghe_type", "", "select_one", "github_type_public", options=(("github_type_public", "GitHub.com"), ("github_type_enterprise", "Enterprise"))),
            Item("ghe_client_id", "Client ID"),
            Item("ghe_client_secret", "Client Secret", "password"),
        ),
    ),
    Group(
        "storage",
        "Storage",
        (
            Item("storage_backend", "", "select_one", "storage_backend_none", options=(("storage_backend_none", "None"), ("storage_backend_s3", "S3"))),
            Item("aws_region", "AWS Region"),
            Item("s3_bucket", "S3 Bucket"),
            Item("sqs_queue_url", "SQS Queue URL"),
        ),
    ),
    Group(
        "privacy",
        "Privacy",
        (
            Item("privacy_note", "The certificate must be for the hostname.", "label"),
            Item("ssl_cert", "SSL Certificate", "file"),
            Item("ssl_private_key", "SSL Private Key", "file", hidden=True),
            Item("trusted_certs", "Other Certificates", "file", multiple=True),
        ),
    ),
    Group("cloudwatch_metrics", "AWS CloudWatch Metrics", (Item("lab_cloudwatch_enabled", "Enabled", "bool", "0"), Item("lab_cloudwatch_region", "Region"))),
    Group("datadog_metrics", "Datadog Metrics", (Item("lab_datadog_enabled", "Enabled", "bool", "0"), Item("lab_datadog_key", "API Key", "password"))),
    Group("statistics", "Usage Statistics", (Item("lab_usage_statistics", "Automatically send some usage statistics", "bool", "0"),)),
    Group(
        "vm_provider",
        "VM Provider",
        (
            Item("lab_vm_provider", "", "select_one", "lab_vm_none", options=(("lab_vm_none", "None"), ("lab_vm_ec2", "AWS EC2"), ("lab_vm_host", "On-Host"))),
            Item("lab_vm_region", "AWS Region"),
            Item("lab_vm_subnet", "EC2 Subnet ID"),
            Item("lab_vm_group", "EC2 Security Group ID"),
            Item("lab_vm_ami", "Custom VM AMI"),
            Item("lab_vm_type", "AWS Instance Type"),
            Item(
                "lab_vm_auth",
                "AWS Authentication",
                "select_one",
                "lab_vm_profile",
                options=(("lab_vm_profile", "IAM Instance Profile"), ("lab_vm_user", "IAM User (Key+Secret)")),
            ),
            Item("lab_vm_key", "Access Key"),
            Item("lab_vm_secret", "Secret Key", "password"),
        ),
    ),
    Group(
        "vm_preallocation",
        "VM Preallocation",
        (Item("lab_vm_docker", "Remote Docker", default="0"), Item("lab_vm_machine", "Machine Executor", default="0")),
    ),
    Group("once", "Installation", (Item("lab_installation_id", "Installation ID", write_once=True),)),
    Group("license", "License", (Item("license_agreement", "", "select_one", options=(("license_agreement_agree", "I agree"),)),)),
)
ITEMS = {item.name: item for group in FORM for item in group.items}
STORED = {name: item for name, item in ITEMS.items() if item.type not in ("label", "heading")}

FIRST: dict[str, Json] = {
    "hostname": {"value": "circleci.example.com"},
    "secret_passphrase": {"value": "canary-passphrase-5b1"},
    "ghe_client_id": {"value": "abc123"},
    "ghe_client_secret": {"value": "canary-client-secret-8e2"},
    "storage_backend": {"value": "storage_backend_s3"},
    "aws_region": {"value": "us-east-1"},
    "lab_datadog_key": {"value": "canary-datadog-key-4c7"},
    "lab_installation_id": {"value": "i-1"},
    "license_agreement": {"value": "license_agreement_agree"},
}


def view(stored: dict[str, Json], group: str = "") -> Any:
    """As app-config view prints it: all groups, or the items of one."""
    shown = [
        {"Name": one.name, "Title": one.title, "Description": "", "Items": [_item(item, stored.get(item.name, {})) for item in one.items]}
        for one in FORM
        if not group or one.name == group
    ]
    return [item for one in shown for item in one["Items"]] if group else shown


def _item(item: Item, held: Json) -> Json:
    shown = {"Name": item.name, "Title": item.title, "Type": item.type, "Default": item.default, "Value": held.get("value", "")}
    shown |= {"Hidden": item.hidden, "Required": item.required, "Multiple": item.multiple}
    if item.options:
        shown["Items"] = [{"Name": name, "Title": title, "Type": "", "Default": "", "Value": ""} for name, title in item.options]
    return shown
