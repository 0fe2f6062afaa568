"""Somebody's substitute sees the work that was there before: in their inbox, labelled, and may do it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.identity import Actor
from bpm_server.domain.substitutions import Mode
from bpm_server.kernel.errors import Forbidden
from bpm_server.reports import inbox, task_details
from bpm_server.services import substitutions, tasks
from tests.support.approvals import Desk, hire, node, person
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product


@pytest.fixture
def desk(bpm: Product) -> Desk:
    """Ann has a plain task ``do`` and an approval ``sign`` over 70, both opened before anything else."""
    hire(bpm)
    p = Process()
    p.path(p.start(), p.add("parallelGateway", "g"))
    p.path("g", p.user("do", extra='<zeebe:assignmentDefinition assignee="ann"/>'), p.end("e1"))
    p.path("g", node(p, "sign", "all", "ann", amount="amount"), p.end("e2"))
    bpm.deploy(p.xml())
    bpm.start(amount=70)
    return Desk(bpm)


def away(desk: Desk, who: str = "ann", substitute: str = "dan", **more: Any) -> int:
    return substitutions.appoint_substitute(desk.bpm.server, ADMIN, who, substitute, **more)


def seen(desk: Desk, name: str, groups: int = 0) -> dict[str, tuple[str, ...]]:
    """Elements in somebody's inbox, with for whom."""
    actor = Actor(name, groups=frozenset(f"g{number}" for number in range(groups)))
    found = inbox.todo(desk.bpm.server, actor, inbox.Wanted()).items
    assert inbox.counts(desk.bpm.server, actor).todo == len(found)
    return {row.element_id: row.on_behalf_of for row in found}


@pytest.mark.parametrize("groups", [0, 100])
@pytest.mark.parametrize("mode", list(Mode))
def test_the_substitute_sees_what_was_opened_before(desk: Desk, mode: Mode, groups: int) -> None:
    assert seen(desk, "dan", groups) == {}
    key = away(desk, mode=mode)
    assert seen(desk, "dan", groups) == {"do": ("ann",), "sign": ("ann",)}
    assert seen(desk, "ann") == {"do": (), "sign": ()}
    substitutions.withdraw_substitute(desk.bpm.server, ADMIN, key)
    assert seen(desk, "dan", groups) == {}


def test_only_while_it_counts(desk: Desk) -> None:
    now = desk.bpm.clock.now()
    away(desk, begins_at=now + timedelta(days=1), ends_at=now + timedelta(days=2))
    found = []
    for hours in (0, 25, 49):
        desk.bpm.clock.set(now + timedelta(hours=hours))
        found.append(sorted(seen(desk, "dan")))
    assert found == [[], ["do", "sign"], []]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"processes": ["p"]}, ["do", "sign"]),
        ({"processes": ["other"]}, []),
        ({"most_amount": Decimal(70)}, ["sign"]),  # what a plain task is worth is not known
        ({"most_amount": Decimal("69.99")}, []),
    ],
)
def test_within_processes_and_amount(desk: Desk, limits: dict[str, Any], expected: list[str]) -> None:
    away(desk, **limits)
    assert sorted(seen(desk, "dan")) == expected
    for element in ("do", "sign"):
        key = desk.task(element)
        if element in expected:
            assert task_details.task_detail(desk.bpm.server, person("dan"), key).may_work
        else:
            with pytest.raises(Forbidden):
                task_details.task_detail(desk.bpm.server, person("dan"), key)


def test_where_the_substitute_is_away_theirs_sees_it(desk: Desk) -> None:
    away(desk)
    away(desk, "dan", "fei")
    assert seen(desk, "fei") == {"do": ("ann",), "sign": ("ann",)}
    assert seen(desk, "dan") == {}


def test_the_substitute_may_act(desk: Desk) -> None:
    do, sign = desk.task("do"), desk.task("sign")
    with pytest.raises(Forbidden, match="assigned to ann"):
        tasks.complete_task(desk.bpm.server, person("dan"), do)
    away(desk)
    tasks.complete_task(desk.bpm.server, person("dan"), do)
    assert desk.vote("dan", key=sign) == "approved"
    assert desk.acts(sign) == [("dan", "approve")]
    assert desk.bpm.open_tasks() == []


def test_a_limit_forbids_plain_tasks(desk: Desk) -> None:
    away(desk, most_amount=Decimal(1_000))
    with pytest.raises(Forbidden, match="assigned to ann"):
        tasks.complete_task(desk.bpm.server, person("dan"), desk.task("do"))


def test_the_number_of_statements_does_not_grow_with_people_or_tasks(desk: Desk) -> None:
    def asked() -> int:
        with counted(desk.bpm.server.database) as found:
            inbox.todo(desk.bpm.server, person("dan"), inbox.Wanted())
        return len(found)

    away(desk)
    asked()
    one = asked()
    for who in ("bob", "cai", "eve"):
        away(desk, who)
    for _ in range(5):
        desk.bpm.start(amount=70)
    asked()
    assert asked() == one
