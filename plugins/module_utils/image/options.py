# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say which family of images, in which regions or project."""

from __future__ import annotations

from typing import Any

FAMILY_OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "provider": {"type": "str", "choices": ["aws", "gcp"], "default": "aws"},
    "region": {"type": "str", "env": "AWS_REGION"},
    "regions": {"type": "list", "elements": "str", "default": []},
    "project": {"type": "str", "env": "GCP_PROJECT"},
}
