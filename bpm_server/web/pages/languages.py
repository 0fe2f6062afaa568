"""The languages of the pages, and their catalogues: English is in the code, others in ``web/translations``.

The catalogues are read as text at the first use, so that an installation needs no compiled files.
"""

from __future__ import annotations

import functools
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages import mofile, pofile

FOLDER = Path(__file__).parents[1] / "translations"
DEFAULT = "zh-CN"
LANGUAGES = {"zh-CN": "简体中文", "en": "English"}
"""By tag, in the order in which they are offered, each in its own words."""
_LOCALES = {"zh-CN": "zh_Hans_CN", "en": "en"}


@functools.cache
def catalogue(language: str) -> NullTranslations:
    """The translations of a language; texts without one stay English."""
    path = FOLDER / f"{language}.po"
    if not path.is_file():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        mofile.write_mo(compiled, pofile.read_po(file, locale=_LOCALES[language]))
    compiled.seek(0)
    return GNUTranslations(compiled)


@functools.cache
def locale(language: str) -> Locale:
    """How a language writes dates and numbers."""
    return Locale.parse(_LOCALES[language])
