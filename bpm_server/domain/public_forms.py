"""Start forms that are open to the public: what may be set, and as whom they start a process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bpm_server.domain.identity import PUBLIC_FORM_NAME, Actor, Permission
from bpm_server.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

RESOURCE = "PUBLIC_FORM"
LARGEST = 64 * 1024
"""Bytes of one submission."""
LONGEST_DAYS = 3_650
MOST_PER_HOUR = 100_000
MOST_ORIGINS = 20
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of reference numbers: without what is mixed up when it is read out."""
LOCAL = frozenset(("localhost", "127.0.0.1"))


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A form that takes submissions now."""

    key: int
    token: str
    process_id: str
    origins: tuple[str, ...]
    address_per_hour: int
    total_per_hour: int

    @property
    def actor(self) -> Actor:
        """Who starts the process: nobody's account, with the right for this one process."""
        permission = Permission("PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", self.process_id)
        return Actor(PUBLIC_FORM_NAME, permissions=frozenset({permission}))


def nothing_open() -> NotFound:
    """The same for an address that never was one, one that is closed, and one whose time is over."""
    return NotFound("Expected a form at this address, but found none")


def new_token() -> str:
    """The last part of an address that nobody guesses: 192 random bits."""
    return secrets.token_urlsafe(24)


def new_reference(now: datetime) -> str:
    """A number for both sides to name a submission by: the day and six characters."""
    return f"{now:%Y%m%d}-" + "".join(secrets.choice(ALPHABET) for _ in range(6))


def check_rate(per_hour: int, field: str) -> int:
    """A limit of submissions.

    Raises:
        InvalidInput: less than one, or more than any form needs.
    """
    if 1 <= per_hour <= MOST_PER_HOUR:
        return per_hour
    message = f"Expected 1 to {MOST_PER_HOUR} submissions an hour, but found {per_hour}"
    raise InvalidInput(message, field=field)


def check_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """Web sites that may show the form in a frame, each once.

    Raises:
        InvalidInput: one is no origin such as ``https://www.example.com``; plain http is for this machine only.
    """
    found = tuple(dict.fromkeys(text.strip().rstrip("/").lower() for text in origins if text.strip()))
    if len(found) > MOST_ORIGINS:
        message = f"Expected at most {MOST_ORIGINS} web sites, but found {len(found)}"
        raise InvalidInput(message, field="origins")
    for one in found:
        if not _is_origin(one):
            message = f"Expected a web site such as https://www.example.com, but found '{one[:100]}'"
            raise InvalidInput(message, field="origins")
    return found


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    whole = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
    named = bool(host) and all(char.isascii() and (char.isalnum() or char in "-.") for char in host)
    return text == whole and named and (parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL))
