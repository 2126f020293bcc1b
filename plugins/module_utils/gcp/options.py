# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of how Google Cloud is reached, by google.cloud's names. The doc fragment `gcp` says the same."""

from __future__ import annotations

from typing import Any

GCP_OPTIONS: dict[str, dict[str, Any]] = {
    "project": {"type": "str", "required": True, "env": "GCP_PROJECT"},
    "service_account_file": {"type": "path", "env": "GCP_SERVICE_ACCOUNT_FILE"},
    "service_account_contents": {"type": "str", "no_log": True, "env": "GCP_SERVICE_ACCOUNT_CONTENTS"},
    "access_token": {"type": "str", "no_log": True, "env": "GCP_ACCESS_TOKEN"},
    "endpoint_url": {"type": "str"},
}
