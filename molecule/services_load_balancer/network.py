"""A network with a machine in it, in the AWS whose address is given: what the load balancer is put in front of, as JSON."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import sys

import boto3

ec2 = boto3.client("ec2", endpoint_url=sys.argv[1], region_name="eu-west-1", aws_access_key_id="lab", aws_secret_access_key="lab")
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
zones = (("10.0.1.0/24", "eu-west-1a"), ("10.0.2.0/24", "eu-west-1b"))
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"] for cidr, zone in zones]
group = ec2.create_security_group(GroupName="services", Description="the machine", VpcId=vpc)["GroupId"]
image = ec2.describe_images()["Images"][0]["ImageId"]
started = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[0], SecurityGroupIds=[group])
sys.stdout.write(json.dumps({"vpc": vpc, "subnets": subnets, "group": group, "instance": started["Instances"][0]["InstanceId"]}))
