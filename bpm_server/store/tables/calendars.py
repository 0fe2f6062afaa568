"""Business calendars."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of

NAME = sa.String(256)


class BusinessCalendar(Model):
    """When an office works.

    Attributes:
        week: JSON, seven lists of hours such as ``09:00-12:00``, Monday first.
        revision: The ``calendar_version`` of its last change: clocks that were set before are set anew.
    """

    __tablename__ = "business_calendar"

    calendar_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    name_en: Mapped[str | None] = mapped_column(NAME)
    time_zone: Mapped[str] = mapped_column(sa.String(64))
    week: Mapped[str] = mapped_column(sa.Text)
    revision: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")


class CalendarDay(Model):
    """A holiday or make-up day.

    Attributes:
        day: ``2026-10-01``, on the calendar's own clocks.
        kind: ``holiday`` or ``workday``.
        hours: JSON list of a make-up day's own hours; None for those of the first weekday that has any.
    """

    __tablename__ = "calendar_day"

    calendar_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    day: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    name: Mapped[str | None] = mapped_column(NAME)
    hours: Mapped[str | None] = mapped_column(sa.Text)


business_calendar = table_of(BusinessCalendar)
calendar_day = table_of(CalendarDay)
