"""Clocks of service levels: until when user tasks are to be done, and when somebody is reminded."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime


class SlaClock(Model):
    """The clock of one user task.

    Attributes:
        revision: The ``calendar_version`` by which its moments were set.
        clock: JSON of ``domain.sla.as_json``; that it was stopped is said by ``ended_at`` alone.
        due_at: When the target is reached; None while it is paused. Kept when the task has ended.
        alarm_at: When it says something next (engine time); None: paused, ended, or all was said.
        rung: Of the last alarm that rang: microseconds that were left.
        failures: How often the next alarm failed; it is tried again later.
    """

    __tablename__ = "sla_clock"
    __table_args__ = (
        partial("ix_sla_clock_alarm", "alarm_at", "task_key", where="alarm_at IS NOT NULL"),
        partial("ix_sla_clock_calendar", "calendar_id", "revision", "task_key", where="ended_at IS NULL"),
        sa.Index("ix_sla_clock_instance", "instance_key"),
    )

    task_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    calendar_id: Mapped[str] = mapped_column(sa.String(256))
    revision: Mapped[int] = mapped_column(sa.BigInteger)
    clock: Mapped[str] = mapped_column(sa.Text)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alarm_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rung: Mapped[int | None] = mapped_column(sa.BigInteger)
    failures: Mapped[int] = mapped_column(default=0)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


sla_clock = table_of(SlaClock)
