"""DMN files of other projects with something broken: they are refused, or they decide; 10,000 of them in proof."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.unit.dmn import breaking

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.shared

COUNT = 10_000 if os.environ.get("BPM_PROOF") == "1" else 60


def test_broken_models_are_refused_or_decide(shared: Path) -> None:
    files = [path.read_bytes() for path in sorted((shared / "models" / "dmn").glob("*.dmn"))]
    loaded = sum(
        breaking.try_out(data, Random(number)) for number, data in enumerate(breaking.broken(files, COUNT, COUNT))
    )
    assert COUNT / 4 < loaded < COUNT, "the changes break too much or too little to say anything"
