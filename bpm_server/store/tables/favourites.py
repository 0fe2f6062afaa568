"""Processes that people have marked to find them first in the catalogue."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import UtcDateTime


class Favourite(Model):
    """A star: of one person, on a process in whatever version."""

    __tablename__ = "favourite"

    username: Mapped[str] = mapped_column(sa.String(256), primary_key=True)
    process_id: Mapped[str] = mapped_column(sa.String(512), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


favourite = table_of(Favourite)
