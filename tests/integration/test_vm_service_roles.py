# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role vm_service_aws against moto, a 3.x installation's console and a 2.x host: foreseen, made, quiet; the key is the least one, and nobody sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.purposes import judged, purpose_of
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from botocore.exceptions import ClientError
from integration.playing import Played, play
from integration.sites import site_with

from lab.kots.model import Item
from lab.replicated.services import ServicesHost
from lab.site.site import Site
from lab.store.store import Store

REGION, NAME = "eu-west-1", "circleci-vm-service"
CLIENTS = "10.0.0.0/16"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  environment: {PATH: "{{ services_path | default(lookup('ansible.builtin.env', 'PATH')) }}"}
  module_defaults:
    group/amazon.aws.aws: {endpoint_url: "{{ store }}", region: eu-west-1, access_key: "{{ access_key | default('lab') }}", secret_key: lab}
    group/serverops.circleci.kubernetes: {host: "{{ cluster | default('') }}", api_key: "{{ token | default('') }}"}
    serverops.circleci.replicated_config: {restart_notes: "{{ notes | default('/nowhere') }}"}
  roles:
    - serverops.circleci.vm_service_aws
  tasks:
    - ansible.builtin.debug:
        msg: "made {{ vm_service_aws_result | to_json }}"
"""
# As the guide prints the titles; keys and groups are the lab's.
VM_ITEMS = (
    Item("lab_vm_region", "AWS Region", group="vm_service"),
    Item("lab_vm_subnet", "Subnet ID", group="vm_service"),
    Item("lab_vm_group", "Security Group ID", group="vm_service"),
    Item("lab_vm_key", "AWS IAM Access Key ID", group="vm_service"),
    Item("lab_vm_secret", "AWS IAM Secret Key", "password", group="vm_service"),
    Item("lab_vm_linux", "Number of Linux VMs to keep prescaled", default="0", group="vm_service"),
    Item("lab_vm_custom", "VM Service Custom Configuration", "textarea", group="vm_service"),
    Item("s3_region", "AWS Region", group="object_storage"),
)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.start() as running:
        yield running


@pytest.fixture
def site() -> Iterator[Site]:
    with site_with(VM_ITEMS) as made:
        yield made


def client(store: Store, service: str, **key: str) -> Any:
    found = key or {"aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
    return boto3.client(service, endpoint_url=store.url, region_name=REGION, **found)


def network(store: Store) -> dict[str, Any]:
    """moto's own VPC, and one of its subnets."""
    subnet = client(store, "ec2").describe_subnets()["Subnets"][0]
    return {"vm_service_aws_vpc": subnet["VpcId"], "vm_service_aws_subnets": [subnet["SubnetId"]]}


def go(store: Store, tmp_path: Path, *options: str, **variables: Any) -> Played:
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY)
    given = {"vm_service_aws_region": REGION, "vm_service_aws_client_cidrs": [CLIENTS], "vm_service_aws_credentials_file": str(tmp_path / "key")}
    return play(str(playbook), {"store": store.url, **network(store), **given, **variables}, tmp_path / "home", *options)


def groups(store: Store) -> list[dict[str, Any]]:
    return list(client(store, "ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": [NAME]}])["SecurityGroups"])


def policy(store: Store, kind: str = "user", name: str = NAME) -> dict[str, Any]:
    asked = getattr(client(store, "iam"), f"get_{kind}_policy")
    found: dict[str, Any] = asked(**{f"{kind.capitalize()}Name": name, "PolicyName": NAME})["PolicyDocument"]
    return found


def parameters(store: Store, group: str) -> dict[str, Any]:
    account = client(store, "sts").get_caller_identity()["Account"]
    return {"region": REGION, "account": account, "subnets": network(store)["vm_service_aws_subnets"], "security_groups": [group]}


def secret_of(tmp_path: Path) -> str:
    return (tmp_path / "key").read_text().split("aws_secret_access_key=")[1].strip()


def test_made_once_with_the_least_rights(store: Store, tmp_path: Path) -> None:
    foreseen = go(store, tmp_path, "--check")
    assert foreseen.code == 0 and "changed=2" in foreseen.output, foreseen.output
    assert groups(store) == [] and store.users() == {} and not (tmp_path / "key").exists()
    for changed in (True, False):
        played = go(store, tmp_path, "-vvv", vm_service_aws_user_cidrs=["192.0.2.0/24"])
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    [group] = groups(store)
    opened = {(one["FromPort"], one["ToPort"], place["CidrIp"]) for one in group["IpPermissions"] for place in one["IpRanges"]}
    assert opened == {(22, 22, CLIENTS), (2376, 2376, CLIENTS), (54782, 54782, "192.0.2.0/24")}
    assert {name: user["policies"] for name, user in store.users().items()} == {NAME: [NAME]}
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600 and secret_of(tmp_path) not in played.output
    purpose = purpose_of("vm_service_aws", parameters(store, group["GroupId"]))
    assert judged(purpose, [policy(store)])["verdict"] == "least"


def test_the_key_opens_what_the_policy_names_and_nothing_else(store: Store, tmp_path: Path) -> None:
    assert go(store, tmp_path).code == 0
    [key] = store.users()[NAME]["keys"]
    its = {"aws_access_key_id": key, "aws_secret_access_key": secret_of(tmp_path)}
    other = client(store, "ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    store.enforce()
    assert client(store, "ec2", **its).describe_instances()["Reservations"]
    refused = [
        ("ec2", "create_key_pair", {"KeyName": "x"}),
        ("ec2", "create_image", {"InstanceId": other, "Name": "copy"}),
        ("ec2", "delete_tags", {"Resources": [other], "Tags": [{"Key": "x"}]}),
        ("iam", "list_users", {}),
        ("s3", "list_buckets", {}),
    ]
    for service, call, given in refused:
        with pytest.raises(ClientError, match="not authorized|AccessDenied|UnauthorizedOperation"):
            getattr(client(store, service, **its), call)(**given)


@pytest.mark.soak
def test_a_group_of_ones_own_is_left_as_it_is(store: Store, tmp_path: Path) -> None:
    mine = client(store, "ec2").create_security_group(GroupName="mine", Description="x")["GroupId"]
    played = go(store, tmp_path, vm_service_aws_security_group=mine, vm_service_aws_client_cidrs=[])
    assert played.code == 0 and groups(store) == [], played.output
    assert judged(purpose_of("vm_service_aws", parameters(store, mine)), [policy(store)])["verdict"] == "least"


@pytest.mark.soak
def test_a_role_for_the_cluster_needs_no_key(store: Store, tmp_path: Path) -> None:
    wanted = {"vm_service_aws_identity": "role", "vm_service_aws_oidc_provider": "arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/AB"}
    for changed in (True, False):
        played = go(store, tmp_path, **wanted)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    assert store.users() == {} and not (tmp_path / "key").exists()
    trust = client(store, "iam").get_role(RoleName=NAME)["Role"]["AssumeRolePolicyDocument"]
    assert "system:serviceaccount:circleci-server:vm-service" in json.dumps(trust)
    assert f'role/{NAME}\\"' in played.output


@pytest.mark.soak
def test_what_another_installation_has_made_is_not_written_over(store: Store, tmp_path: Path) -> None:
    provider = "arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/"
    assert go(store, tmp_path, vm_service_aws_identity="role", vm_service_aws_oidc_provider=f"{provider}AB").code == 0
    iam = client(store, "iam")
    role = iam.get_role(RoleName=NAME)["Role"]["AssumeRolePolicyDocument"]
    second = {"vm_service_aws_identity": "role", "vm_service_aws_oidc_provider": f"{provider}CD"}
    played = go(store, tmp_path, **second)
    assert played.code != 0 and "there is a role circleci-vm-service already" in " ".join(played.output.split()), played.output
    assert iam.get_role(RoleName=NAME)["Role"]["AssumeRolePolicyDocument"] == role
    assert go(store, tmp_path, **second, vm_service_aws_take_over=True).code == 0
    assert "id/CD" in json.dumps(iam.get_role(RoleName=NAME)["Role"]["AssumeRolePolicyDocument"])

    assert go(store, tmp_path).code == 0
    kept = policy(store)
    other = client(store, "ec2").create_security_group(GroupName="other", Description="x")["GroupId"]
    # With the same file too: the policy is what would be lost.
    played = go(store, tmp_path, vm_service_aws_security_group=other)
    assert played.code != 0 and f"and this is {REGION}/{other}" in " ".join(played.output.split()), played.output
    assert policy(store) == kept


@pytest.mark.soak
def test_a_user_of_somebody_elses_gets_no_key(store: Store, tmp_path: Path) -> None:
    client(store, "iam").create_user(UserName=NAME)
    played = go(store, tmp_path)
    assert played.code != 0 and "and no active key of it is in" in " ".join(played.output.split()), played.output
    assert store.users() == {NAME: {"keys": [], "policies": []}} and not (tmp_path / "key").exists()
    assert go(store, tmp_path, vm_service_aws_take_over=True).code == 0 and len(store.users()[NAME]["keys"]) == 1


@pytest.mark.soak
def test_the_rights_stay_as_they_were_where_the_key_is_refused(store: Store, tmp_path: Path) -> None:
    assert go(store, tmp_path).code == 0
    kept, [lost] = policy(store), store.users()[NAME]["keys"]
    (tmp_path / "key").unlink()
    played = go(store, tmp_path, vm_service_aws_imdsv2=True)
    words = " ".join(played.output.split())
    assert played.code != 0 and f"has the key {lost}" in words and "(vm_service_aws_new_key: true)" in words, played.output
    assert "changed=0" in played.output and policy(store) == kept
    assert go(store, tmp_path, vm_service_aws_imdsv2=True, vm_service_aws_new_key=True).code == 0 and policy(store) != kept


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["user", "role"])
def test_an_identity_that_iam_shows_late_gets_its_policy(kind: str, tmp_path: Path) -> None:
    look = f"Get{kind.capitalize()}"
    given = {"vm_service_aws_identity": kind, "vm_service_aws_oidc_provider": "arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/AB"}
    with Store.start() as quick:
        assert go(quick, tmp_path, **given).code == 0
        actions = [call["action"] for call in quick.calls()]
    looks = actions[: actions.index(f"Put{kind.capitalize()}Policy")].count(look)
    (tmp_path / "key").unlink(missing_ok=True)
    with Store.start() as late:
        late.fault("NoSuchEntity", action=look, after=looks - 1, times=2)
        played = go(late, tmp_path, **given)
        assert played.code == 0 and "RETRYING" in played.output and policy(late, kind)["Statement"], played.output


@pytest.mark.soak
def test_the_role_of_the_services_machine_gets_one_policy_more(store: Store, tmp_path: Path) -> None:
    played = go(store, tmp_path, vm_service_aws_identity="instance_profile", vm_service_aws_name="services")
    assert played.code != 0 and "there is no role services" in played.output, played.output
    iam = client(store, "iam")
    iam.create_role(RoleName="services", AssumeRolePolicyDocument="{}")
    old = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    iam.put_role_policy(RoleName="services", PolicyName="old", PolicyDocument=json.dumps(old))
    assert go(store, tmp_path, vm_service_aws_identity="instance_profile", vm_service_aws_name="services").code == 0
    assert sorted(iam.list_role_policies(RoleName="services")["PolicyNames"]) == [NAME, "old"]
    [group] = groups(store)
    assert judged(purpose_of("vm_service_aws", parameters(store, group["GroupId"])), [policy(store, "role", "services")])["verdict"] == "least"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vm_service_aws_client_cidrs": ["0.0.0.0/0"]}, "opens SSH and Docker of every machine to the whole world"),
        ({"vm_service_aws_client_cidrs": []}, "give vm_service_aws_security_group, or vm_service_aws_vpc and vm_service_aws_client_cidrs"),
        ({"vm_service_aws_credentials_file": ""}, "give vm_service_aws_credentials_file"),
        ({"vm_service_aws_identity": "role"}, "give vm_service_aws_oidc_provider"),
        ({"vm_service_aws_settings": "replicated"}, "give vm_service_aws_services_host"),
    ],
)
def test_what_does_not_go_together_is_told_first(store: Store, tmp_path: Path, given: dict[str, Any], words: str) -> None:
    played = go(store, tmp_path, **given)
    assert played.code != 0 and words in " ".join(played.output.split()), played.output
    assert store.users() == {} and groups(store) == []


@pytest.mark.soak
def test_a_file_with_the_key_of_somebody_else_beside_it_is_refused(store: Store, tmp_path: Path) -> None:
    assert go(store, tmp_path).code == 0
    own = (tmp_path / "key").read_text().replace("[default]", "[circleci]")
    (tmp_path / "key").write_text("[default]\naws_access_key_id=AKIAOPERATOR\naws_secret_access_key=canary-operators-secret\n\n" + own)
    before = (tmp_path / "key").read_text()
    played = go(store, tmp_path, "-vvv")
    assert played.code != 0 and "holds something else than one active key" in " ".join(played.output.split()), played.output
    assert "canary-operators-secret" not in played.output and (tmp_path / "key").read_text() == before


VARS = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: ["{{ role }}/defaults/main.yml", "{{ role }}/vars/main.yml"]
  vars:
    vm_service_aws_region: eu-west-1
    vm_service_aws_subnets: [subnet-1]
    vm_service_aws_key_text: {content: "{{ text | b64encode }}"}
    vm_service_aws_role_seen: {iam_roles: [{arn: stale}]}
    vm_service_aws_written: {config: {stale: 1}}
  tasks:
    - ansible.builtin.debug:
        msg: "keys {{ vm_service_aws_all.access_key_id | default('none') }} {{ vm_service_aws_all.secret_key | default('none') }}."
    - ansible.builtin.debug:
        msg: "seen {{ vm_service_aws_seen | to_json }} {{ vm_service_aws_set | to_json }}"
"""


@pytest.mark.parametrize(
    ("identity", "text", "words"),
    [
        ("user", "[default]\naws_access_key_id=AKIA1\naws_secret_access_key = s1\n", "keys AKIA1 s1."),
        ("user", "#aws_access_key_id=AKIA0\n aws_access_key_id=AKIA1\naws_secret_access_key=s1\n", "keys AKIA1 s1."),
        ("user", "aws_access_key_id=AKIA0\naws_secret_access_key=s0\naws_access_key_id=AKIA1\naws_secret_access_key=s1\n", "keys  ."),
        ("user", "", "keys  ."),
        # The text is left over from an earlier use of the role in the same run.
        ("role", "aws_access_key_id=AKIA1\naws_secret_access_key=s1\n", "keys none none."),
    ],
)
def test_which_key_goes_into_the_settings(tmp_path: Path, identity: str, text: str, words: str) -> None:
    (tmp_path / "vars.yml").write_text(VARS)
    role = str(Path(__file__).resolve().parents[2] / "roles" / "vm_service_aws")
    played = play(str(tmp_path / "vars.yml"), {"role": role, "text": text, "vm_service_aws_identity": identity}, tmp_path / "home")
    assert played.code == 0 and words in played.output, played.output
    assert ("stale" in played.output) is (identity == "role") and '\\"config\\"' not in played.output, played.output


# -- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_settings_of_3x_are_found_by_title_deployed_and_quiet(site: Site, tmp_path: Path) -> None:
    wanted = {"prescaled": {"Linux": 2}, "custom_configuration": "fine: tuned\n"}
    given = {"cluster": site.server.url, "token": site.token, "vm_service_aws_settings": "kots", "vm_service_aws_wanted": wanted}
    app = site.console.apps["circleci-server"]
    before = dict(app.newest.values)
    foreseen = go(site.store, tmp_path, "--check", **given)
    assert foreseen.code == 0 and "changed=3" in foreseen.output, foreseen.output
    assert app.newest.values == before and site.store.users() == {}
    for changed in (True, False):
        played = go(site.store, tmp_path, "-vvv", **given)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    assert len(app.versions) == 2 and app.current == app.newest.sequence
    held, [group], [key] = app.newest.values, groups(site.store), site.store.users()[NAME]["keys"]
    plain = {"lab_vm_region": REGION, "lab_vm_group": group["GroupId"], "lab_vm_key": key, "lab_vm_linux": "2", "s3_region": ""}
    plain |= {"lab_vm_custom": "fine: tuned\n"}
    assert {name: held[name] for name in plain} == plain and held["lab_vm_subnet"].startswith("subnet-")
    secret = secret_of(tmp_path)
    assert held["lab_vm_secret"] not in ("", secret), "kotsadm keeps it sealed"
    assert secret not in played.output and site.token not in played.output.replace(f'"token": "{site.token}"', "")


@pytest.mark.soak
def test_a_title_that_the_installation_does_not_have_is_told(site: Site, tmp_path: Path) -> None:
    given = {"cluster": site.server.url, "token": site.token, "vm_service_aws_settings": "kots", "vm_service_aws_wanted": {"prescaled": {"Windows": 1}}}
    played = go(site.store, tmp_path, **given)
    assert played.code != 0 and "Number of Windows VMs to keep prescaled" in played.output and "lab_vm_linux" in played.output, played.output
    assert secret_of(tmp_path) not in played.output and len(site.console.apps["circleci-server"].versions) == 1


@pytest.mark.soak
def test_settings_of_2x_are_stored_and_one_restart_is_noted(store: Store, tmp_path: Path) -> None:
    notes = tmp_path / "serverops" / "pending-restart.d"
    names = {"access_key_id": "lab_vm_key", "secret_key": "lab_vm_secret"}
    with ServicesHost(tmp_path / "host", pace=0.03) as host:
        given = {
            "services_path": host.path,
            "notes": str(notes),
            "vm_service_aws_settings": "replicated",
            "vm_service_aws_services_host": "localhost",
            "vm_service_aws_services_become": False,
            "vm_service_aws_setting_names": names,
            "vm_service_aws_wanted": {"instance_type": "m5.large", "prescaled": {"remote_docker": 1, "machine": 2}},
        }
        for changed in (True, False):
            played = go(store, tmp_path, "-vvv", **given)
            assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
        [group], [key] = groups(store), store.users()[NAME]["keys"]
        stored = {name: host.stored(f"lab_vm_{name}").get("value") for name in ("provider", "auth", "region", "group", "type", "docker", "machine", "key")}
        assert stored == {
            **{"provider": "lab_vm_ec2", "auth": "lab_vm_user", "region": REGION, "group": group["GroupId"]},
            **{"type": "m5.large", "docker": "1", "machine": "2", "key": key},
        }
        secret = secret_of(tmp_path)
        assert host.stored("lab_vm_secret") == {"value": secret} and secret not in played.output
        assert host.stored("aws_region") == {"value": "us-east-1"}, "the region of the object store is another one"
        assert host.count("stop") == 0 and [note.what for note in PendingRestarts(str(notes)).notes()] == ["settings"]
    assert '\\"restart_required\\": true' in played.output
