"""What guards a server, by version, as data: answers to tokens that do not fit, streams, connections."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass, replace

TOO_MANY = b"Your IP is issuing too many concurrent connections, please rate limit your calls\n"
REFUSAL = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(TOO_MANY) + TOO_MANY


@dataclass(frozen=True)
class Guard:
    """Sources: tests/lab/recordings/nomad/<version>/acl*, event-stream*, too-many-connections."""

    unknown_text: str = "Permission denied"  # 403 for a token that nobody has
    malformed_500: bool = False  # a secret that is no UUID is an index error everywhere
    self_malformed: str = "acl token lookup failed: index error: UUID must be 36 characters"  # 500 of token/self
    rules_json: bool = True  # a policy has its rules parsed, too (hashicorp/nomad#6017: after 0.9.3)
    scale_more: tuple[str, ...] = ()
    self_anonymous: str = "acl token lookup failed: missing secret id"  # 500; empty: 200, the anonymous token
    self_unknown_404: bool = True
    self_expired: str = ""  # 500 with this text; empty: 200
    allocation_hidden: str = 'Unknown allocation "%s"'  # 500; empty: 403
    wildcard: str = "denied"  # a list over namespace * for who may see none: "blind" 200 [], "denied" 403, "literal": no wildcard, as before 1.0
    wildcard_evaluations: bool = True  # else * is the name of a namespace
    namespaces_text: str = ""  # 501 with this text (before 1.0)
    roles: bool = True  # with them come expiry and the longer shape of a token
    policy_keys: tuple[str, ...] = ("JobACL",)
    stub_keys: tuple[str, ...] = ()
    rules_keys: tuple[str, ...] = ("NodePools",)
    space_keys: tuple[str, ...] = ("Variables",)
    stream: str = "yes"  # "404", "307", "yes"
    stream_hijacked: bool = False  # raw bytes after the headers, no chunks
    stream_denied: str = "500"  # "500", or "silence": 200 and nothing
    stream_unknown_403: bool = True
    stream_ends: tuple[float, float] = (7.0, 60.0)  # a silent one is closed at some time (acl-event-stream, acl)
    stream_any_namespace: bool = True  # * is allowed to who may read in one namespace
    stream_all_without_allocations: bool = False  # * shows no Allocation events
    stream_node_of_allocation: bool = True  # topic Node also has AllocationUpdated
    stream_expired: str = ""  # line of text with the next event, then the end; empty: silence
    limits_connections: bool = True
    over_limit: bytes = REFUSAL  # what one connection too many reads
    introduction: bool = False  # introduction tokens, node identities
    drains_on_shutdown: bool = True


NEWEST = Guard(
    self_anonymous="",
    self_unknown_404=False,
    self_malformed="failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts",
    scale_more=("read-job", "submit-recommendation"),
    self_expired="ACL token expired",
    stub_keys=("JobACL",),
    rules_keys=("NodePools", "ExtraKeysHCL", "Sentinel"),
    stream_hijacked=True,
    stream_denied="silence",
    stream_any_namespace=False,
    introduction=True,
)
MIDDLE = Guard(stream_expired="ACL token expired")
OLD = Guard(
    unknown_text="ACL token not found",
    malformed_500=True,
    wildcard="blind",
    wildcard_evaluations=False,
    roles=False,
    policy_keys=(),
    rules_keys=(),
    space_keys=(),
    stream_unknown_403=False,
    stream_any_namespace=False,
    stream_all_without_allocations=True,
    stream_node_of_allocation=False,
    over_limit=b"",
    drains_on_shutdown=False,
)
OLDER = replace(OLD, namespaces_text="Nomad Enterprise only endpoint", stream="404")
OLDEST = replace(
    OLDER, self_anonymous="acl token lookup failed: index error: UUID must be 36 characters", allocation_hidden="", stream="307", limits_connections=False
)
GUARDS = {"0.5.6": OLDER, "0.9.3": OLDEST, "0.11.3": OLDER, "1.1.2": OLD, "1.6.1": MIDDLE, "1.7.7": MIDDLE, "1.11.3": NEWEST}
