"""Very many timers due at once: in order, a few at a time, by the database's clock, and beside everybody else's work.

``make proof`` drains 100,000.
"""

from __future__ import annotations

import os
import random
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.services import timers
from bpm_server.store import instances, moments
from bpm_server.store import timers as store
from bpm_server.store.tables.jobs import timer
from bpm_server.store.tables.tasks import user_task
from bpm_server.worker import rounds
from tests.support.bpmn_builder import Process, Scope, multi_instance
from tests.support.bpmn_builder import timer as timer_event
from tests.support.plans import look, statements
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product

EACH = 1_000
INSTANCES = 100 if os.environ.get("BPM_PROOF") == "1" else 2
MINUTES = 50
MOST_STATEMENTS = 13
"""For a timer, with the reading of what is due."""


def waiting() -> bytes:
    """Waits for every item's own time, and asks a person beside it."""
    p = Process()
    inner = Scope()
    wait = timer_event("Duration", '=duration("PT" + string(minutes) + "M")')
    inner.path(inner.start("in"), inner.add("intermediateCatchEvent", "t", wait), inner.end("out"))
    each = multi_instance("=items", "minutes")
    p.path(p.start(), p.add("parallelGateway", "g"), p.sub("each", inner, each), p.end())
    p.path("g", p.user("a"), p.user("b"), p.end("e2"))
    return p.xml()


def start_all(bpm: Product) -> int:
    """Starts the instances; returns how many timers they have. Their due times are no order of their keys."""
    bpm.deploy(waiting())
    draw = random.Random(1)
    for _ in range(INSTANCES):
        bpm.start(items=[draw.randint(1, MINUTES) for _ in range(EACH)])
    return INSTANCES * EACH


def pass_time(bpm: Product) -> None:
    bpm.clock.set(bpm.clock.now() + timedelta(minutes=MINUTES))


def test_all_that_is_due_fires_in_order_and_in_batches(bpm: Product) -> None:
    count = start_all(bpm)
    assert bpm.deliver() == 0
    pass_time(bpm)
    order: list[datetime] = []
    due_at = dict(map(tuple, bpm.rows(sa.select(timer.c.key, timer.c.due_at))))
    fire = timers.fire_timer

    def note(server: Any, key: int) -> bool:
        order.append(due_at[key])
        return fire(server, key)

    timers.fire_timer = note  # type: ignore[assignment]
    try:
        with counted(bpm.server.database) as asked:
            assert rounds.run_until_idle(bpm.server, topics=("timers",), most=10 * count) == count
    finally:
        timers.fire_timer = fire
    assert order == sorted(due_at.values())
    assert asked.commits <= count
    assert len(asked) <= MOST_STATEMENTS * count
    assert sum(" LIMIT " in " ".join(text.split()) for text in asked.texts) <= count // rounds.BATCH + 1 + count // EACH
    assert bpm.scalars(sa.select(sa.func.count()).select_from(timer)) == [0]
    assert bpm.open_tasks() == ["a"] * INSTANCES


def test_people_work_while_timers_are_drained(bpm: Product) -> None:
    """Somebody who comes in between is not kept waiting until the last one: counted, not measured."""
    count = start_all(bpm)
    bpm.deploy(chain())
    key = bpm.start("chain")
    pass_time(bpm)
    begun, left_when_done, problems = threading.Event(), [], []

    def work() -> None:
        try:
            for number in range(20):
                bpm.task(f"u{number}", instance=key).complete()
                begun.set()
            left_when_done.append(bpm.scalars(sa.select(sa.func.count()).select_from(timer))[0])
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            problems.append(error)
            begun.set()

    person = threading.Thread(target=work)
    person.start()
    assert begun.wait(60)
    drained = rounds.run_until_idle(bpm.server, topics=("timers",), most=10 * count)
    person.join(60)
    assert problems == []
    assert drained == count
    assert left_when_done[0] > 0, "twenty steps took as long as all timers"


def chain() -> bytes:
    p = Process("chain")
    p.path(p.start(), *[p.user(f"u{number}") for number in range(20)], p.end())
    return p.xml()


@pytest.mark.postgresql
def test_an_instance_that_somebody_works_on_does_not_hold_up_the_others(bpm_postgresql: Product) -> None:
    """SQLite has one writer at a time: nobody holds a single instance there."""
    bpm = bpm_postgresql
    p = Process()
    p.path(p.start(), p.add("intermediateCatchEvent", "t", timer_event("Duration", "PT1M")), p.user("a"))
    bpm.deploy(p.xml())
    busy, free = bpm.start(), bpm.start()
    pass_time(bpm)
    with bpm.server.database.write() as connection:
        instances.lock_instance(connection, busy)
        assert rounds.fire_timers(bpm.server) == 1
        assert bpm.scalars(sa.select(user_task.c.instance_key)) == [free]
    assert rounds.fire_timers(bpm.server) == 1
    assert sorted(bpm.scalars(sa.select(user_task.c.instance_key))) == [busy, free]


def test_what_is_due_is_found_by_index_also_where_all_are_due_at_the_same_moment(bpm: Product) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    base = {
        "instance_key": 1, "process_definition_key": None, "event_id": "t", "due_at": at, "repetitions": 0, "chunk": 0,
        "failures": 0, "suspended": False,
    }  # fmt: skip
    with bpm.server.database.write() as connection:
        for start in range(0, 20_000, 1_000):
            values = [{**base, "key": key, "element_key": key} for key in range(start + 1, start + 1_001)]
            connection.execute(timer.insert(), values)
        connection.commit()
    with statements(bpm.server.database) as found, bpm.server.database.read() as connection:
        assert [row.key for row in store.due_timers(connection, at, 20)] == list(range(1, 21))
        assert store.next_due(connection) == at
    due, following = look(bpm.server.database, found)
    assert (due.read, following.read) <= ((1_000, 100) if bpm.server.database.is_sqlite else (20, 1)), due.plan


def test_the_clock_is_the_databases(bpm: Product) -> None:
    """A worker whose own clock is two hours ahead, or behind, fires what the database says is due."""
    p = Process()
    p.path(p.start(), p.add("intermediateCatchEvent", "t", timer_event("Duration", "PT1H")), p.user("a"))
    bpm.deploy(p.xml())
    bpm.start()
    for hours, moved, waits in ((2, 59, True), (-2, 61, False)):
        clock = Shifted(bpm.server.clock, timedelta(hours=hours))
        server = replace(bpm.server, clock=clock)
        with bpm.server.database.write() as connection:
            moments.pin_clock(connection, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=moved))
            connection.commit()
        assert rounds.fire_timers(server) == (0 if waits else 1)
    assert bpm.open_tasks() == ["a"]


class Shifted:
    """A clock that is wrong."""

    def __init__(self, clock: Any, by: timedelta) -> None:
        self._clock, self._by = clock, by

    def now(self) -> datetime:
        return self._clock.now() + self._by

    def monotonic(self) -> float:
        return float(self._clock.monotonic())
