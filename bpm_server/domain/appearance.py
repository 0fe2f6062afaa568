"""How pages look to somebody, by their own choice."""

from __future__ import annotations

from enum import StrEnum


class Theme(StrEnum):
    """Light, dark, or as the system is set."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Density(StrEnum):
    """How much lists show at once."""

    COMFORTABLE = "comfortable"
    COMPACT = "compact"
