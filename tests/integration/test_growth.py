"""What a step writes does not grow with items, turns or elements; how long it takes is a matter of ``make bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.store.tables.instances import instance_item, process_instance
from bpm_server.store.tables.tasks import user_task
from tests.support import growing
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.statements import Statements


def stored_bytes(bpm: Product, instance: int) -> int:
    """Bytes of an instance's own tokens."""
    return len(bpm.scalars(sa.select(process_instance.c.tokens).where(process_instance.c.key == instance))[0])


def complete_one(bpm: Product, instance: int, *, hot: bool, **variables: Any) -> Statements:
    """Completes one of the instance's tasks, with the instance in memory or not."""
    task = bpm.task(bpm.open_tasks()[0], instance=instance)
    if not hot:
        bpm.server.hot.clear()
    with counted(bpm.server.database) as statements:
        task.complete(**variables)
    return statements


def test_an_item_costs_the_same_however_many_there_are(bpm: Product) -> None:
    bpm.deploy(growing.items())
    counts = {}
    for number in (10, 1_000):
        instance = bpm.start("items", items=list(range(number)))
        complete_one(bpm, instance, hot=True, answer="yes")
        hot = complete_one(bpm, instance, hot=True, answer="yes")
        cold = complete_one(bpm, instance, hot=False, answer="yes")
        counts[number] = [(len(one), one.rows, one.commits) for one in (hot, cold)], stored_bytes(bpm, instance)
    (few, few_bytes), (many, many_bytes) = counts.values()
    assert many == few
    assert many_bytes <= few_bytes + 8  # digits of the counters


def test_opening_items_takes_as_many_statements_however_many_there_are(bpm: Product) -> None:
    """Ten thousand are megabytes in one batch: PostgreSQL's driver has to send them before it waits for replies."""
    bpm.deploy(growing.items())
    bpm.start("items", items=[1])
    counts = []
    for number in (10, 10_000):
        with counted(bpm.server.database) as statements:
            instance = bpm.start("items", items=list(range(number)))
        counts.append(len(statements))
        found = sa.select(sa.func.count()).select_from(user_task).where(user_task.c.instance_key == instance)
        assert bpm.scalars(found) == [number]
    in_blocks = 0 if bpm.server.database.is_sqlite else 4  # of elements, variables, tasks and items, beside rows
    assert counts[1] <= counts[0] + in_blocks + 1, counts  # and the list of items is a large value


def test_a_turn_costs_the_same_however_many_went_before(bpm: Product) -> None:
    bpm.deploy(growing.loop())
    instance = bpm.start("loop")
    turns = [complete_one(bpm, instance, hot=bool(n % 2), more=True) for n in range(200)]
    sizes = [(len(one), one.rows, one.commits) for one in turns]
    assert sizes[10:12] == sizes[198:200]
    assert stored_bytes(bpm, instance) < 100


def test_blocks_that_are_behind_leave_nothing(bpm: Product) -> None:
    bpm.deploy(growing.blocks())
    with counted(bpm.server.database) as statements:
        instance = bpm.start("blocks")
    assert bpm.open_tasks() == ["after"]
    assert stored_bytes(bpm, instance) < 1_000
    assert bpm.rows(sa.select(instance_item.c.key).where(instance_item.c.instance_key == instance)) == []
    assert statements.commits == 1


def test_deploying_takes_as_many_statements_for_large_files(bpm: Product) -> None:
    counts = []
    for elements in (10, growing.ELEMENTS):
        with counted(bpm.server.database) as statements:
            bpm.deploy(growing.large(elements, number=elements))
        counts.append(len(statements))
    assert counts[0] == counts[1]
