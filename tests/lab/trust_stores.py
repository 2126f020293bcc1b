"""Systems below a folder, with what trusts authorities there: the folders, and the programs that make the store, of Debian's and Red Hat's family."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from lab.certificates import Made, authority

# As the real ones do: all files of the folders, in order, into a new bundle that takes the place of the old. A file `trouble` below the root spoils them.
DEBIAN = """#!/bin/sh -e
root="$1"; shift
[ "$*" = "update-ca-certificates" ] || exit 127
cd "$root/etc/ssl/certs"
case "$(cat "$root/trouble" 2>/dev/null)" in
  nothing) echo "0 added, 0 removed; done."; exit 0;;
  fails) echo "E: a hook exited with code 1." >&2; exit 1;;
esac
: > ca-certificates.crt.new
find -L "$root/usr/share/ca-certificates" "$root/usr/local/share/ca-certificates" -type f -name '*.crt' | sort | while read -r crt; do
  sed -e '$a\\' "$crt" >> ca-certificates.crt.new
done
mv -f ca-certificates.crt.new ca-certificates.crt
echo refreshed >> "$root/calls"
"""
REDHAT = """#!/bin/sh -e
root="$1"; shift
[ "$*" = "update-ca-trust extract" ] || exit 127
out="$root/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
find -L "$root/usr/share/pki/ca-trust-source" "$root/etc/pki/ca-trust/source/anchors" -type f | sort | while read -r crt; do
  sed -n -e '/-BEGIN CERT/,/-END CERT/p' "$crt"
done > "$out.new"
mv -f "$out.new" "$out"
echo refreshed >> "$root/calls"
"""
SHARED = authority("Public authority")


@dataclass
class TrustedSystem:
    """A system below `folder`; `path` is the PATH with its programs first."""

    folder: Path
    family: str = "debian"
    public: Made = field(default_factory=lambda: SHARED)

    def __post_init__(self) -> None:
        shipped = "usr/share/ca-certificates" if self.family == "debian" else "usr/share/pki/ca-trust-source"
        for name in (shipped, "usr/local/share/ca-certificates", str(self.own), str(self.bundle.parent.relative_to(self.root)), "../programs"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / shipped / "public.crt").write_text(self.public.pem)
        if self.family == "debian":
            (self.root / "etc/ca-certificates.conf").write_text("public.crt\n")
        self.bundle.write_text(self.public.pem)
        name, chroot = ("update-ca-certificates", DEBIAN) if self.family == "debian" else ("update-ca-trust", REDHAT)
        programs = {"chroot": chroot, name: "#!/bin/sh\nexit 1\n"}
        for name, text in programs.items():
            file = self.programs / name
            file.write_text(text)
            file.chmod(0o755)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def programs(self) -> Path:
        return self.folder / "programs"

    @property
    def path(self) -> str:
        return f"{self.programs}:/usr/bin:/bin"

    @property
    def own(self) -> Path:
        """Where authorities of one's own go."""
        return self.root / ("usr/local/share/ca-certificates" if self.family == "debian" else "etc/pki/ca-trust/source/anchors")

    @property
    def services(self) -> Path:
        """Where the containers look."""
        return self.root / "usr/local/share/ca-certificates"

    @property
    def bundle(self) -> Path:
        return self.root / ("etc/ssl/certs/ca-certificates.crt" if self.family == "debian" else "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")

    @property
    def notes(self) -> Path:
        return self.root / "var/lib/serverops/pending-restart.d"

    @property
    def refreshed(self) -> int:
        """How often the store was made anew."""
        calls = self.root / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def trouble(self, kind: str) -> None:
        """From now on the program does `nothing`, or `fails`."""
        (self.root / "trouble").write_text(kind)

    def trusts(self, made: Made) -> bool:
        return made.pem.strip() in self.bundle.read_text()

    def params(self) -> dict[str, str]:
        """Where the module is to work."""
        return {"root": str(self.root), "restart_notes": str(self.notes), "store": self.family}

    def files(self) -> dict[str, str]:
        """Every file of the folders for one's own."""
        found = {}
        for folder in sorted({self.own, self.services}):
            found.update({os.path.relpath(path, self.root): path.read_text() for path in sorted(folder.iterdir())})
        return found


def main(folder: str) -> None:
    """Lay a system out, with certificates for it in papers.json, last of all."""
    system = TrustedSystem(Path(folder))
    root = authority("New root")
    papers = {"root": root.pem, "middle": authority("New issuing", root).pem, "old": authority("Old root").pem, "public": system.public.pem}
    (system.folder / "papers.json").write_text(json.dumps(papers))


if __name__ == "__main__":
    main(sys.argv[1])
