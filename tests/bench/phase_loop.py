# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer of B11: kubernetes.core's own waiter, at its default pace, until the newest Backup has ended. Arguments: address, token, namespace, seconds."""

from __future__ import annotations

import sys

from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import K8SClient
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.waiter import Waiter
from kubernetes import client, dynamic

TERMINAL = ("Completed", "PartiallyFailed", "Failed", "FailedValidation")


def main() -> None:
    address, token, namespace, sleep = sys.argv[1:]
    configuration = client.Configuration(host=address, api_key={"authorization": f"Bearer {token}"})
    talker = K8SClient(configuration=configuration, client=dynamic.DynamicClient(client.ApiClient(configuration)))
    kind = talker.resource("Backup", "velero.io/v1")

    def ended(found: object) -> bool:
        items = sorted(found.items, key=lambda item: item.metadata.creationTimestamp) if found else []  # type: ignore[attr-defined]
        return bool(items) and (items[-1].status or {}).get("phase") in TERMINAL

    over, _found, _elapsed = Waiter(talker, kind, ended).wait(timeout=120, sleep=int(sleep), namespace=namespace)
    sys.exit(0 if over else 1)


if __name__ == "__main__":
    main()
