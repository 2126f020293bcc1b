# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages as a person opens them: the system's Chromium without a window, by the DevTools protocol."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# As root in a container; and none of the calls home that a browser makes by itself.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESK = {"width": 380, "height": 800}, {"width": 1100, "height": 900}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Seen:
    """What came of opening a page in every way: texts on the console, addresses asked for, pixels by which it is too wide, the words on it."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    overflow: dict[str, int] = field(default_factory=dict)
    words: str = ""


@dataclass(frozen=True)
class Browser:
    """A running browser."""

    chromium: Any

    def open(self, path: Path, pictures: Path) -> Seen:
        """Open a page in light and dark, on a desk and on a phone, and print it; the pictures are left for people to look at."""
        pictures.mkdir(parents=True, exist_ok=True)
        seen = Seen()
        for scheme, size in (("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)):
            name = f"{path.stem}-{scheme}-{size['width']}"
            with self._shown(path, seen, color_scheme=scheme, viewport=size) as page:
                page.screenshot(path=pictures / f"{name}.png", full_page=True)
                seen.overflow[name] = page.evaluate(OVERFLOW)
                seen.words = page.inner_text("body")
                if size is DESK and scheme == "light":
                    page.pdf(path=pictures / f"{path.stem}.pdf", format="A4", prefer_css_page_size=True)
        return seen

    @contextmanager
    def _shown(self, path: Path, seen: Seen, **how: Any) -> Iterator[Any]:
        context = self.chromium.new_context(**how)
        page = context.new_page()
        page.on("console", lambda message: seen.console.append(message.text))
        page.on("pageerror", lambda error: seen.console.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(path.as_uri())
        yield page
        context.close()


@contextmanager
def browser() -> Iterator[Browser]:
    """The system's browser; without one the test is skipped with the reason, and with CI=true it fails."""
    binary = next(filter(None, map(shutil.which, NAMES)), None)
    if not binary:
        reason = f"no browser: none of {', '.join(NAMES)} is on PATH (Debian and Ubuntu: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"skipped, which this run does not allow: {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=binary, args=ARGUMENTS)
        yield Browser(chromium)
        chromium.close()
