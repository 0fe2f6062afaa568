"""What a test needs from outside: missing, it is skipped with a reason that a person can act on.

With ``BPM_REQUIRE_SERVICES=1`` (CI) a missing service fails instead.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from bpm_server.web.assets import VENDOR

ROOT = Path(__file__).resolve().parents[2]


def missing(what: str, how: str) -> NoReturn:
    """Skips the test, or fails it where services are required."""
    message = f"{what} is not available: {how}"
    if os.environ.get("BPM_REQUIRE_SERVICES") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def shared_data() -> Path:
    """The conformance data; required only where BPM_SHARED is set."""
    named = os.environ.get("BPM_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    if (folder / "scenarios").is_dir():
        return folder
    if named:
        pytest.fail(f"BPM_SHARED names {named}, but the conformance data is not there", pytrace=False)
    pytest.skip("the conformance data is not there: set BPM_SHARED to its folder")


def front_end() -> None:
    """The built scripts and styles."""
    if not (VENDOR / "manifest.json").is_file():
        missing("the built front end", "run 'make assets'")


def chromium() -> str:
    """Path of the browser."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    missing("Chromium", "run 'make services' (Debian), or install it")
