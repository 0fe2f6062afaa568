"""Processes whose tasks have clocks, and what became of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import sqlalchemy as sa

from bpm_server.domain.calendar_file import read_calendar
from bpm_server.services import calendars
from bpm_server.store.tables.approvals import approval_act
from bpm_server.store.tables.service_levels import sla_clock
from bpm_server.store.tables.tasks import user_task
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.services import ROOT

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.calendars import Calendar
    from tests.support.product import Product


def china() -> Calendar:
    """The calendar that ships."""
    return read_calendar((ROOT / "calendars" / "default.json").read_bytes(), "default.json")


def open_office(bpm: Product, calendar: Calendar | None = None) -> None:
    """There is a calendar to go by."""
    calendars.save_calendar(bpm.server, ADMIN, calendar or china())


def properties(values: dict[str, str]) -> str:
    """``zeebe:properties``."""
    rows = "".join(f"<zeebe:property name={quoteattr(k)} value={quoteattr(v)}/>" for k, v in values.items())
    return f"<zeebe:properties>{rows}</zeebe:properties>"


def plain(values: dict[str, str], assignment: str = 'assignee="ann"', schedule: str = "") -> bytes:
    """Start, user task ``do`` with these properties, end."""
    p = Process()
    assigned = f"<zeebe:assignmentDefinition {assignment}/>{schedule}"
    p.path(p.start(), p.user("do", extra=assigned + properties(values)), p.end())
    return p.xml()


def signed(mode: str, signers: str, values: dict[str, str]) -> bytes:
    """Start, approval ``sign`` with these properties beside, end."""
    p = Process()
    policy = {"approval.mode": mode, "approval.signers": signers, **values}
    p.path(p.start(), p.user("sign", extra=properties(policy)), p.end())
    return p.xml()


def due(bpm: Product, key: int) -> datetime | None:
    """The due date that a task shows."""
    found: datetime | None = bpm.scalars(sa.select(user_task.c.due_date).where(user_task.c.key == key))[0]
    return found


def clock(bpm: Product, key: int) -> Any:
    return bpm.rows(sa.select(sla_clock).where(sla_clock.c.task_key == key))[0]


def acts(bpm: Product, key: int) -> list[tuple[str, str, str]]:
    """Who did what with whom at a task, in order."""
    t = approval_act
    query = sa.select(t.c.actor, t.c.act, t.c.people).where(t.c.task_key == key).order_by(t.c.key)
    return [tuple(row) for row in bpm.rows(query)]
