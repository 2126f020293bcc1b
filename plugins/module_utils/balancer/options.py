# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a network load balancer."""

from __future__ import annotations

from typing import Any

HEALTH_OPTIONS: dict[str, dict[str, Any]] = {
    "protocol": {"type": "str", "choices": ["TCP", "HTTP", "HTTPS"], "default": "TCP"},
    "path": {"type": "str"},
    "port": {"type": "int"},
}
LISTENER_OPTIONS: dict[str, dict[str, Any]] = {
    "port": {"type": "int", "required": True},
    "target_port": {"type": "int"},
    "protocol": {"type": "str", "choices": ["TCP", "TLS"], "default": "TCP"},
    "certificate": {"type": "str"},
    "ssl_policy": {"type": "str", "default": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
    "health_check": {"type": "dict", "options": HEALTH_OPTIONS},
}
BALANCE_OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "region": {"type": "str", "required": True, "env": "AWS_REGION"},
    "subnets": {"type": "list", "elements": "str", "required": True},
    "security_groups": {"type": "list", "elements": "str", "default": []},
    "scheme": {"type": "str", "choices": ["internal", "internet-facing"], "default": "internal"},
    "targets": {"type": "list", "elements": "str", "required": True},
    "listeners": {"type": "list", "elements": "dict", "required": True, "options": LISTENER_OPTIONS},
    "preserve_client_ip": {"type": "bool", "default": False},
    "purge_listeners": {"type": "bool", "default": False},
    "take_over": {"type": "bool", "default": False},
}
