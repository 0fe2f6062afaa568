"""Moments, durations and numbers as people read them, in the visitor's language and time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from babel import dates, numbers
from flask import g

from bpm_server.reports.clock import this_moment
from bpm_server.web import access
from bpm_server.web.pages.languages import locale
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from bpm_server.store.moments import Moment

SHORT = {"zh-CN": ("HH:mm", "M月d日 HH:mm", "y年M月d日"), "en": ("HH:mm", "MMM d, HH:mm", "MMM d, y")}
"""Of today, of this year, of other years."""
MOST_DIGITS = 100
"""Longer numbers than anybody reads stay as they are."""
REMEMBERED = 10_000
"""Texts of moments and amounts: lists are drawn again after every act, with nearly the same rows."""


def looked_at() -> Moment:
    """When this page is looked at, read once per request."""
    if "looked_at" not in g:
        g.looked_at = this_moment(access.server())
    found: Moment = g.looked_at
    return found


def now() -> datetime:
    """Engine time, read once per request."""
    return looked_at().now


def moment(at: datetime | None) -> str:
    """A moment, as short as it stays clear."""
    if at is None:
        return ""
    who = visitor()
    local, today = at.astimezone(who.zone), now().astimezone(who.zone)
    patterns = SHORT[who.language]
    index = 0 if local.date() == today.date() else 1 if local.year == today.year else 2
    return dates.format_datetime(local, patterns[index], tzinfo=who.zone, locale=locale(who.language))


def full_moment(at: datetime | None) -> str:
    """A moment with date, seconds and time zone."""
    if at is None:
        return ""
    who = visitor()
    return _full_moment(at, who.zone, who.language)


@lru_cache(REMEMBERED)
def _full_moment(at: datetime, zone: ZoneInfo, language: str) -> str:
    text = dates.format_datetime(at, "yyyy-MM-dd HH:mm:ss", tzinfo=zone, locale=locale(language))
    return f"{text} {dates.get_timezone_name(at.astimezone(zone), width='short', locale=locale(language))}"


def iso(at: datetime | None) -> str:
    """For ``<time datetime>``."""
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds")


def duration(span: timedelta | None) -> str:
    """How long something took or has been waiting, in its largest unit."""
    if span is None:
        return ""
    if span < timedelta(minutes=1):
        return _("less than a minute")
    language = locale(visitor().language)
    if span < timedelta(hours=1):
        return dates.format_timedelta(span, granularity="minute", threshold=1.5, locale=language)
    return dates.format_timedelta(span, granularity="hour", threshold=1.5, locale=language)


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """How long until something is due, or since when it is late: words, icon and colour."""

    text: str
    icon: str
    tone: str


def time_left(at: datetime) -> TimeLeft:
    """In its largest unit; ``static/app/due.js`` says the same later."""
    left = at - now()
    late = left < timedelta()
    minutes = max(abs(left) // timedelta(minutes=1), 1)
    number, unit = minutes, "Minutes"
    if minutes >= 60:
        number, unit = minutes // 60, "Hours"
    if minutes >= 24 * 60:
        number, unit = minutes // (24 * 60), "Days"
    text = due_words()[f"{'late' if late else 'left'}{unit}"] % {"num": number}
    if late:
        return TimeLeft(text, "alarm", "red")
    return TimeLeft(text, "clock", "yellow" if left < timedelta(days=1) else "azure")


def due_words() -> dict[str, str]:
    """What scripts say of due dates, too."""
    return {
        "leftMinutes": _("%(num)s min left"),
        "leftHours": _("%(num)s h left"),
        "leftDays": _("%(num)s d left"),
        "lateMinutes": _("%(num)s min overdue"),
        "lateHours": _("%(num)s h overdue"),
        "lateDays": _("%(num)s d overdue"),
    }


def exact_duration(span: timedelta | None) -> str:
    """Short runs with their milliseconds."""
    if span is None:
        return ""
    if span < timedelta(seconds=1):
        return f"{span // timedelta(milliseconds=1)} ms"
    if span < timedelta(minutes=1):
        return f"{span.total_seconds():.1f} s"
    return duration(span)


def since(at: datetime | None) -> str:
    """How long ago."""
    return "" if at is None else duration(max(now() - at, timedelta()))


def number(value: Any) -> str:
    """A number with the language's grouping and all its digits."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return str(value)
    return _grouped(value, None)


def exact(value: int | Decimal, digits: int | None) -> str:
    """A number with the language's grouping, all its digits, and at least so many after the point."""
    return _grouped(value, f"#,##0.{'0' * digits}" if digits else None)


def _grouped(value: int | Decimal, pattern: str | None) -> str:
    if _is_long(Decimal(value)):
        return str(value)
    with localcontext(prec=4 * MOST_DIGITS):
        return numbers.format_decimal(value, pattern, locale=locale(visitor().language), decimal_quantization=False)


def money(value: Any, currency: str) -> str:
    """An amount with its currency; digits beyond the currency's own stay."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return f"{value} {currency}"
    return _money(Decimal(value), currency, visitor().language)


@lru_cache(REMEMBERED)
def _money(exact: Decimal, currency: str, language: str) -> str:
    if _is_long(exact):
        return f"{exact} {currency}"
    with localcontext(prec=4 * MOST_DIGITS):
        digits = max(2, -int(exact.normalize().as_tuple().exponent)) if exact.is_finite() else 2
        pattern = "¤#,##0." + "0" * digits
        return numbers.format_currency(
            exact, currency, pattern, locale=locale(language), currency_digits=False, decimal_quantization=False
        )


def _is_long(value: Decimal) -> bool:
    if not value.is_finite():
        return False
    return abs(value.adjusted()) > MOST_DIGITS or len(value.as_tuple().digits) > 2 * MOST_DIGITS


def count(value: int, limit: int = 500) -> str:
    """A number in a badge."""
    return str(value) if value <= limit else f"{limit}+"
