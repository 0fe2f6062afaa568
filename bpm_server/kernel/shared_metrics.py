"""The folder in which several processes count together. To be called before ``kernel.metrics`` is imported."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client decides by it, once, when it is imported."""


def share() -> None:
    """Makes the folder, unless the installation names one; it goes with the process that made it."""
    named = os.environ.get(VARIABLE)
    if named:
        Path(named).mkdir(parents=True, exist_ok=True)
        return
    folder = tempfile.mkdtemp(prefix="bpm-metrics-")
    os.environ[VARIABLE] = folder
    atexit.register(_remove, folder, os.getpid())


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # children run this too
        shutil.rmtree(folder, ignore_errors=True)
