"""A Chinese office in tests: its hours, a week of holidays, two make-up days."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from bpm_server.domain.calendars import Calendar, DayKind, Span, SpecialDay

OFFICE = (Span(9 * 60, 12 * 60), Span(13 * 60, 18 * 60))
SHANGHAI = ZoneInfo("Asia/Shanghai")
CHINA = Calendar(
    "default",
    "标准工作日历",
    "Asia/Shanghai",
    (OFFICE,) * 5 + ((), ()),
    {
        one.day: one
        for one in (
            *(SpecialDay(date(2026, 10, day), DayKind.HOLIDAY, "国庆节") for day in range(1, 8)),
            SpecialDay(date(2026, 9, 20), DayKind.WORKDAY, "国庆节调休"),
            SpecialDay(date(2026, 10, 10), DayKind.WORKDAY, "国庆节调休"),
        )
    },
)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)
