"""QR codes: drawn on the server, as part of the page."""

from __future__ import annotations

import segno
from markupsafe import Markup

from bpm_server.web.pages.texts import gettext as _


def qr_code(address: str) -> Markup:
    """An address as a picture, dark on white in both themes: cameras need it so."""
    code = segno.make(address, error="m", micro=False)
    drawn = code.svg_inline(
        border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True, title=_("QR code")
    )
    return Markup(drawn)  # noqa: S704 - of numbers; the address is not in it as text
