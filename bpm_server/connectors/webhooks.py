"""Standard Webhooks 1.0: signing, when to try again, and what a receiver's answer means.

Source: standardwebhooks.com, specification 1.0.0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import secrets
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from bpm_server.domain.webhooks import Verdict
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105
JITTER = 0.1
THROTTLED = frozenset({429, 502, 504})
TOLERANCE = timedelta(minutes=5)
"""How old a message may be for a receiver, against replays by others."""
MOST_SIGNATURES = 10


def new_secret() -> str:
    """A fresh signing secret."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def secret_bytes(secret: str) -> bytes:
    """The key inside ``whsec_...``.

    Raises:
        InvalidInput: not base64, or not 24 to 64 bytes.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        message = "Expected a signing secret of the form whsec_<base64>, but it is not base64"
        raise InvalidInput(message, field="secret") from error
    if not 24 <= len(key) <= 64:
        message = f"Expected a signing secret of 24 to 64 bytes, but found {len(key)}"
        raise InvalidInput(message, field="secret")
    return key


def body(event_type: str, at: datetime, data: object) -> bytes:
    """The payload: type, time of the event, data with all digits."""
    return json.dumps_bytes({"type": event_type, "timestamp": json.timestamp(at), "data": data})


def headers(webhook_id: str, at: datetime, payload: bytes, keys: list[str]) -> dict[str, str]:
    """Headers of one attempt; during key rotation every secret signs."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((webhook_id.encode(), timestamp.encode(), payload))
    signatures = [
        "v1," + base64.b64encode(hmac.new(secret_bytes(key), signed, hashlib.sha256).digest()).decode() for key in keys
    ]
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def verify(given: Mapping[str, str], payload: bytes, keys: list[str], now: datetime) -> bool:
    """Whether a message was signed by one of these secrets, not longer than five minutes ago.

    What a receiver does; every comparison takes the same time.
    """
    webhook_id, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not webhook_id or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if abs(int(now.timestamp()) - int(timestamp)) > TOLERANCE.total_seconds():
        return False
    expected = headers(webhook_id, datetime.fromtimestamp(int(timestamp), UTC), payload, keys)["webhook-signature"]
    signatures = [one.encode() for one in given.get("webhook-signature", "").split()[:MOST_SIGNATURES]]
    matches = [hmac.compare_digest(one, own.encode()) for one in signatures for own in expected.split()]
    return any(matches)


def judge(status: int | None, retry_after: str | None, now: datetime) -> Verdict:
    """What the answer's status means; None: no answer came."""
    if status is not None and 200 <= status < 300:
        return Verdict("delivered")
    if status == 410:
        return Verdict("gone")
    if status in THROTTLED:
        return Verdict("retry", read_retry_after(retry_after, now) or timedelta(minutes=1))
    return Verdict("retry")


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """How long a ``Retry-After`` asks to wait: seconds, at most a day, or until a moment; None: it asks nothing."""
    if text is None:
        return None
    if text.strip().isdigit():
        return timedelta(seconds=min(int(text), 86_400))
    try:
        return max(parsedate_to_datetime(text) - now, timedelta())
    except (ValueError, TypeError):
        return None


def wait_after(attempts: int, schedule: Sequence[int]) -> timedelta | None:
    """How long to wait after so many failed attempts, by a schedule in seconds; None: give up."""
    if attempts > len(schedule):
        return None
    return timedelta(seconds=schedule[attempts - 1] * (1 + random.uniform(-JITTER, JITTER)))  # noqa: S311
