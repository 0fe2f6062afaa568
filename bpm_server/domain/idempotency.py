"""Requests that count once: the key that a client gives, and what a request is recognized by."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

from bpm_server.kernel.errors import Conflict, InvalidInput

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
"""A reply is given again at least so long."""
HELD = timedelta(seconds=60)
"""So long a request that has committed something, but has no reply yet, is believed to be still at work."""
LONGEST_KEY = 255
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class KeyReused(InvalidInput):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class InProgress(Conflict):
    """The first request with this key has no reply yet."""

    code = "request_in_progress"


class ClaimLost(Conflict):
    """Another request with the same key was faster."""

    code = "request_in_progress"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is recognized.

    Attributes:
        id: SHA-256 of actor and key, in hex: everyone has keys of their own.
        fingerprint: SHA-256 of method, path, query and body, in hex.
    """

    id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeptReply:
    """What was answered."""

    status: int
    content_type: str | None
    body: bytes


def read_key(header: str) -> str:
    """The key of the header: in quotation marks (a string of RFC 8941, as the IETF's draft says) or bare.

    Raises:
        InvalidInput: empty, too long, or with other than visible ASCII characters.
    """
    text = header.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if len(text) > LONGEST_KEY or _VISIBLE.fullmatch(text) is None:
        found = f"{len(text)} characters" if text else "none"
        message = f"Expected 1 to {LONGEST_KEY} visible ASCII characters as {HEADER}, but found {found}"
        if text and len(text) <= LONGEST_KEY:
            message = f"Expected visible ASCII characters as {HEADER}, but found another character"
        raise InvalidInput(message, field=HEADER)
    return text


def asked(username: str, key: str, fingerprint: str) -> Asked:
    """A request of a person or program."""
    return Asked(hashlib.sha256(f"{username}\0{key}".encode()).hexdigest(), fingerprint)
