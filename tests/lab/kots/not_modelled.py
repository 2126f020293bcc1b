"""Recorded lines that are not replayed, and why."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# file, pattern of what the line says, reason
LINES: list[tuple[str, str, str]] = [
    ("*", r"^cli install ", "an installation needs the vendor's licence and images"),
    ("*", r"^http POST .*/backups .*Dancing", "a check of Kubernetes: the schema of Velero's own kind"),
    ("velero-commands", r"^http GET .*/deployments/velero ", "Velero's own Deployment: nothing of KOTS is in it"),
    ("kotsadm-restore", r"^http GET .*watch", "watches belong to the simulator of Kubernetes; what they show is compared in the lists that follow"),
]
SUBJECTS = (
    "install, pull, admin-console upgrade",
    "airgap bundles",
    "partial snapshots of one application (/app/{slug}/snapshot...)",
    "a console that answers the CLI 1.40.0 or 1.65.0: their outputs after a success are those of 1.124.18 or guessed",
    "a successful update check, licence sync, support bundles, PUT of the store: from documentation, not from recordings",
    "what is beside name, type, title, default, value and required of a key; validation errors; preflights: by KOTS' types, not from recordings",
    "repeatable keys and files: shown, not changed",
    "git ops, identity service, kURL and embedded cluster",
)
