"""Start forms that are open to the public."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(256)


class PublicForm(Model):
    """An address under which everybody may start one process by its form; kept when it is closed.

    Attributes:
        token: The last part of the address. It is meant to be handed on, so it stands here as it is.
        name: What it is for, in the words of who opened it; never shown to the public.
        origins: JSON list of the web sites that may show it in a frame.
        address_per_hour: Submissions from one address.
        total_per_hour: Submissions altogether.
        expires_at: By the database's clock.
    """

    __tablename__ = "public_form"
    __table_args__ = (sa.UniqueConstraint("token"), sa.Index("ix_public_form_process", "process_id", "key"))

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    token: Mapped[str] = mapped_column(sa.String(64))
    process_id: Mapped[str] = mapped_column(sa.String(512))
    name: Mapped[str] = mapped_column(NAME)
    origins: Mapped[str] = mapped_column(sa.Text)
    address_per_hour: Mapped[int]
    total_per_hour: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(NAME)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(NAME)


public_form = table_of(PublicForm)
