"""How much a command asks of the database; the numbers are the budget, not a wish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.bpmn_builder import Process
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product

BUDGET = 12


@pytest.fixture
def steps(bpm: Product) -> Product:
    """A process of user tasks in a row, deployed; the first instance warms the caches."""
    p = Process()
    p.path(p.start(), *[p.user(f"step-{n}") for n in range(1, 5)], p.end())
    bpm.deploy(p.xml())
    bpm.start()
    bpm.task("step-1").complete(warm=True)
    return bpm


def test_completing_a_user_task_that_leads_to_the_next_one(steps: Product) -> None:
    task = steps.task("step-2")
    with counted(steps.server.database) as statements:
        task.complete(outcome="approved", comment="fine", amount=12)
    assert steps.open_tasks() == ["step-3"]
    assert len(statements) <= BUDGET, f"{len(statements)} statements\n{statements}"
    assert statements.commits == 1


def test_the_same_with_an_instance_that_is_not_in_memory(steps: Product) -> None:
    task = steps.task("step-2")
    steps.server.hot.clear()
    with counted(steps.server.database) as statements:
        task.complete()
    assert len(statements) <= BUDGET, f"{len(statements)} statements\n{statements}"
    assert statements.commits == 1


def test_the_number_does_not_grow_with_the_values(steps: Product) -> None:
    few = steps.task("step-2")
    with counted(steps.server.database) as first:
        few.complete(**{f"v{n}": n for n in range(40)})
    many = steps.task("step-3")
    with counted(steps.server.database) as second:
        many.complete(**{f"w{n}": n for n in range(400)})
    assert len(second) == len(first)


def test_starting_an_instance(steps: Product) -> None:
    with counted(steps.server.database) as statements:
        steps.start(amount=1)
    assert len(statements) <= BUDGET, f"{len(statements)} statements\n{statements}"
    assert statements.commits == 1
