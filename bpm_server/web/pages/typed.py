"""Moments, amounts and durations out of the fields that people type them into."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_AMOUNT = re.compile(r"\d{1,18}(\.\d{1,9})?")
_HOURS = re.compile(r"\d{1,4}(\.\d{1,4})?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")


def moment_typed(text: str, zone: ZoneInfo, field: str) -> datetime:
    """The moment of ``<input type="datetime-local">``, in UTC. A time that an autumn night has twice is the first.

    Raises:
        InvalidInput: it is none.
    """
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    message = f"Expected a date and time such as 2026-12-01T09:00, but found '{text[:60]}'"
    raise InvalidInput(message, field=field)


def amount_typed(text: str, field: str) -> Decimal:
    """An amount; commas and spaces between its digits are passed over.

    Raises:
        InvalidInput: it is none.
    """
    plain = re.sub(r"[,，\s]", "", text)
    if _AMOUNT.fullmatch(plain):
        return Decimal(plain)
    message = f"Expected an amount such as 50000 or 50,000.00, but found '{text[:60]}'"
    raise InvalidInput(message, field=field)


def hours_typed(text: str, field: str) -> timedelta:
    """Working time in hours, such as 16 or 1.5.

    Raises:
        InvalidInput: it is none, or nothing.
    """
    plain = text.strip()
    if _HOURS.fullmatch(plain) and Decimal(plain):
        return timedelta(seconds=int(Decimal(plain) * 3600))
    message = f"Expected hours such as 16 or 1.5, but found '{text[:60]}'"
    raise InvalidInput(message, field=field)
