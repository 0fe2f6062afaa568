"""The audit log: what people and programs have done, append-only, and its seals."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(512)
WORD = sa.String(32)


def _present(name: str, column: str) -> sa.Index:
    """An index of the entries that have a value there."""
    where = sa.text(f"{column} IS NOT NULL")
    return sa.Index(name, column, "key", sqlite_where=where, postgresql_where=where)


class AuditEntry(Model):
    """One act. Says who, what, when and to which thing; what it contained is in the journal (ADR 11).

    Rows outlive what they are about. After insertion only the worker touches them, once: it notes their seal.

    Attributes:
        seal: Number of the seal that has it, None until then.
        entity_key: Key or id of the thing, as text.
        related_key: The other thing, for instance who was put into a group.
        description: For people: names of variables, the name of a file.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        sa.Index("ix_audit_log_at", "at", "key"),
        sa.Index("ix_audit_log_actor", "actor", "key"),
        _present("ix_audit_log_instance", "instance_key"),
        _present("ix_audit_log_task", "task_key"),
        sa.Index("ix_audit_log_seal", "seal", "key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(NAME)
    actor_type: Mapped[str] = mapped_column(WORD)
    entity_type: Mapped[str] = mapped_column(WORD)
    operation: Mapped[str] = mapped_column(WORD)
    category: Mapped[str] = mapped_column(WORD)
    result: Mapped[str] = mapped_column(WORD)
    entity_key: Mapped[str] = mapped_column(NAME)
    process_id: Mapped[str | None] = mapped_column(NAME)
    process_definition_key: Mapped[int | None] = mapped_column(Key)
    instance_key: Mapped[int | None] = mapped_column(Key)
    root_key: Mapped[int | None] = mapped_column(Key)
    element_key: Mapped[int | None] = mapped_column(Key)
    job_key: Mapped[int | None] = mapped_column(Key)
    task_key: Mapped[int | None] = mapped_column(Key)
    decision_id: Mapped[str | None] = mapped_column(NAME)
    decision_key: Mapped[int | None] = mapped_column(Key)
    requirements_id: Mapped[str | None] = mapped_column(NAME)
    requirements_key: Mapped[int | None] = mapped_column(Key)
    evaluation_key: Mapped[int | None] = mapped_column(Key)
    deployment_key: Mapped[int | None] = mapped_column(Key)
    form_key: Mapped[int | None] = mapped_column(Key)
    resource_key: Mapped[int | None] = mapped_column(Key)
    batch_key: Mapped[int | None] = mapped_column(Key)
    batch_type: Mapped[str | None] = mapped_column(WORD)
    related_key: Mapped[str | None] = mapped_column(NAME)
    related_type: Mapped[str | None] = mapped_column(WORD)
    description: Mapped[str | None] = mapped_column(NAME)
    seal: Mapped[int | None] = mapped_column(sa.BigInteger)


class AuditSeal(Model):
    """What some rows of the log were, and which seal came before (ADR 14); see ``domain.sealing``.

    Attributes:
        format: Which columns it covers.
        key_check: Tells with which secret it was made.
        entries: Key and digest of each row, 40 bytes.
        previous: Digest of the seal before.
    """

    __tablename__ = "audit_seal"

    number: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    format: Mapped[int]
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    key_check: Mapped[str] = mapped_column(sa.String(16))
    entries: Mapped[bytes] = mapped_column(sa.LargeBinary)
    previous: Mapped[str] = mapped_column(sa.String(64))
    digest: Mapped[str] = mapped_column(sa.String(64))


audit_log = table_of(AuditEntry)
audit_seal = table_of(AuditSeal)
