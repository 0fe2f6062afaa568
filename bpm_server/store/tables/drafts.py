"""Drafts: what somebody has entered into a form and not sent yet."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime


class Draft(Model):
    """What one person has entered into one form.

    Attributes:
        place: Which form, as text: see ``domain.drafts.Place``. One draft for a person and a place.
        process_id: Of the process that is to start, or that the task belongs to.
        task_key: Of a draft of a task.
        instance_key: Of the task's instance, with which the draft goes.
        version: 1, then one more with each saving; who saves says which one they know.
        content: JSON: ``values`` of the form's fields, ``comment``.
        saved_at: Engine time.
    """

    __tablename__ = "draft"
    __table_args__ = (
        sa.UniqueConstraint("username", "place"),
        sa.Index("ix_draft_saved", "saved_at"),
        partial("ix_draft_task", "task_key", where="task_key IS NOT NULL"),
        partial("ix_draft_instance", "instance_key", where="instance_key IS NOT NULL"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(sa.String(256))
    place: Mapped[str] = mapped_column(sa.String(530))
    process_id: Mapped[str] = mapped_column(sa.String(512))
    task_key: Mapped[int | None] = mapped_column(Key)
    instance_key: Mapped[int | None] = mapped_column(Key)
    version: Mapped[int]
    content: Mapped[str] = mapped_column(sa.Text)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


draft = table_of(Draft)
