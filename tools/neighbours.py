# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collections that ours depends on, for the tests: taken out of the `ansible` package of the Python index, so that no test needs Galaxy."""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build/neighbours"
# What `dependencies` of galaxy.yml names.
NEEDED = ("amazon.aws",)
# Which release of `ansible` fits which ansible-core, and what its wheel must be.
WHEELS = {
    "2.16": ("11.13.0", "7f1c9c6a6026ff214d9240647e4d2b019b2a9d4c7a2bc733932bcf92af80ab04"),
    "2.19": ("12.3.0", "cd156f82fa87f7a899212b0efa9f7ca3a24d609212de9f78428a572eb01e5414"),
    "2.21": ("14.5.0", "245623ccc2d31d0f6f4bdb63168d550cad305fb032cc43d96e8f61ce8ab0ba84"),
}


def folder_of(name: str) -> Path:
    """Where a collection lies: amazon.aws in ansible_collections/amazon/aws."""
    return Path("ansible_collections", *name.split("."))


def fetch(version: str, digest: str, place: Path) -> Path:
    """The wheel. pip refuses a file of another digest; any Python takes it, as nothing of it is run here."""
    wanted = place / "wanted.txt"
    wanted.write_text(f"ansible=={version} --hash=sha256:{digest}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-input", "--no-deps", "--require-hashes"]
    command = [*pip, "--only-binary", ":all:", "--python-version", "3.12", "--dest", str(place), "-r", str(wanted)]
    if code := subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"neighbours: the package index gave no ansible {version} with sha256 {digest} (pip ended with {code}); nothing was unpacked")
    return next(place.glob("ansible-*.whl"))


def unpack(wheel: Path, names: tuple[str, ...], target: Path) -> None:
    """Only these collections of the wheel. The folder appears whole or not at all."""
    prefixes = tuple(f"{folder_of(name).as_posix()}/" for name in names)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(dir=target.parent) as made:
        members = [name for name in archive.namelist() if name.startswith(prefixes)]
        missing = [name for name, prefix in zip(names, prefixes, strict=True) if f"{prefix}MANIFEST.json" not in members]
        if missing:
            sys.exit(f"neighbours: {wheel.name} does not hold {', '.join(missing)}")
        whole = Path(made) / "whole"
        archive.extractall(whole, members)
        whole.rename(target)


def provide(core: str) -> Path:
    """The folder with the collections for an ansible-core (major and minor); made where it is not there as we want it."""
    version, digest = WHEELS[core]
    target = PLACE / "-".join((version, *NEEDED))
    if not target.exists():
        with tempfile.TemporaryDirectory() as place:
            unpack(fetch(version, digest, Path(place)), NEEDED, target)
    return target


def link(source: Path, purelib: Path) -> None:
    """In site-packages ansible, ansible-lint and ansible-test find them by themselves."""
    for name in NEEDED:
        target, wanted = purelib / folder_of(name), source / folder_of(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink() and target.resolve() != wanted.resolve():
            target.unlink()
        if not target.exists():
            target.symlink_to(wanted, target_is_directory=True)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    import ansible.release

    core = ".".join(ansible.release.__version__.split(".")[:2])
    if core not in WHEELS:
        sys.exit(f"neighbours: no release of `ansible` is pinned for ansible-core {core}; there are {', '.join(WHEELS)}")
    link(provide(core), Path(sysconfig.get_path("purelib")))


if __name__ == "__main__":
    main()
