"""Approval nodes: who is asked at a user task, what each of them said, and what people did there."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.tables.tasks import NAME
from bpm_server.store.types import Key, UtcDateTime

WORD = sa.String(24)
OPEN_ITEM = "state IN ('waiting', 'to-do', 'waiting-for-added', 'delegated')"


class Approval(Model):
    """The approval node of one user task. Its policy is the task's, in the process definition.

    Attributes:
        initiator: Who made the request; None where a program did.
        round: How often signers were asked here: once, and again after each correction.
        is_correcting: The initiator corrects the request; nobody is asked meanwhile.
        amount: Decimal text of the property ``approval.amount``: by it go the limits of substitutes.
        element_id: Where it was opened, for processes of the previous release; a migrated task has another.
        submitted: JSON object: what signers entered into the task's form so far.
        outcome: What was decided; None while it is open.
        target: Of a return: the element where it goes on, ``initiator`` where the request is corrected right here.
        resumes_at: Of a return to an element: the element that it comes straight back to from there; None where all is
            walked again, and once it has come back.
        decided_by: Whose act decided; None where the policy alone did.
    """

    __tablename__ = "approval"
    __table_args__ = (
        sa.Index("ix_approval_instance", "instance_key"),
        partial("ix_approval_correcting", "initiator", "task_key", where="is_correcting"),
        partial("ix_approval_resumes", "instance_key", "target", where="resumes_at IS NOT NULL"),
    )

    task_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    element_id: Mapped[str] = mapped_column(NAME)
    initiator: Mapped[str | None] = mapped_column(NAME)
    round: Mapped[int]
    is_correcting: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    amount: Mapped[str | None] = mapped_column(sa.String(64))
    submitted: Mapped[str | None] = mapped_column(sa.Text)
    outcome: Mapped[str | None] = mapped_column(WORD)
    target: Mapped[str | None] = mapped_column(NAME)
    resumes_at: Mapped[str | None] = mapped_column(NAME)
    decided_by: Mapped[str | None] = mapped_column(NAME)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApprovalItem(Model):
    """Somebody who is asked at an approval node, or was.

    Attributes:
        state: In the words of ``ItemState``; the columns are those of ``domain.approvals.Item``.
        reason: JSON object: why they are asked.
        acted_at: When they, or who stands for them, said something.
    """

    __tablename__ = "approval_item"
    __table_args__ = (
        sa.Index("ix_approval_item_task", "task_key", "acted_by"),
        sa.Index("ix_approval_item_instance", "instance_key"),
        partial("ix_approval_item_open", "person", "task_key", where=OPEN_ITEM),
        partial("ix_approval_item_acted_by", "acted_by", "acted_at", "task_key", where="acted_by IS NOT NULL"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    task_key: Mapped[int] = mapped_column(Key)
    instance_key: Mapped[int] = mapped_column(Key)
    round: Mapped[int]
    person: Mapped[str] = mapped_column(NAME)
    state: Mapped[str] = mapped_column(WORD)
    step: Mapped[int]
    place: Mapped[str] = mapped_column(WORD)
    parent: Mapped[int | None] = mapped_column(Key)
    group_mode: Mapped[str | None] = mapped_column(WORD)
    weight: Mapped[str] = mapped_column(sa.String(40))
    added_by: Mapped[str | None] = mapped_column(NAME)
    reason: Mapped[str] = mapped_column(sa.Text)
    acted_by: Mapped[str | None] = mapped_column(NAME)
    acted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    comment: Mapped[str | None] = mapped_column(sa.Text)


class ApprovalAct(Model):
    """One thing that somebody did with a request: at an approval node, or with the whole of it.

    Attributes:
        task_key: At which task; None where it is about the instance.
        act: In the words of ``Act``.
        item_key: On whose item.
        people: JSON list: who was added, got it, was urged, or is let off again.
        place: Of added signers: before, after or parallel; of an undo: the act that was taken back.
        target: Of a return.
        before: JSON object: what it takes to undo it; None where it cannot be undone.
        undone_at: When it was undone.
    """

    __tablename__ = "approval_act"
    __table_args__ = (
        sa.Index("ix_approval_act_instance", "instance_key"),
        sa.Index("ix_approval_act_task", "task_key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    task_key: Mapped[int | None] = mapped_column(Key)
    act: Mapped[str] = mapped_column(WORD)
    actor: Mapped[str] = mapped_column(NAME)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    item_key: Mapped[int | None] = mapped_column(Key)
    comment: Mapped[str | None] = mapped_column(sa.Text)
    people: Mapped[str] = mapped_column(sa.Text)
    place: Mapped[str | None] = mapped_column(WORD)
    target: Mapped[str | None] = mapped_column(NAME)
    before: Mapped[str | None] = mapped_column(sa.Text)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CarbonCopy(Model):
    """Somebody is informed of a case 抄送: once, whoever sent it first.

    Attributes:
        instance_key: The outermost instance.
        sent_by: Who informed them; None where the process did.
    """

    __tablename__ = "carbon_copy"
    __table_args__ = (
        sa.Index("ix_carbon_copy_person", "username", "key"),
        partial("ix_carbon_copy_unread", "username", where="read_at IS NULL"),
        sa.UniqueConstraint("instance_key", "username"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    username: Mapped[str] = mapped_column(NAME)
    sent_by: Mapped[str | None] = mapped_column(NAME)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    comment: Mapped[str | None] = mapped_column(sa.Text)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


approval = table_of(Approval)
approval_item = table_of(ApprovalItem)
approval_act = table_of(ApprovalAct)
carbon_copy = table_of(CarbonCopy)
