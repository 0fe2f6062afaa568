"""Process instances, the state of their tokens, their elements and variables."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(512)


class ProcessInstance(Model):
    """One run of a process.

    Attributes:
        lock_version: Grows with every command; the hot cache compares it.
        root_key: The outermost caller; its row is the lock of the whole call tree.
        tokens: The engine's own state (see ``engine.state``), None when ended.
        depth: Number of callers above.
        incidents: Open incidents of this instance.
        suspended_at: Since when nothing moves; what waits for it has ``suspended`` set.
        removal_at: Of an ended root: when the call tree may be removed (engine time). None: it is kept.
    """

    __tablename__ = "process_instance"
    __table_args__ = (
        sa.Index("ix_process_instance_definition", "process_definition_key", "key"),
        sa.Index("ix_process_instance_process", "process_id", "key"),
        sa.Index("ix_process_instance_process_started", "process_id", "started_at", "key"),
        sa.Index("ix_process_instance_state", "state", "key"),
        sa.Index("ix_process_instance_started", "started_at", "key"),
        sa.Index("ix_process_instance_ended", "ended_at", "key"),
        sa.Index("ix_process_instance_started_by", "started_by", "key"),
        partial("ix_process_instance_parent", "parent_key", where="parent_key IS NOT NULL"),
        partial("ix_process_instance_business_key", "business_key", where="business_key IS NOT NULL"),
        partial("ix_process_instance_root", "root_key", where="parent_key IS NOT NULL"),
        partial("ix_process_instance_incidents", "key", where="incidents > 0"),
        partial("ix_process_instance_removal", "removal_at", where="removal_at IS NOT NULL"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    process_definition_key: Mapped[int] = mapped_column(Key)
    process_id: Mapped[str] = mapped_column(NAME)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(16))
    lock_version: Mapped[int]
    root_key: Mapped[int] = mapped_column(Key)
    parent_key: Mapped[int | None] = mapped_column(Key)
    parent_element_key: Mapped[int | None] = mapped_column(Key)
    parent_chunk: Mapped[int | None] = mapped_column(Key)
    depth: Mapped[int] = mapped_column(default=0)
    business_key: Mapped[str | None] = mapped_column(NAME)
    tags: Mapped[str | None] = mapped_column(sa.Text)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_by: Mapped[str | None] = mapped_column(NAME)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    incidents: Mapped[int] = mapped_column(default=0)
    suspended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removal_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tokens: Mapped[bytes | None] = mapped_column(sa.LargeBinary)


class InstanceItem(Model):
    """One item of a multi-instance: its tokens while it runs, its output when done (``output``: JSON)."""

    __tablename__ = "instance_item"
    __table_args__ = (sa.Index("ix_instance_item_instance", "instance_key"),)

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    parent_chunk: Mapped[int] = mapped_column(Key, default=0)
    body_key: Mapped[int | None] = mapped_column(Key)
    position: Mapped[int | None]
    tokens: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    output: Mapped[str | None] = mapped_column(sa.Text)


class ElementInstance(Model):
    """An element that a token reached: history and what is active now."""

    __tablename__ = "element_instance"
    __table_args__ = (sa.Index("ix_element_instance_instance", "instance_key", "key"),)

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    element_id: Mapped[str] = mapped_column(NAME)
    type: Mapped[str] = mapped_column(sa.String(32))
    scope_key: Mapped[int] = mapped_column(Key)
    state: Mapped[str] = mapped_column(sa.String(16))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Variable(Model):
    """The present (or last) value of a variable in its scope. ``value``: JSON text."""

    __tablename__ = "variable"
    __table_args__ = (
        sa.UniqueConstraint("scope_key", "name"),
        sa.Index("ix_variable_instance", "instance_key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    scope_key: Mapped[int] = mapped_column(Key)
    name: Mapped[str] = mapped_column(NAME)
    value: Mapped[str] = mapped_column(sa.Text)


class DeferredCommand(Model):
    """What reached a suspended instance and moves a token: it runs when the instance is resumed, in order of keys.

    ``command``: JSON, see ``domain.commands``.
    """

    __tablename__ = "deferred_command"
    __table_args__ = (sa.Index("ix_deferred_command_instance", "instance_key", "key"),)

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    command: Mapped[str] = mapped_column(sa.Text)


class Incident(Model):
    """Something that stopped an element. ``state``: ACTIVE or RESOLVED."""

    __tablename__ = "incident"
    __table_args__ = (
        sa.Index("ix_incident_element", "element_key"),
        sa.Index("ix_incident_instance", "instance_key"),
        sa.Index("ix_incident_state", "state", "key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    process_definition_key: Mapped[int] = mapped_column(Key)
    process_id: Mapped[str] = mapped_column(NAME)
    root_key: Mapped[int] = mapped_column(Key)
    element_key: Mapped[int] = mapped_column(Key)
    element_id: Mapped[str] = mapped_column(NAME)
    kind: Mapped[str] = mapped_column(sa.String(64))
    message: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.String(16))
    job_key: Mapped[int | None] = mapped_column(Key)
    chunk: Mapped[int] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


process_instance = table_of(ProcessInstance)
_marked = process_instance.alias("marked")
HAS_INCIDENTS = process_instance.c.key.in_(sa.select(_marked.c.key).where(_marked.c.incidents > sa.literal_column("0")))
"""Instances with open incidents, in the words of their index: there are few, whatever else a list asks for."""
instance_item = table_of(InstanceItem)
element_instance = table_of(ElementInstance)
variable = table_of(Variable)
deferred_command = table_of(DeferredCommand)
incident = table_of(Incident)
