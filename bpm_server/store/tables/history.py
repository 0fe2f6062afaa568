"""The journal: every command on an instance with the events it caused, append-only."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime


class JournalEntry(Model):
    """One step of one instance.

    Attributes:
        sequence: 1, 2, 3... within the instance.
        command: JSON of the command (see ``domain.commands``), with holes for large values.
        events: JSON of the events (see ``domain.events``), with holes for large values.
        cluster_variable_version: What the step saw of the cluster variables (ADR 12).
    """

    __tablename__ = "journal"

    instance_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str | None] = mapped_column(sa.String(512))
    command: Mapped[str] = mapped_column(sa.Text)
    events: Mapped[str] = mapped_column(sa.Text)
    cluster_variable_version: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")


class LargeValue(Model):
    """A large value in journals of a call tree; see ``store.large_values``.

    Attributes:
        instance_key: The root of the call tree.
        digest: SHA-256 of the JSON text, in hex.
        data: The JSON text, compressed by zlib.
    """

    __tablename__ = "large_value"

    instance_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)


journal = table_of(JournalEntry)
large_value = table_of(LargeValue)
