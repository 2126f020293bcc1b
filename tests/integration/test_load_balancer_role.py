# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers before a Services machine, by the module and by the role, against AWS as moto has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from integration.playing import Played, play, play_target

from lab.store.store import Store

CANARY = "canary/secret+5f2"
CERTIFICATE = "arn:aws:iam::123456789012:server-certificate/circleci"
OFFICE, WORLD = "192.0.2.0/24", "0.0.0.0/0"
GUIDE = [80, 443, 3000, 8081, 8082, 8800]
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  module_defaults:
    group/amazon.aws.aws: {endpoint_url: "{{ store }}", access_key: lab, secret_key: lab}
    group/serverops.circleci.balancer: {cloud: {endpoint_url: "{{ store }}", access_key: lab, secret_key: lab}}
  tasks:
    - ansible.builtin.import_role:
        name: serverops.circleci.services_load_balancer
    - ansible.builtin.debug:
        var: services_load_balancer_result
"""


class Aws:
    """One account with a network, and a machine in it that has a security group of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ec2, self.elbv2, self.elb = (self._client(name) for name in ("ec2", "elbv2", "elb"))
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        zones = [("10.0.1.0/24", "eu-west-1a"), ("10.0.2.0/24", "eu-west-1b")]
        made = [self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=zone) for cidr, zone in zones]
        self.subnets = [one["Subnet"]["SubnetId"] for one in made]
        self.own = self.ec2.create_security_group(GroupName="services", Description="the machine", VpcId=self.vpc)["GroupId"]
        self.instance = self.machine()

    def _client(self, name: str) -> Any:
        return boto3.client(name, endpoint_url=self.store.url, region_name="eu-west-1", aws_access_key_id="lab", aws_secret_access_key="lab")

    def machine(self) -> str:
        image = self.ec2.describe_images()["Images"][0]["ImageId"]
        given = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "SubnetId": self.subnets[0], "SecurityGroupIds": [self.own]}
        return str(self.ec2.run_instances(**given)["Instances"][0]["InstanceId"])

    def group(self, name: str) -> dict[str, Any]:
        [found] = self.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [self.vpc]}])[
            "SecurityGroups"
        ]
        return dict(found)

    def admitted(self, name: str) -> set[tuple[int, str]]:
        """Port and network, or group, of each rule."""
        rules = self.group(name)["IpPermissions"]
        assert all(rule["FromPort"] == rule["ToPort"] for rule in rules)
        networks = {(rule["FromPort"], one["CidrIp"]) for rule in rules for one in rule["IpRanges"]}
        return networks | {(rule["FromPort"], one["GroupId"]) for rule in rules for one in rule["UserIdGroupPairs"]}

    def network(self) -> dict[int, tuple[str, str]]:
        """Protocol and target group's name of each listener."""
        [balancer] = self.elbv2.describe_load_balancers()["LoadBalancers"]
        found = self.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        return {one["Port"]: (one["Protocol"], one["DefaultActions"][0]["TargetGroupArn"].split("/")[1]) for one in found}

    def classic(self) -> dict[int, tuple[str, int]]:
        """Protocol and machine's port of each listener."""
        [balancer] = self.elb.describe_load_balancers()["LoadBalancerDescriptions"]
        found = [one["Listener"] for one in balancer["ListenerDescriptions"]]
        return {one["LoadBalancerPort"]: (one["Protocol"], one["InstancePort"]) for one in found}


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Store.start() as running:
        yield Aws(running)


def go(aws: Aws, tmp_path: Path, *options: str, **variables: Any) -> Played:
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY)
    given: dict[str, Any] = {
        "name": "circleci",
        "region": "eu-west-1",
        "vpc": aws.vpc,
        "subnets": aws.subnets,
        "instances": [aws.instance],
        "users_cidrs": [OFFICE, "198.51.100.0/24"],
        "admins_cidrs": [OFFICE],
        "machine_group": aws.own,
        "wait_timeout": 20,
        **variables,
    }
    named = {f"services_load_balancer_{key}": value for key, value in given.items()}
    return play(str(playbook), {"store": aws.store.url, **named}, tmp_path / "home", *options)


def words(played: Played) -> str:
    return " ".join(played.output.split())


def test_target(aws: Aws, tmp_path: Path) -> None:
    health = {"protocol": "HTTP", "path": "/health-check"}
    listeners = [{"port": 80, "health_check": health}, {"port": 443, "protocol": "TLS", "certificate": CERTIFICATE}]
    given = {"target_endpoint": aws.store.url, "target_subnets": aws.subnets, "target_group": aws.own, "target_instance": aws.instance}
    played = play_target("network_load_balancer", {**given, "target_listeners": listeners, "target_canary": CANARY}, tmp_path)
    assert played.code == 0, played.output
    assert CANARY not in played.output
    assert aws.network() == {80: ("TCP", "circleci-80-tcp")}


def test_network_foreseen_made_and_quiet(aws: Aws, tmp_path: Path) -> None:
    foreseen = go(aws, tmp_path, "--check")
    assert foreseen.code == 0 and "changed=0" not in foreseen.output, foreseen.output
    assert aws.elbv2.describe_load_balancers()["LoadBalancers"] == [] and aws.admitted("services") == set()
    played = go(aws, tmp_path)
    assert played.code == 0 and "circleci-1.eu-west-1.elb" in played.output, played.output
    assert aws.network() == {port: ("TCP", f"circleci-{port}-tcp") for port in GUIDE}, "without a certificate TLS passes through"
    users = {(port, cidr) for port in GUIDE[:-1] for cidr in (OFFICE, "198.51.100.0/24")}
    assert aws.admitted("circleci-load-balancer") == users | {(8800, OFFICE)}, "the console is for administrators alone"
    group = aws.group("circleci-load-balancer")["GroupId"]
    assert aws.admitted("services") == {(port, group) for port in GUIDE}
    again = go(aws, tmp_path)
    assert again.code == 0 and "changed=0" in again.output, again.output


@pytest.mark.soak
def test_network_a_changed_listener_a_certificate_and_what_others_made(aws: Aws, tmp_path: Path) -> None:
    plain = [{"port": 80, "protocol": "http"}, {"port": 8800, "protocol": "https", "source": "admins"}]
    assert go(aws, tmp_path, listeners=plain).code == 0
    [balancer] = aws.elbv2.describe_load_balancers()["LoadBalancers"]
    theirs = aws.elbv2.create_target_group(Name="theirs", Protocol="TCP", Port=9000, VpcId=aws.vpc)["TargetGroups"][0]["TargetGroupArn"]
    actions = [{"Type": "forward", "TargetGroupArn": theirs}]
    for port in (9000, 443):
        aws.elbv2.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="TCP", Port=port, DefaultActions=actions)
    more = [{"port": 80, "protocol": "http", "target_port": 8080}, {"port": 443, "protocol": "ssl"}]
    refused = go(aws, tmp_path, listeners=more)
    assert refused.code != 0 and "port 443 of load balancer circleci has a listener that is not of this collection's making" in words(refused), refused.output
    assert aws.network()[443] == ("TCP", "theirs") and 8800 in aws.network()
    taken = go(aws, tmp_path, listeners=more, take_over=True)
    assert taken.code == 0, taken.output
    assert aws.network() == {80: ("TCP", "circleci-80-tcp"), 443: ("TCP", "circleci-443-tcp"), 9000: ("TCP", "theirs")}, "8800 was ours, 9000 is not"
    assert {(one, port) for port, one in aws.admitted("circleci-load-balancer")} == {
        (OFFICE, 80),
        (OFFICE, 443),
        ("198.51.100.0/24", 80),
        ("198.51.100.0/24", 443),
    }
    tls = [*more, {"port": 3000, "protocol": "ssl"}]
    assert go(aws, tmp_path, listeners=tls[::2], certificate=CERTIFICATE, purge_listeners=True).code == 0
    assert aws.network() == {80: ("TCP", "circleci-80-tcp"), 3000: ("TLS", "circleci-3000-tls")}


@pytest.mark.soak
def test_network_names_the_health_check_that_fails(aws: Aws, tmp_path: Path) -> None:
    assert go(aws, tmp_path).code == 0
    aws.ec2.stop_instances(InstanceIds=[aws.instance])
    played = go(aws, tmp_path, wait_timeout=8)
    assert played.code != 0, played.output
    assert f"port 8800: the health check TCP:8800 of {aws.instance} says unused (Target.InvalidState" in words(played), played.output


@pytest.mark.soak
def test_classic_foreseen_made_quiet_changed_and_what_others_made(aws: Aws, tmp_path: Path) -> None:
    old = {"type": "classic", "server_version": "2.17.2", "certificate": CERTIFICATE}
    foreseen = go(aws, tmp_path, "--check", **old)
    assert foreseen.code == 0 and "changed=0" not in foreseen.output, foreseen.output
    assert aws.elb.describe_load_balancers()["LoadBalancerDescriptions"] == []
    played = go(aws, tmp_path, **old)
    assert played.code == 0, played.output
    guide = {80: ("HTTP", 80), **{port: ("SSL", port) for port in (443, 3000, 8081, 8082)}, 8800: ("HTTPS", 8800)}
    assert aws.classic() == guide, "the table of the guide"
    for options in ((), ("--check",)):
        again = go(aws, tmp_path, *options, **old)
        assert again.code == 0 and "changed=0" in again.output, again.output
    aws.elb.create_load_balancer_listeners(
        LoadBalancerName="circleci",
        Listeners=[{"Protocol": "TCP", "LoadBalancerPort": port, "InstancePort": port, "InstanceProtocol": "TCP"} for port in (9000, 7171)],
    )
    fewer = [{"port": 80, "protocol": "http", "target_port": 8080}, {"port": 443, "protocol": "ssl"}]
    changed = go(aws, tmp_path, **old, listeners=fewer)
    assert changed.code == 0, changed.output
    assert aws.classic() == {80: ("HTTP", 8080), 443: ("SSL", 443), 9000: ("TCP", 9000), 7171: ("TCP", 7171)}
    refused = go(aws, tmp_path, **old, listeners=[*fewer, {"port": 7171, "protocol": "tcp", "target_port": 7172}])
    assert refused.code != 0 and "port 7171 has a listener that this role did not make" in words(refused), refused.output
    public = go(aws, tmp_path, **old, scheme="internet-facing")
    assert public.code != 0 and "which AWS cannot change" in words(public), "amazon.aws would make it anew"
    purged = go(aws, tmp_path, **old, listeners=fewer, purge_listeners=True)
    assert purged.code == 0 and set(aws.classic()) == {80, 443}, purged.output


@pytest.mark.soak
def test_classic_of_another_owner_keeps_what_it_has(aws: Aws, tmp_path: Path) -> None:
    old, tags, other = {"type": "classic", "server_version": "2.17.2"}, [{"Key": "serverops_owner", "Value": "team-b"}], aws.machine()
    theirs = {"Protocol": "TCP", "LoadBalancerPort": 443, "InstancePort": 443, "InstanceProtocol": "TCP"}
    given = {"Subnets": aws.subnets, "SecurityGroups": [aws.own], "Scheme": "internal", "Tags": tags}
    aws.elb.create_load_balancer(LoadBalancerName="circleci", Listeners=[theirs], **given)
    aws.elb.register_instances_with_load_balancer(LoadBalancerName="circleci", Instances=[{"InstanceId": other}])
    web, tls = {"port": 80, "protocol": "http"}, {"port": 443, "protocol": "ssl"}
    played = go(aws, tmp_path, **old, listeners=[web, tls])
    assert played.code == 0, played.output
    assert aws.classic() == {80: ("HTTP", 80), 443: ("TCP", 443)}
    [found] = aws.elb.describe_load_balancers()["LoadBalancerDescriptions"]
    assert {one["InstanceId"] for one in found["Instances"]} == {other, aws.instance}
    assert set(found["SecurityGroups"]) == {aws.own, aws.group("circleci-load-balancer")["GroupId"]}
    [told] = aws.elb.describe_tags(LoadBalancerNames=["circleci"])["TagDescriptions"]
    assert {one["Key"]: one["Value"] for one in told["Tags"]} == {"serverops_owner": "team-b", "serverops_ports": "80"}, "443 was theirs before it was wanted"


@pytest.mark.soak
def test_classic_names_the_health_check_that_fails(aws: Aws, tmp_path: Path) -> None:
    aws.ec2.stop_instances(InstanceIds=[aws.instance])
    played = go(aws, tmp_path, type="classic", server_version="2.18.3", wait_timeout=5)
    assert played.code != 0 and f"{aws.instance} is not in service behind circleci" in words(played), played.output
    assert "the health check TCP:443 fails" in words(played)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"admins_cidrs": [WORLD]}, "services_load_balancer_admins_cidrs has 0.0.0.0/0, which opens the administrators' ports to the world"),
        ({"admins_cidrs": []}, "services_load_balancer_admins_cidrs is empty, but listener 8800 is for admins"),
        ({"type": "classic", "server_version": "2.19.02"}, "server 2.19.02 does not support that"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_made(aws: Aws, tmp_path: Path, given: dict[str, Any], said: str) -> None:
    played = go(aws, tmp_path, **given)
    assert played.code != 0 and said in words(played), played.output
    groups = aws.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [aws.vpc]}])["SecurityGroups"]
    assert "circleci-load-balancer" not in [one["GroupName"] for one in groups]


def test_a_security_group_of_others_is_left_alone(aws: Aws, tmp_path: Path) -> None:
    aws.ec2.create_security_group(GroupName="circleci-load-balancer", Description="theirs", VpcId=aws.vpc)
    played = go(aws, tmp_path)
    assert played.code != 0 and "is not of this role's making" in words(played), played.output
    assert aws.admitted("circleci-load-balancer") == set()
