"""Chromium without a screen, people in it, and axe-core."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.services import chromium, front_end

if TYPE_CHECKING:
    from collections.abc import Iterator

sync_api: Any = pytest.importorskip("playwright.sync_api", reason="pip install playwright (extra 'test')")
axe: Any = pytest.importorskip("axe_playwright_python.base", reason="pip install axe-playwright-python (extra 'test')")
AXE = """axe.run({resultTypes: ["violations"]}).then((found) => found.violations.map(
  (one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" | ")}`))"""

AT_REST = """document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
  .forEach((one) => one.finish())"""
"""What fades in has other colours meanwhile."""


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A browser; skips where there is none, or no scripts and styles were built."""
    front_end()
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield made
        made.close()


@dataclass
class Person:
    """Somebody in front of a page of their own.

    Attributes:
        problems: What the browser's console and scripts complained about.
    """

    page: Any
    address: str
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, browser: Any, address: str, **options: Any) -> Person:
        context = browser.new_context(
            **{
                "locale": "zh-CN",
                "timezone_id": "Asia/Shanghai",
                "viewport": {"width": 1280, "height": 900},
                "reduced_motion": "reduce",
                **options,
            }
        )
        context.set_default_timeout(10_000)
        page = context.new_page()
        found = cls(page, address)
        page.on("pageerror", lambda error: found.problems.append(f"uncaught: {error}"))
        page.on("console", lambda line: found.problems.append(_told(line)) if line.type == "error" else None)
        return found

    def goto(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")
        self.ready()

    def ready(self) -> None:
        """Waits until scripts ran and all forms and diagrams in sight are drawn."""
        self.page.locator("body[data-ready]").wait_for()
        sync_api.expect(self.page.locator("[data-island]:not([data-ready]):visible")).to_have_count(0, timeout=10_000)

    def sign_in(self, username: str, password: str) -> Person:
        self.goto("/sign-in")
        self.page.fill("#username", username)
        self.page.fill("#password", password)
        self.page.click("#sign-in button[type=submit]")
        self.page.locator(".top").wait_for()
        self.ready()
        return self

    def violations(self) -> list[str]:
        """What axe-core finds on the page as it is now, in the light and in the dark theme."""
        found: list[str] = []
        theme = "document.documentElement.dataset.bsTheme"
        before = self.page.evaluate(theme)
        self.page.evaluate(axe.AXE_SCRIPT)
        for one in ("light", "dark"):
            self.page.evaluate(f"{theme} = '{one}'")
            self.page.evaluate(AT_REST)
            found += [f"{one}: {text}" for text in self.page.evaluate(AXE)]
        self.page.evaluate(f"{theme} = '{before}'")
        return found


def _told(line: Any) -> str:
    place = line.location
    return f"{line.text} ({place['url']}:{place['lineNumber']}:{place['columnNumber']})"


def look(person: Person, name: str, *, complaints: int = 0) -> None:
    """axe-core finds nothing in either theme, nothing is wider than the page, also on a phone, and nothing complained.

    ``BPM_SHOTS=folder`` keeps a screenshot of each page.
    """
    before = person.page.viewport_size
    for width in (1440, 390):
        person.page.set_viewport_size({"width": width, "height": 900})
        if folder := os.environ.get("BPM_SHOTS"):
            person.page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True, caret="initial")
        assert person.violations() == [], (name, width)
        assert person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (name, width)
    person.page.set_viewport_size(before)
    assert len(person.problems) == complaints, (name, person.problems)
