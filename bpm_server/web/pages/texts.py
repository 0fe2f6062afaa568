"""Texts in the visitor's language."""

from __future__ import annotations

from typing import Any

from bpm_server.web.pages.languages import catalogue
from bpm_server.web.pages.visitor import visitor


def gettext(text: str, **values: Any) -> str:
    """The text in the visitor's language; ``%(name)s`` becomes the value."""
    found = catalogue(visitor().language).gettext(text)
    return found % values if values else found


def ngettext(singular: str, plural: str, n: int, **values: Any) -> str:
    """Like :func:`gettext` for a number of things; ``%(num)s`` is the number."""
    found = catalogue(visitor().language).ngettext(singular, plural, n)
    return found % {"num": n, **values}


def template_gettext(text: str) -> str:
    """What templates call; Jinja fills in and escapes the values."""
    return catalogue(visitor().language).gettext(text)


def template_ngettext(singular: str, plural: str, n: int) -> str:
    """What templates call for a number of things."""
    return catalogue(visitor().language).ngettext(singular, plural, n)


_ = gettext
