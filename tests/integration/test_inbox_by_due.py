"""Inboxes in the order of due dates, and what is due in a span of time, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor
from bpm_server.reports import inbox
from bpm_server.services import suspension, tasks
from bpm_server.store.tables.tasks import user_task_candidate
from tests.support.bpmn_builder import Process
from tests.support.plans import statements
from tests.support.product import ADMIN, START
from tests.support.service_levels import open_office, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.product import Product

HOURS: tuple[int | None, ...] = (30, None, -5, 2, None, 2, -80)
"""When the tasks are due, from now on, in the order in which they came about; None: at no time."""
IN_ORDER = [6, 2, 3, 5, 0, 1, 4]
FEW, MANY = frozenset({"sales"}), frozenset({"sales", *(f"group{n}" for n in range(100))})


@pytest.fixture
def offered(bpm: Product) -> list[int]:
    """Tasks that are offered to the group; one is ann's, one is somebody else's."""
    p = Process()
    p.path(p.start(), p.user("a", extra='<zeebe:assignmentDefinition candidateGroups="sales"/>'), p.end())
    bpm.deploy(p.xml())
    keys = []
    for hours in (*HOURS, 1):
        instance = bpm.start()
        keys.append(bpm.task("a", instance=instance).key)
        if hours is not None:
            tasks.update_task(bpm.server, ADMIN, keys[-1], due_date=START + timedelta(hours=hours))
    tasks.assign_task(bpm.server, ADMIN, keys[3], "ann")
    tasks.assign_task(bpm.server, ADMIN, keys[-1], "bob")
    return keys[:-1]


def listed(bpm: Product, keys: Sequence[int], wanted: inbox.Wanted, groups: frozenset[str] = FEW) -> list[int]:
    """Places of the tasks of a page in the order in which they came about."""
    return [keys.index(row.key) for row in inbox.todo(bpm.server, Actor("ann", groups=groups), wanted).items]


@pytest.mark.parametrize("groups", [FEW, MANY], ids=["one group", "very many groups"])
@pytest.mark.parametrize("size", [1, 2, 50])
def test_what_is_due_first_comes_first_page_by_page_and_the_rest_behind(
    bpm: Product, offered: list[int], groups: frozenset[str], size: int
) -> None:
    found, after, pages = [], "", 0
    while not pages or after:
        rows = inbox.todo(bpm.server, Actor("ann", groups=groups), inbox.Wanted("", "", after, size, due_first=True))
        found += [offered.index(row.key) for row in rows.items]
        after, pages = rows.next_cursor or "", pages + 1
    assert found == IN_ORDER
    assert pages == -(-len(IN_ORDER) // size)


@pytest.mark.parametrize("groups", [FEW, MANY], ids=["one group", "very many groups"])
def test_a_span_of_time_leaves_out_what_is_due_before_and_after(
    bpm: Product, offered: list[int], groups: frozenset[str]
) -> None:
    late = inbox.Wanted(due_until=START)
    soon = inbox.Wanted(due_since=START, due_until=START + timedelta(hours=24))
    assert listed(bpm, offered, late, groups) == [6, 2]
    assert listed(bpm, offered, soon, groups) == [3, 5]
    assert listed(bpm, offered, inbox.Wanted(due_since=START + timedelta(hours=2)), groups) == [3, 5, 0]


def test_another_due_date_moves_a_task_and_a_new_candidate_finds_it(bpm: Product, offered: list[int]) -> None:
    tasks.update_task(bpm.server, ADMIN, offered[0], due_date=START - timedelta(hours=100))
    tasks.update_task(bpm.server, ADMIN, offered[6], due_date=None)
    tasks.update_task(bpm.server, ADMIN, offered[5], candidate_groups=["other"], candidate_users=["ann"])
    assert listed(bpm, offered, inbox.Wanted(due_first=True)) == [0, 2, 3, 5, 1, 4, 6]


def test_the_cursor_of_a_task_leads_to_what_is_behind_it(bpm: Product, offered: list[int]) -> None:
    wanted = inbox.Wanted(due_first=True)
    row = inbox.todo(bpm.server, Actor("ann", groups=FEW), wanted).items[2]
    behind = inbox.Wanted(due_first=True, after=inbox.cursor_of(wanted, row.due_date, row.key))
    assert listed(bpm, offered, behind) == IN_ORDER[3:]


def test_a_count_ends_at_its_limit(bpm: Product, offered: list[int]) -> None:
    ann = Actor("ann", groups=FEW)
    with bpm.server.database.read() as connection:
        assert inbox.count_todo(connection, bpm.server, ann, inbox.Wanted(), 100) == len(offered)
        assert inbox.count_todo(connection, bpm.server, ann, inbox.Wanted(due_first=True), 3) == 3
        assert inbox.count_todo(connection, bpm.server, ann, inbox.Wanted(due_until=START), 100) == 2


@pytest.mark.usefixtures("offered")
def test_very_many_groups_ask_no_more_often(bpm: Product) -> None:
    asked = []
    for groups in (MANY, MANY | {f"more{n}" for n in range(500)}):
        with statements(bpm.server.database) as found:
            inbox.todo(bpm.server, Actor("ann", groups=frozenset(groups)), inbox.Wanted(due_until=START))
        asked.append(len(found))
    assert asked[0] == asked[1]


def test_a_paused_clock_says_so_and_its_candidates_follow_it(bpm: Product) -> None:
    open_office(bpm)
    bpm.deploy(plain({"sla.target": "PT8H", "sla.calendar": "default"}, 'candidateUsers="ann"'))
    instance = bpm.start()
    key, ann = bpm.task("do").key, Actor("ann")

    def row() -> inbox.TaskRow:
        return inbox.todo(bpm.server, ann, inbox.Wanted(due_first=True)).items[0]

    def indexed() -> list[object]:
        c = user_task_candidate.c
        return bpm.scalars(sa.select(c.due_date).where(c.task_key == key))

    due = row().due_date
    assert due is not None
    assert indexed() == [due]
    assert not row().is_paused
    suspension.suspend_instance(bpm.server, ADMIN, instance)
    assert (row().due_date, row().is_paused) == (None, True)
    assert indexed() == [None]
    suspension.resume_instance(bpm.server, ADMIN, instance)
    assert indexed() == [row().due_date] != [None]
    assert not row().is_paused
