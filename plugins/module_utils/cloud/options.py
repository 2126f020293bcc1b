# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option `cloud` of modules that reach an object store: amazon.aws's and google.cloud's names. The doc fragment `cloud` says the same."""

from __future__ import annotations

from typing import Any

# Environment variables are those of the vendors' own tools, so that AWX's credentials for the clouds work.
CLOUD_OPTIONS: dict[str, dict[str, Any]] = {
    "cloud": {
        "type": "dict",
        "options": {
            "access_key": {"type": "str", "no_log": False, "env": "AWS_ACCESS_KEY_ID"},  # an id; what is secret comes next
            "secret_key": {"type": "str", "no_log": True, "env": "AWS_SECRET_ACCESS_KEY"},
            "session_token": {"type": "str", "no_log": True, "env": "AWS_SESSION_TOKEN"},
            "profile": {"type": "str", "env": "AWS_PROFILE"},
            "region": {"type": "str"},
            "endpoint_url": {"type": "str"},
            "aws_ca_bundle": {"type": "path", "env": "AWS_CA_BUNDLE"},
            "service_account_file": {"type": "path", "env": "GCP_SERVICE_ACCOUNT_FILE"},
            "service_account_contents": {"type": "str", "no_log": True, "env": "GCP_SERVICE_ACCOUNT_CONTENTS"},
        },
    },
}
