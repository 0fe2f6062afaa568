"""Saved searches of the inbox: kept, shared, put in order, counted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from bpm_server.domain.identity import Actor, Permission
from bpm_server.domain.inbox_filters import Criteria, Due, Sort, Tab, due_span
from bpm_server.kernel.errors import (
    AlreadyExists,
    BpmError,
    Forbidden,
    InvalidInput,
    NotFound,
    StaleVersion,
    WrongState,
)
from bpm_server.reports import inbox_filters as report
from bpm_server.services import inbox_filters as service
from bpm_server.services import informing, tasks
from tests.support.approvals import hire
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
        return {one.name: numbers[one.key].number for one in found if one.key in numbers}

    assert counts(ANN) == {"late": 1, "soon": 1, "other": 0, "all": 3, "done": 0}
    assert counts(CAI) == {"all": 0}
    with counted(bpm.server.database) as few:
        counts(ANN)
    for _ in range(30):
        bpm.start()
    with counted(bpm.server.database) as many:
        counts(ANN)
    assert len(few) == len(many)


def test_what_is_done_started_and_copied_is_counted_too(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.user("a", extra='<zeebe:assignmentDefinition assignee="ann"/>'), p.end())
    bpm.deploy(p.xml())
    other = Process("other")
    other.path(other.start(), other.end())
    bpm.deploy(other.xml())
    hire(bpm)
    ann = Actor("ann", permissions=ADMIN.permissions)
    for _ in range(3):
        instance = bpm.start(actor=ann)
        informing.send_copies(bpm.server, ADMIN, bpm.task("a", instance=instance).key, ["ann"])
        tasks.complete_task(bpm.server, ann, bpm.task("a", instance=instance).key)
    bpm.start("other", actor=ann)
    for tab in (Tab.DONE, Tab.STARTED, Tab.COPIES):
        for process in ("", "p", "other"):
            save(bpm, f"{tab} {process}", criteria=Criteria(tab=tab, process_id=process))
        save(bpm, f"{tab} text", criteria=Criteria(tab=tab, text="x"))
    found = report.filters_of(bpm.server, ANN).all
    with counted(bpm.server.database) as statements:
        numbers = report.count_filters(bpm.server, ANN, found, START, UTC)
    assert len(statements) == 9, str(statements)
    assert {one.name: numbers[one.key] for one in found if one.key in numbers} == {
        "done": report.Count(3), "done p": report.Count(3), "done other": report.Count(0),
        "started": report.Count(4), "started p": report.Count(3), "started other": report.Count(1),
        "copies": report.Count(3), "copies p": report.Count(3), "copies other": report.Count(0),
    }  # fmt: skip


def test_no_more_than_the_newest_are_looked_through(bpm: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_LOOKED_AT", 3)
    monkeypatch.setattr(report, "MOST_COUNTED", 4)
    p = Process()
    p.path(p.start(), p.end())
    bpm.deploy(p.xml())
    ann = Actor("ann", permissions=ADMIN.permissions)
    mine = save(bpm, "mine", criteria=Criteria(tab=Tab.STARTED, process_id="p"))
    every = save(bpm, "all", criteria=Criteria(tab=Tab.STARTED))
    seen = []
    for _ in range(5):
        bpm.start(actor=ann)
        numbers = report.count_filters(bpm.server, ANN, report.filters_of(bpm.server, ANN).all, START, UTC)
        seen.append((numbers[mine], numbers[every]))
    plain = [report.Count(number) for number in (1, 2, 3, 4, 4)]
    assert [one for _, one in seen] == plain
    assert [one for one, _ in seen] == [*plain[:2], *[report.Count(3, or_more=True)] * 3]


def test_a_search_is_changed_by_whoever_may_and_not_blindly(bpm: Product) -> None:
    key = save(bpm, "ours", ANN, "group:sales")
    soon, today = Criteria(due=Due.SOON), Criteria("客户", due=Due.TODAY)
    service.change_filter(bpm.server, ANN, key, criteria=soon, version=1)
    (one,) = report.filters_of(bpm.server, ANN).own
    assert (one.criteria, one.name, one.shared_with, one.version) == (soon, "ours", "group:sales", 2)
    with pytest.raises(StaleVersion) as caught:
        service.change_filter(bpm.server, ANN, key, criteria=today, version=1)
    assert caught.value.details["version"] == 2
    with pytest.raises(Forbidden):
        service.change_filter(bpm.server, BEN, key, criteria=today, version=2)
    boss = Actor("boss", groups=frozenset({"sales"}), permissions=HEAD.permissions)
    service.change_filter(bpm.server, boss, key, criteria=today, version=2)
    assert report.filters_of(bpm.server, ANN).own[0].criteria == today
    service.move_filter_up(bpm.server, ANN, key)
    service.change_filter(bpm.server, ANN, key, name="theirs", version=3)
    assert report.filters_of(bpm.server, ANN).own[0].criteria == today


def test_of_two_who_change_a_search_at_once_one_is_refused(bpm: Product) -> None:
    for _ in range(4):
        key = save(bpm, "ours", ANN)
        searches = [Criteria(due=Due.SOON), Criteria(due=Due.TODAY)]
        pressed = at_once(
            2, lambda n, key=key, s=searches: service.change_filter(bpm.server, ANN, key, criteria=s[n], version=1)
        )
        assert Counter(map(type, pressed)) == {type(None): 1, StaleVersion: 1}, pressed
        assert report.filters_of(bpm.server, ANN).own[0].criteria == searches[pressed.index(None)]
        service.delete_filter(bpm.server, ANN, key)


def test_days_are_those_of_a_time_zone() -> None:
    since, until = due_span(Due.TODAY, START, ZoneInfo("Asia/Shanghai"))
    assert since is not None
    assert until is not None
    assert since <= START < until
    assert (since.hour, until - since) == (0, timedelta(days=1))
