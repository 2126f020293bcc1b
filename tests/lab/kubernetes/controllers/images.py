"""How the containers of an image behave: data that a test gives, and the kubelet's own times."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

BACK_OFF = (10.0, 20.0, 40.0, 80.0, 160.0, 300.0)  # s between two starts of a container that fails
PULL_BACK_OFF = (2.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
CALM = 600.0  # s; who ran that long before it failed starts anew without a back-off


@dataclass(frozen=True)
class Image:
    """All times in seconds. A container that runs for `run_for` ends with `exit_code`; None: it runs on. `ready_after` None: it never gets ready."""

    pull_error: str = ""
    pull: float = 0.5
    start: float = 0.5
    ready_after: float | None = 1.0
    run_for: float | None = None
    exit_code: int = 0
    oom: bool = False
    stop: float = 1.0  # from SIGTERM to its end; what takes longer than the grace is killed
    log: tuple[str, ...] = ("a line of the app",)

    @property
    def ending(self) -> tuple[int, str]:
        """Its exit code and the reason that the kubelet gives."""
        if self.oom:
            return 137, "OOMKilled"
        return self.exit_code, "Completed" if self.exit_code == 0 else "Error"


@dataclass
class Images:
    """Behaviour by image name (the longest beginning that was told counts), else `default`. `pace` stretches all of the kubelet's times."""

    default: Image = field(default_factory=Image)
    known: dict[str, Image] = field(default_factory=dict)
    pace: float = 1.0
    told: list[Callable[[], None]] = field(default_factory=list)  # whom to tell of a change

    def of(self, image: str) -> Image:
        fitting = [name for name in self.known if image.startswith(name)]
        return self.known[max(fitting, key=len)] if fitting else self.default

    def set(self, name: str, **behaviour: Any) -> None:
        """From now on, containers of images whose name begins so behave like this; those that run take it up at once."""
        self.known[name] = replace(self.of(name), **behaviour)
        for tell in self.told:
            tell()
