"""Saved searches of the inbox: kept, shared, put in order, counted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from bpm_server.domain.identity import Actor, Permission
from bpm_server.domain.inbox_filters import Criteria, Due, Sort, Tab, due_span
from bpm_server.kernel.errors import AlreadyExists, BpmError, Forbidden, InvalidInput, NotFound, WrongState
from bpm_server.reports import inbox_filters as report
from bpm_server.services import inbox_filters as service
from bpm_server.services import tasks
from tests.support.bpmn_builder import Process
from tests.support.contention import at_once
from tests.support.product import ADMIN, START
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product

ANN = Actor("ann", groups=frozenset({"sales"}))
BEN = Actor("ben", groups=frozenset({"sales"}))
CAI = Actor("cai")
HEAD = Actor("head", permissions=frozenset({Permission("INBOX_FILTER", "SHARE")}))
LATE = Criteria(due=Due.OVERDUE)


def save(bpm: Product, name: str, actor: Actor = ANN, shared_with: str | None = None, criteria: Any = LATE) -> int:
    return service.save_filter(bpm.server, actor, name, criteria, shared_with)


def names(bpm: Product, actor: Actor = ANN) -> list[str]:
    return [one.name for one in report.filters_of(bpm.server, actor).all]


def test_own_filters_stand_in_their_order_before_those_of_others(bpm: Product) -> None:
    save(bpm, "everybody's", HEAD, "everybody")
    keys = [save(bpm, f"  {name} ") for name in ("one", "two", "three")]
    assert names(bpm) == ["one", "two", "three", "everybody's"]
    service.move_filter_up(bpm.server, ANN, keys[2])
    service.move_filter_up(bpm.server, ANN, keys[0])
    assert names(bpm) == ["one", "three", "two", "everybody's"]
    service.move_filter_up(bpm.server, ANN, keys[0])
    service.delete_filter(bpm.server, ANN, keys[2])
    service.change_filter(bpm.server, ANN, keys[1], name="second")
    assert names(bpm) == ["one", "second", "everybody's"]


def test_what_is_searched_for_is_kept(bpm: Product) -> None:
    criteria = Criteria("客户 50%", "order", Due.SOON, Tab.DONE, Sort.DUE)
    save(bpm, "all of it", criteria=criteria)
    assert report.filters_of(bpm.server, ANN).own[0].criteria == criteria


def test_a_button_that_is_pressed_twice_saves_one_filter(bpm: Product) -> None:
    pressed = at_once(4, lambda _: save(bpm, "late"))
    assert Counter(map(type, pressed)) == {int: 1, AlreadyExists: 3}
    assert names(bpm) == ["late"]


def test_shared_with_a_group_or_everybody_or_nobody(bpm: Product) -> None:
    key = save(bpm, "ours", ANN, "group:sales")
    save(bpm, "mine", ANN)
    assert (names(bpm, BEN), names(bpm, CAI)) == (["ours"], [])
    service.change_filter(bpm.server, ANN, key, shared_with=None)
    assert names(bpm, BEN) == []
    save(bpm, "all", HEAD, "everybody")
    assert (names(bpm, BEN), names(bpm, CAI)) == (["all"], ["all"])


@pytest.mark.parametrize(
    ("actor", "shared_with", "error"),
    [
        (ANN, "everybody", Forbidden),
        (ANN, "group:finance", Forbidden),
        (HEAD, "somebody", InvalidInput),
        (HEAD, "group:", InvalidInput),
    ],
)
def test_who_may_not_share_so_changes_nothing(
    bpm: Product, actor: Actor, shared_with: str, error: type[BpmError]
) -> None:
    with pytest.raises(error):
        save(bpm, "x", actor, shared_with)
    key = save(bpm, "y", actor)
    with pytest.raises(error):
        service.change_filter(bpm.server, actor, key, name="z", shared_with=shared_with)
    assert names(bpm, actor) == ["y"]


def test_others_change_nothing_but_who_shares_with_everybody_tidies_up(bpm: Product) -> None:
    ours, mine = save(bpm, "ours", ANN, "group:sales"), save(bpm, "mine")
    for key, error in ((ours, Forbidden), (mine, NotFound)):
        with pytest.raises(error):
            service.delete_filter(bpm.server, BEN, key)
        with pytest.raises(error):
            service.change_filter(bpm.server, BEN, key, name="x")
        with pytest.raises(NotFound):
            service.move_filter_up(bpm.server, BEN, key)
    boss = Actor("boss", groups=frozenset({"sales"}), permissions=HEAD.permissions)
    service.delete_filter(bpm.server, boss, ours)
    assert names(bpm) == ["mine"]


def test_names_are_there_short_and_ones_own(bpm: Product) -> None:
    key = save(bpm, "one")
    for name in ("", "  ", "x" * 101):
        with pytest.raises(InvalidInput, match="1 to 100 characters"):
            save(bpm, name)
    with pytest.raises(AlreadyExists):
        save(bpm, " one")
    other = save(bpm, "two")
    with pytest.raises(AlreadyExists):
        service.change_filter(bpm.server, ANN, other, name="one")
    service.change_filter(bpm.server, ANN, key, name="one")
    assert names(bpm) == ["one", "two"]


def test_nobody_has_more_than_some(bpm: Product) -> None:
    for number in range(service.MOST):
        save(bpm, str(number))
    with pytest.raises(WrongState, match="fewer than 20"):
        save(bpm, "one more")


def test_each_finds_the_tasks_of_whoever_looks(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.user("a", extra='<zeebe:assignmentDefinition candidateGroups="sales"/>'), p.end())
    bpm.deploy(p.xml())
    for hours in (-1, 1, 200):
        key = bpm.task("a", instance=bpm.start()).key
        tasks.update_task(bpm.server, ADMIN, key, due_date=START + timedelta(hours=hours))
    save(bpm, "late")
    save(bpm, "soon", criteria=Criteria(due=Due.SOON))
    save(bpm, "all", HEAD, "everybody", Criteria())
    save(bpm, "other", criteria=Criteria(process_id="other"))
    save(bpm, "done", criteria=Criteria(tab=Tab.DONE))

    def counts(actor: Actor) -> dict[str, int]:
        found = report.filters_of(bpm.server, actor).all
        numbers = report.count_filters(bpm.server, actor, found, START, UTC)
        return {one.name: numbers[one.key] for one in found if one.key in numbers}

    assert counts(ANN) == {"late": 1, "soon": 1, "other": 0, "all": 3}
    assert counts(CAI) == {"all": 0}
    with counted(bpm.server.database) as few:
        counts(ANN)
    for _ in range(30):
        bpm.start()
    with counted(bpm.server.database) as many:
        counts(ANN)
    assert len(few) == len(many)


def test_days_are_those_of_a_time_zone() -> None:
    since, until = due_span(Due.TODAY, START, ZoneInfo("Asia/Shanghai"))
    assert since is not None
    assert until is not None
    assert since <= START < until
    assert (since.hour, until - since) == (0, timedelta(days=1))
