"""What people are told of: shown in the pages' head, and due tasks in their calendar programs."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.tables.tasks import NAME
from bpm_server.store.types import Key, UtcDateTime


class Notification(Model):
    """One thing that one person is told.

    Attributes:
        kind: In the words of ``domain.notifications.Kind``.
        instance_key: The instance that it is about; removed with it.
        task_key: None where it is about the whole case.
        by: Whose act it was; None where nobody's.
        details: JSON object of a few words, such as the outcome; never values of variables.
        mail_at: When the worker looks at it next to make a mail of it (engine time); None: it has, or never will.
        mail_daily: Whether it waits for the person's daily mail.
        push_at: When the worker looks at it next to send it to devices (engine time); None: it has, or never will.
        push_to: JSON list of the keys of those devices that have not had it yet; None: all.
    """

    __tablename__ = "notification"
    __table_args__ = (
        sa.Index("ix_notification_person", "username", "key"),
        partial("ix_notification_unread", "username", where="read_at IS NULL"),
        sa.Index("ix_notification_instance", "instance_key"),
        sa.Index("ix_notification_at", "at"),
        partial("ix_notification_mail", "mail_at", where="mail_at IS NOT NULL"),
        partial("ix_notification_push", "push_at", where="push_at IS NOT NULL"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(NAME)
    kind: Mapped[str] = mapped_column(sa.String(24))
    instance_key: Mapped[int] = mapped_column(Key)
    task_key: Mapped[int | None] = mapped_column(Key)
    by: Mapped[str | None] = mapped_column(NAME)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    details: Mapped[str] = mapped_column(sa.Text)
    mail_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mail_daily: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    push_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    push_to: Mapped[str | None] = mapped_column(sa.Text)


class CalendarFeed(Model):
    """A person's calendar of due tasks has an address.

    Attributes:
        nonce: Part of the address; with another one the address of before leads nowhere.
    """

    __tablename__ = "calendar_feed"

    username: Mapped[str] = mapped_column(sa.String(256), primary_key=True)
    nonce: Mapped[str] = mapped_column(sa.String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


notification = table_of(Notification)
calendar_feed = table_of(CalendarFeed)
