"""Which texts count as e-mail addresses and telephone numbers: the same as in the form viewer.

Source: WHATWG HTML, 4.10.5.1.5 (valid e-mail address); ITU-T E.164 (country codes), and the viewer's verdicts.
"""

from __future__ import annotations

import re
from typing import Final

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*", re.ASCII | re.IGNORECASE)

COUNTRY_CODES: Final = (
    "1|7|20|27|3[0-4]|36|39|4[013-9]|5[1-8]|6[0-6]|76|77|8[1246]|9[0-58]|4779|5999"
    "|21[1-368]|22[0-9]|23[0-9]|24[0-689]|25[0-8]|26[0-9]|29[1789]|35[0-9]|37[0-9]|38[0-35-79]|42[013]"
    "|50[0-9]|59[0-8]|67[02-9]|68[0-35-9]|69[0-2]|800|85[02356]|88[06]|96[0-8]|97[0-7]|99[2-68]"
)
_SHORT = "2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
_ZONE = rf"(?:[17]|{_SHORT}|(?!{_SHORT})[2-689][0-9]{{2}})"
_PHONE = re.compile(rf"(?:\+|00)(?:{COUNTRY_CODES}){_ZONE}[0-9]{{4,20}}\Z")


def is_email(text: str) -> bool:
    """Whether the viewer takes a text for an e-mail address."""
    return len(text) <= 10_000 and _EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """Whether the viewer takes a text for a telephone number: ``+`` or ``00``, a country code, enough digits.

    What stands before it does not matter: the viewer accepts ``call +4930664040900``.
    """
    return _PHONE.search(text[-64:] if len(text) > 64 else text) is not None
