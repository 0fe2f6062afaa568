"""Inboxes of people with very many groups: found among what comes next, or group by group, the same tasks."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor
from bpm_server.reports import inbox
from bpm_server.services import tasks
from bpm_server.store.tables.tasks import user_task, user_task_candidate
from tests.support.filling import Copies, copy_instance, order
from tests.support.plans import statements
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

OPEN = 400
PAGE = 20
ALL = frozenset(f"group{number}" for number in range(1_000))
FEW = frozenset([*(f"nobody{number}" for number in range(70)), "group7", "group150", "group151", "group390"])


@pytest.fixture
def crowded(bpm: Product) -> Product:
    """Tasks offered to a group each (the first copy is the newest); one is ours, one somebody else's."""
    bpm.deploy(order())
    copy_instance(bpm.server.database, bpm.start("order", number="1"), Copies(OPEN))
    keys = bpm.scalars(sa.select(user_task.c.key).order_by(user_task.c.key))
    tasks.assign_task(bpm.server, ADMIN, keys[5], "ann")
    tasks.assign_task(bpm.server, ADMIN, keys[6], "bob")
    return bpm


def person(groups: frozenset[str]) -> Actor:
    return Actor("ann", groups=groups)


def expected(bpm: Product, groups: frozenset[str]) -> list[int]:
    offered = sa.select(user_task_candidate.c.task_key).where(user_task_candidate.c.name.in_(sorted(groups)))
    free = sa.and_(user_task.c.assignee.is_(None), user_task.c.key.in_(offered))
    query = sa.select(user_task.c.key).where(sa.or_(user_task.c.assignee == "ann", free))
    return bpm.scalars(query.order_by(user_task.c.key))


def all_pages(bpm: Product, groups: frozenset[str], *, newest: bool) -> list[list[int]]:
    found, after = [], ""
    while not found or after:
        wanted = inbox.Wanted(after=after, limit=PAGE, newest_first=newest)
        rows = inbox.todo(bpm.server, person(groups), wanted)
        found.append([row.key for row in rows.items])
        after = rows.next_cursor or ""
    return found


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("groups", [ALL, FEW], ids=["most is theirs", "little is theirs"])
def test_every_task_is_on_one_page_in_order(crowded: Product, groups: frozenset[str], newest: bool) -> None:
    pages = all_pages(crowded, groups, newest=newest)
    keys = [key for page in pages for key in page]
    assert keys == sorted(expected(crowded, groups), reverse=newest)
    assert all(len(page) == PAGE for page, _ in pairwise(pages))


@pytest.mark.parametrize("groups", [ALL, FEW], ids=["most is theirs", "little is theirs"])
@pytest.mark.parametrize("most", [30, 501])
def test_numbers_are_those_of_the_list(
    crowded: Product, groups: frozenset[str], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MOST_COUNTED", most)
    assert inbox.counts(crowded.server, person(groups)).todo == min(most, len(expected(crowded, groups)))


def test_groups_are_asked_only_where_too_little_comes_next(crowded: Product) -> None:
    with statements(crowded.server.database) as dense:
        inbox.todo(crowded.server, person(ALL), inbox.Wanted(limit=PAGE))
    with statements(crowded.server.database) as sparse:
        inbox.todo(crowded.server, person(FEW), inbox.Wanted(limit=PAGE))
    assert len(sparse) > len(dense)


def test_a_filter_leaves_out_what_does_not_fit(crowded: Product) -> None:
    found = inbox.todo(crowded.server, person(ALL), inbox.Wanted(process_id="other"))
    assert found.items == ()
    found = inbox.todo(crowded.server, person(ALL), inbox.Wanted(process_id="order", limit=PAGE))
    assert [row.key for row in found.items] == expected(crowded, ALL)[:PAGE]
