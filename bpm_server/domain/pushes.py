"""Web push: which notifications go to people's devices, how long they are worth it, and what a device shows.

Source: RFC 8030 (TTL, Urgency, Topic), RFC 8291 (keys of a subscription, size of a message).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bpm_server.domain.notifications import ASKS, Kind
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MOST_DEVICES = 20
"""Of one person; a new one takes the place of the oldest."""
WORTH_IT = timedelta(hours=4)
"""What comes later says nothing new: tries end, and push services throw it away."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_ENDPOINT = 2_000
LONGEST_NAME = 80
TITLE = 200
BODY = 1_000
"""Bytes of the texts; an encrypted message holds 3993 in all."""
_BASE64 = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_POINT = 65
_SECRET = 16


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody has chosen to have on their devices; by kind, where it differs from the usual."""

    by_kind: Mapping[str, bool] = field(default_factory=dict)

    def wants(self, kind: Kind) -> bool:
        """Whether notifications of a kind go to their devices; copies do not unless they say so."""
        return self.by_kind.get(kind, kind is not Kind.COPIED)

    def everything(self) -> dict[str, bool]:
        """All kinds, with what holds for them."""
        return {kind: self.wants(kind) for kind in Kind}


def check_choices(chosen: Mapping[str, Any]) -> dict[str, bool]:
    """By kind of notification, whether it goes to devices.

    Raises:
        InvalidInput: a kind that there is not, or neither true nor false; names it.
    """
    for kind, wanted in chosen.items():
        if kind not in set(Kind):
            message = f"Expected kinds of notifications ({', '.join(Kind)}), but found '{str(kind)[:40]}'"
            raise InvalidInput(message, field="pushes")
        if not isinstance(wanted, bool):
            message = f"Expected true or false for pushes of the kind '{kind}', but found '{str(wanted)[:40]}'"
            raise InvalidInput(message, field="pushes")
    usual = Choices()
    return {kind: wanted for kind, wanted in chosen.items() if wanted is not usual.wants(Kind(kind))}


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where a browser takes messages, and what they are encrypted with. All of it is secret but the host.

    Attributes:
        endpoint: URL of the push service; whoever knows it and ``server_key``'s other half can send.
        p256dh: The browser's public key, a point of P-256 in Base64 for URLs.
        auth: Its 16 bytes of authentication secret, likewise.
        server_key: Our public key that the browser subscribed with; the push service takes messages by it alone.
    """

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    server_key: str = field(repr=False)

    def as_bytes(self) -> bytes:
        """As it is sealed."""
        return json.dumps_bytes([self.endpoint, self.p256dh, self.auth, self.server_key])

    @classmethod
    def from_bytes(cls, data: bytes) -> Subscription:
        """What was sealed."""
        return cls(*json.loads(data))


def check_shape(found: Subscription) -> Subscription:
    """The shape of what a browser says; the address is checked by ``connectors.web_push``.

    Raises:
        InvalidInput: a key is no Base64 or of another length; names the member.
    """
    for name, text, size, first in (
        ("p256dh", found.p256dh, _POINT, b"\x04"),
        ("auth", found.auth, _SECRET, b""),
        ("serverKey", found.server_key, _POINT, b"\x04"),
    ):
        plain = from_base64(text)
        if plain is None or len(plain) != size or not plain.startswith(first):
            message = f"Expected {name} as {size} bytes in Base64 for URLs, but found {len(text)} characters of another"
            raise InvalidInput(message, field=name)
    if len(found.endpoint) > LONGEST_ENDPOINT:
        message = f"Expected an endpoint of at most {LONGEST_ENDPOINT} characters, but found {len(found.endpoint)}"
        raise InvalidInput(message, field="endpoint")
    return found


def from_base64(text: str) -> bytes | None:
    """Bytes out of Base64 for URLs, with or without its end; None for something else."""
    plain = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4)) if _BASE64.fullmatch(text) else None
    except binascii.Error:
        return None


def to_base64(data: bytes) -> str:
    """Base64 for URLs, without its end."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# --- on the way -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """A device that a push goes to: a subscription with its key."""

    key: int
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Push:
    """A notification that a worker has leased, with the devices that it goes to.

    Attributes:
        key: Of the notification: the same over all tries.
        at: When it was told.
        left: For how long it is still worth to be shown.
        leased_until: Nobody else takes it before (engine time).
    """

    key: int
    username: str
    kind: str
    at: datetime
    left: timedelta
    leased_until: datetime
    targets: tuple[Target, ...]

    @property
    def is_urgent(self) -> bool:
        """Whether a device that saves power is to be woken."""
        return self.kind in ASKS


@dataclass(frozen=True, slots=True)
class Trial:
    """A test that somebody has asked for on one of their devices."""

    username: str
    target: Target


@dataclass(frozen=True, slots=True)
class Message:
    """What a device shows.

    Attributes:
        url: Path of ours that a tap leads to.
        tag: A message of the same tag takes the place of the one before, on the way and on the device.
        language: Of the texts.
    """

    title: str
    body: str
    url: str
    tag: str
    language: str

    def as_bytes(self) -> bytes:
        """JSON of at most 3 kB, for ``sw.js``."""
        return json.dumps_bytes(
            {
                "title": trimmed(self.title, TITLE),
                "body": trimmed(self.body, BODY),
                "url": self.url,
                "tag": self.tag,
                "lang": self.language,
            }
        )


def trimmed(text: str, most: int) -> str:
    """A text on one line, of at most so many bytes; an ellipsis says that there was more."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(plain.encode()) <= most:
        return plain
    return plain.encode()[: most - len("…".encode())].decode(errors="ignore").rstrip() + "…"


class Fate(StrEnum):
    """What came of a try."""

    SENT = "sent"
    """The push service has taken it."""
    LATER = "later"
    """Worth another try."""
    REFUSED = "refused"
    """This message will never be taken; another one may be."""
    GONE = "gone"
    """The subscription takes nothing any more."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a try at one device.

    Attributes:
        reason: Why it was not sent, without secrets.
        wait: How long the push service asks to be left alone.
        is_silence: No answer came at all.
    """

    fate: Fate
    reason: str | None = None
    wait: timedelta | None = None
    is_silence: bool = False


def wait_after(age: timedelta, asked: timedelta | None = None) -> timedelta | None:
    """How long to wait after a try that failed, by the age of the notification; None: it is given up.

    As long as it has waited already, so tries are twice as far apart each time; longer where the push service asks.
    """
    wait = max(min(max(age, FIRST_WAIT), LONGEST_WAIT), asked or timedelta())
    return wait if age + wait <= WORTH_IT else None


# --- devices ----------------------------------------------------------------------------------------------

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str) -> str:
    """By which people recognize a device, such as ``Chrome · Windows``; empty where nothing is known."""
    found = (next((name for mark, name in marks if mark in user_agent), "") for marks in (_BROWSERS, _SYSTEMS))
    return " · ".join(name for name in found if name)
