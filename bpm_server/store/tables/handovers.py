"""Handovers: whose work went to whom; the tasks are the items of a batch operation."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key

NAME = sa.String(256)


class Handover(Model):
    """One handover. It is a log: it stays when the people are deleted.

    Attributes:
        key: The batch operation's, which has the tasks and says how far it is, who asked for it and when.
        has_left: Whether the person was marked as having left with it.
        plan: JSON object, see ``domain.handover.Handover``.
        result: JSON object of what was moved at once: ``moved`` places in the organisation, and ``kept`` ones with why.
    """

    __tablename__ = "handover"
    __table_args__ = (sa.Index("ix_handover_person", "person", "key"),)

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    person: Mapped[str] = mapped_column(NAME)
    has_left: Mapped[bool]
    plan: Mapped[str] = mapped_column(sa.Text)
    result: Mapped[str] = mapped_column(sa.Text)


handover = table_of(Handover)
