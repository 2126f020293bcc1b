"""What of the recordings is not simulated, each with its reason. A line is named by its method and path, or by its command."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

LINES = {
    r"^velero \S+ describe ": "describe: prose for people, which nobody here reads",
    r"-o yaml$": "the whole of a long list as YAML: the recording holds its beginning only; JSON is compared",
    r"^GET /apis/velero.io/v1$": "discovery's order of kinds and the hashes of their storage versions (the kinds are compared by their definitions)",
}
SUBJECTS = {
    "words of a backup's and a restore's log": "only that there is one, and what went wrong",
    "the plugins that a ServerStatusRequest names": "the object stores' and a few of Velero's own",
    "volume snapshots of the cloud and of CSI, data movers": "file system backups only",
    "schemas": "names, phases, kinds of downloads, fields of a Backup",
    "usage texts": "their first line",
    "the init container that holds a restored pod until its volumes are filled": "the volume is filled while the pod starts",
    "lines of client-go's reflectors on stderr": "left out on both sides",
}
