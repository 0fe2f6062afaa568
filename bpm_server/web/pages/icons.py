"""Icons of the sprite."""

from __future__ import annotations

import functools
import re

from markupsafe import Markup

from bpm_server.web.assets import VENDOR, Assets

FALLBACK = "file-text"


@functools.cache
def _known() -> frozenset[str]:
    found = Assets.load().files.get("icons.svg")
    if found is None:
        return frozenset()
    return frozenset(re.findall(r'<symbol id="([a-z0-9-]+)"', (VENDOR / found.file).read_text(encoding="utf-8")))


@functools.cache
def _url() -> str:
    return Assets.load().url("icons.svg")


@functools.lru_cache(maxsize=500)
def icon(name: str, classes: str = "") -> Markup:
    """An icon beside a text; names from models that the sprite lacks become a plain sheet."""
    known = name if name in _known() else FALLBACK
    return Markup('<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>').format(
        classes, _url(), known
    )
