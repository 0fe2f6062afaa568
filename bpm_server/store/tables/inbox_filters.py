"""Searches of the inbox that people keep under a name."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime


class InboxFilter(Model):
    """A search of somebody's inbox; others who see it find their own tasks by it.

    Attributes:
        place: Where it stands among those of its owner; the lowest first.
        criteria: JSON of ``domain.inbox_filters.Criteria``.
        shared_with: ``everybody`` or ``group:<name>``; None: nobody else sees it.
        version: Counts changes of name, search and audience, so that none overwrites one that it does not know.
    """

    __tablename__ = "inbox_filter"
    __table_args__ = (
        sa.UniqueConstraint("owner", "name"),
        sa.Index("ix_inbox_filter_owner", "owner", "place", "key"),
        partial("ix_inbox_filter_shared", "shared_with", "key", where="shared_with IS NOT NULL"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    owner: Mapped[str] = mapped_column(sa.String(256))
    name: Mapped[str] = mapped_column(sa.String(100))
    place: Mapped[int]
    criteria: Mapped[str] = mapped_column(sa.Text)
    shared_with: Mapped[str | None] = mapped_column(sa.String(512))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1, server_default="1")


inbox_filter = table_of(InboxFilter)
