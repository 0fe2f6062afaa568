"""What browsers may do with our pages: content security policy, framing, caching."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import g

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response

POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {framing}"
)


def nonce() -> str:
    """The nonce of this reply, for the one script that stands in the page itself."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    found: str = g.nonce
    return found


def allow_framing(origins: Sequence[str]) -> None:
    """Lets web sites show this reply in a frame; without any, nobody may."""
    g.framed_by = tuple(origins)


def protect(response: Response) -> Response:
    """Headers of every HTML reply. Personal pages are not kept by any cache."""
    if response.mimetype == "text/html":
        headers = response.headers
        sites = g.get("framed_by", ())
        policy = POLICY.format(nonce=nonce(), framing=" ".join(sites) or "'none'")
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Referrer-Policy", "same-origin")
        if not sites:
            headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(self)")
        response.vary.update(("HX-Request", "HX-Target", "Cookie", "Accept-Encoding"))
    return response
