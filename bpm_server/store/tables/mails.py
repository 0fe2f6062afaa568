"""Mails on their way out, and what became of them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.identity import NAME
from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime


class Mail(Model):
    """One mail to one person. What it says is written when it is sent, and kept nowhere.

    Attributes:
        notifications: JSON list of the keys of those that it tells of.
        daily: Whether it tells of a day.
        state: In the words of ``domain.states.MailState``.
        next_at: Not before (engine time).
        lease: Who sends it now, until ``leased_until`` (database time).
        reason: Why the last try failed, or there was none.
    """

    __tablename__ = "mail"
    __table_args__ = (
        partial("ix_mail_due", "next_at", "key", where="state = 'waiting'"),
        sa.Index("ix_mail_state", "state", "key"),
        sa.Index("ix_mail_person", "username", "key"),
        sa.Index("ix_mail_created", "created_at"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(NAME)
    notifications: Mapped[str] = mapped_column(sa.Text)
    daily: Mapped[bool]
    state: Mapped[str] = mapped_column(sa.String(16))
    attempts: Mapped[int]
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(sa.String(32))
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


mail = table_of(Mail)
