"""User tasks: what people are asked to do."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(512)


class UserTask(Model):
    """One task; its key is the element instance's.

    Attributes:
        state: In the words of ``TaskState``.
        operation: Key of the change that waits for listeners; None: nothing waits.
        candidate_users: JSON list; open tasks have rows in ``user_task_candidate`` as well.
        scope_path: JSON list of the scope keys whose variables it sees, innermost first.
    """

    __tablename__ = "user_task"
    __table_args__ = (
        sa.Index("ix_user_task_instance", "instance_key"),
        sa.Index("ix_user_task_assignee", "assignee", "state", "key"),
        sa.Index("ix_user_task_state", "state", "key"),
        partial("ix_user_task_due", "assignee", "due_date", "key", where="state = 'CREATED' AND due_date IS NOT NULL"),
        partial("ix_user_task_ended_by", "ended_by", "state", "ended_at", "key", where="ended_by IS NOT NULL"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    root_key: Mapped[int] = mapped_column(Key)
    process_definition_key: Mapped[int] = mapped_column(Key)
    process_id: Mapped[str] = mapped_column(NAME)
    process_version: Mapped[int]
    element_id: Mapped[str] = mapped_column(NAME)
    name: Mapped[str | None] = mapped_column(NAME)
    state: Mapped[str] = mapped_column(sa.String(16))
    assignee: Mapped[str | None] = mapped_column(NAME)
    candidate_users: Mapped[str] = mapped_column(sa.Text)
    candidate_groups: Mapped[str] = mapped_column(sa.Text)
    due_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    follow_up_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    priority: Mapped[int]
    form_key: Mapped[int | None] = mapped_column(Key)
    embedded_form: Mapped[str | None] = mapped_column(NAME)
    external_form: Mapped[str | None] = mapped_column(sa.Text)
    scope_path: Mapped[str] = mapped_column(sa.Text)
    chunk: Mapped[int] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None] = mapped_column(NAME)
    suspended: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    operation: Mapped[int | None] = mapped_column(Key)


class UserTaskCandidate(Model):
    """Who may claim an open task. ``kind``: ``u`` user, ``g`` group; ``due_date`` is the task's."""

    __tablename__ = "user_task_candidate"
    __table_args__ = (
        sa.Index("ix_user_task_candidate_task", "task_key"),
        partial("ix_user_task_candidate_due", "kind", "name", "due_date", "task_key", where="due_date IS NOT NULL"),
    )

    kind: Mapped[str] = mapped_column(sa.String(1), primary_key=True)
    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    task_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    due_date: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TaskComment(Model):
    """What somebody wrote beside a task; shown on the timeline of the instance."""

    __tablename__ = "task_comment"
    __table_args__ = (sa.Index("ix_task_comment_instance", "instance_key"),)

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    task_key: Mapped[int] = mapped_column(Key)
    instance_key: Mapped[int] = mapped_column(Key)
    written_by: Mapped[str] = mapped_column(NAME)
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
    text: Mapped[str] = mapped_column(sa.Text)


user_task = table_of(UserTask)
user_task_candidate = table_of(UserTaskCandidate)
task_comment = table_of(TaskComment)
