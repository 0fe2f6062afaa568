"""Files beside cases and tasks; their contents are documents."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime


class Attachment(Model):
    """A file that somebody has put beside a case; the row stays when the file is removed.

    Attributes:
        task_key: The task beside which it was put, or in whose form; None: the case, or its start form.
        document_id: Its content; removed with the file.
        content_hash: SHA-256 in hex: what it was, also when it is gone.
    """

    __tablename__ = "attachment"
    __table_args__ = (
        sa.Index("ix_attachment_instance", "instance_key", "key"),
        sa.Index("ix_attachment_document", "document_id"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    task_key: Mapped[int | None] = mapped_column(Key)
    document_id: Mapped[str] = mapped_column(sa.String(256))
    file_name: Mapped[str] = mapped_column(sa.String(256))
    content_type: Mapped[str] = mapped_column(sa.String(256))
    size: Mapped[int] = mapped_column(sa.BigInteger)
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    added_by: Mapped[str] = mapped_column(sa.String(512))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_by: Mapped[str | None] = mapped_column(sa.String(512))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


attachment = table_of(Attachment)
