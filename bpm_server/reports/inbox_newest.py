"""What somebody has done, started or was sent, newest first and each part by its index: for counting some of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.inbox_filters import Tab
from bpm_server.reports.inbox_done import completed, signed
from bpm_server.store.tables.approvals import approval_item as i
from bpm_server.store.tables.approvals import carbon_copy as cc
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor


def newest_of(tab: Tab, actor: Actor) -> list[sa.Select[Any]]:
    """The parts of a list that is not of what is to do: ``process_id`` of each row, newest first."""
    if tab is Tab.DONE:
        return [
            completed(actor).add_columns(t.c.process_id).order_by(t.c.ended_at.desc(), t.c.key.desc()),
            signed(actor).add_columns(t.c.process_id).order_by(i.c.acted_at.desc(), i.c.task_key.desc()),
        ]
    if tab is Tab.STARTED:
        mine = sa.select(p.c.process_id).where(p.c.started_by == actor.username, p.c.parent_key.is_(None))
        return [mine.order_by(p.c.key.desc())]
    sent = sa.select(p.c.process_id).join_from(cc, p, p.c.key == cc.c.instance_key)
    return [sent.where(cc.c.username == actor.username).order_by(cc.c.key.desc())]
