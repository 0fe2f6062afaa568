"""Decisions that were taken, with their explanation."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(512)


class DecisionInstance(Model):
    """One evaluation. ``evaluation``: JSON of inputs, matched rules and outputs of every decision involved."""

    __tablename__ = "decision_instance"
    __table_args__ = (
        sa.Index("ix_decision_instance_instance", "instance_key"),
        sa.Index("ix_decision_instance_definition", "decision_key", "key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    decision_key: Mapped[int] = mapped_column(Key)
    instance_key: Mapped[int | None] = mapped_column(Key)
    element_key: Mapped[int | None] = mapped_column(Key)
    element_id: Mapped[str | None] = mapped_column(NAME)
    state: Mapped[str] = mapped_column(sa.String(16))
    evaluation: Mapped[str] = mapped_column(sa.Text)
    evaluated_at: Mapped[datetime] = mapped_column(UtcDateTime)


decision_instance = table_of(DecisionInstance)
