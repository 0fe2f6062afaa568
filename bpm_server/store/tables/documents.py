"""Documents: what is known of each, and their contents where these lie in the database."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime

LOCATION = sa.String(32)


class Document(Model):
    """A file that somebody has sent.

    Attributes:
        store: Which store has the content.
        location: Its name there; never one that a sender chose.
        content_hash: SHA-256 in hex.
        properties: JSON object of the sender's own.
        instance_key: What the sender says; the document does not end with the instance.
    """

    __tablename__ = "document"
    __table_args__ = (
        sa.UniqueConstraint("location"),
        sa.Index(
            "ix_document_expiry",
            "expires_at",
            sqlite_where=sa.text("expires_at IS NOT NULL"),
            postgresql_where=sa.text("expires_at IS NOT NULL"),
        ),
    )

    document_id: Mapped[str] = mapped_column(sa.String(256), primary_key=True)
    store: Mapped[str] = mapped_column(sa.String(32))
    location: Mapped[str] = mapped_column(LOCATION)
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    content_type: Mapped[str] = mapped_column(sa.String(256))
    file_name: Mapped[str] = mapped_column(sa.String(256))
    size: Mapped[int] = mapped_column(sa.BigInteger)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    process_id: Mapped[str | None] = mapped_column(sa.String(512))
    instance_key: Mapped[int | None] = mapped_column(Key)
    properties: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(sa.String(512))


class DocumentPart(Model):
    """A piece of a content that lies in the database; so no content has to be in memory as a whole."""

    __tablename__ = "document_part"

    location: Mapped[str] = mapped_column(LOCATION, primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)


class DocumentLeftover(Model):
    """A file that no document has: written before its document is, or left when its document goes.

    Attributes:
        due_at: When the file is removed, unless its document has come.
    """

    __tablename__ = "document_leftover"
    __table_args__ = (sa.Index("ix_document_leftover_due", "due_at"),)

    location: Mapped[str] = mapped_column(LOCATION, primary_key=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)


document = table_of(Document)
document_part = table_of(DocumentPart)
document_leftover = table_of(DocumentLeftover)
