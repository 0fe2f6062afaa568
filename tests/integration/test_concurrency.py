"""Many at once: exactly one wins, the others are told who did, and nothing is done twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor, Permission
from bpm_server.domain.tasks import TaskValues
from bpm_server.kernel import json
from bpm_server.kernel.errors import AlreadyExists, Forbidden, WrongState
from bpm_server.services import jobs, messages, process_instances, tasks, timers
from bpm_server.services.transaction import transaction
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.jobs import timer
from bpm_server.store.tasks import change, lock_task
from tests.support.bpmn_builder import Process, event
from tests.support.bpmn_builder import timer as timer_event
from tests.support.contention import at_once
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

CONTENDERS = 100


def one_task() -> bytes:
    p = Process()
    p.path(p.start(), p.user("a"), p.user("b"), p.end())
    return p.xml()


def person(number: int) -> Actor:
    return Actor(f"person{number}", permissions=frozenset({Permission("*", "*")}))


def test_a_hundred_people_complete_one_task_and_exactly_one_does(bpm: Product) -> None:
    bpm.deploy(one_task())
    key = bpm.start()
    task = bpm.task("a").key
    results = at_once(CONTENDERS, lambda n: tasks.complete_task(bpm.server, person(n), task, {"by": n}))
    winners = [n for n, result in enumerate(results) if result is None]
    assert len(winners) == 1
    losers = [result for result in results if result is not None]
    assert all(isinstance(error, WrongState) for error in losers), Counter(map(repr, losers))
    assert {error.details["endedBy"] for error in losers} == {f"person{winners[0]}"}
    assert all(f"completed by person{winners[0]} at 2026-01-01" in error.message for error in losers)
    assert bpm.variables(key) == {"by": winners[0]}
    assert bpm.open_tasks() == ["b"]


def test_a_hundred_people_claim_one_task_and_exactly_one_gets_it(bpm: Product) -> None:
    bpm.deploy(one_task())
    bpm.start()
    task = bpm.task("a").key
    results = at_once(CONTENDERS, lambda n: tasks.claim_task(bpm.server, person(n), task))
    assert results.count(None) == 1
    winner = results.index(None)
    assert {error.details["assignee"] for error in results if error is not None} == {f"person{winner}"}


def test_who_comes_too_late_to_the_last_task_is_told_so(bpm: Product) -> None:
    """The instance has ended meanwhile; the form is checked by its state, which is not there any more."""
    form = {"id": "f", "type": "default", "components": [{"type": "textfield", "key": "note"}]}
    p = Process()
    p.path(p.start(), p.user("a", extra='<zeebe:formDefinition formId="f"/>'), p.end())
    bpm.deploy(p.xml(), ("f.form", json.dumps_bytes(form)))
    bpm.start()
    task = bpm.task("a").key
    values = {"note": "done"}
    results = at_once(CONTENDERS, lambda n: tasks.complete_task(bpm.server, person(n), task, values, from_form=True))
    assert results.count(None) == 1
    losers = [result for result in results if result is not None]
    assert {getattr(error, "details", {}).get("endedBy") for error in losers} == {f"person{results.index(None)}"}, (
        Counter(map(repr, losers))
    )


@pytest.mark.postgresql
def test_who_completes_while_somebody_else_claims_comes_after_that(bpm_postgresql: Product) -> None:
    """A completion that waits for the lock of a claim finds the task claimed."""
    bpm = bpm_postgresql
    p = Process()
    p.path(p.start(), p.user("a", extra='<zeebe:assignmentDefinition candidateGroups="sales"/>'), p.end())
    bpm.deploy(p.xml())
    bpm.start()
    task = bpm.task("a").key
    first, second = (Actor(name, groups=frozenset({"sales"})) for name in ("first", "second"))
    found: list[Exception | None] = []

    def complete() -> None:
        try:
            tasks.complete_task(bpm.server, second, task, {})
            found.append(None)
        except Forbidden as error:
            found.append(error)

    late = threading.Thread(target=complete)
    with transaction(bpm.server, first) as tx:
        claimed, _ = lock_task(tx.connection, task)
        late.start()
        wait_for_waiting(bpm)
        change(tx.connection, claimed.key, TaskValues(assignee="first"), tx.now)
    late.join()
    assert "it is assigned to first" in str(found[0])
    assert bpm.open_tasks() == ["a"]


def wait_for_waiting(bpm: Product) -> None:
    """Until somebody waits for a lock."""
    waiting = sa.text(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    for _ in range(500):
        if bpm.scalars(waiting) != [0]:
            return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def test_parallel_tasks_of_one_instance_completed_at_once_lose_nothing(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.add("parallelGateway", "split"))
    p.add("parallelGateway", "join")
    names = [f"t{n}" for n in range(20)]
    for name in names:
        p.path("split", p.user(name), "join")
    p.path("join", p.end())
    bpm.deploy(p.xml())
    key = bpm.start()
    keys = [bpm.task(name).key for name in names]
    results = at_once(len(keys), lambda n: tasks.complete_task(bpm.server, ADMIN, keys[n], {names[n]: n}))
    assert results == [None] * len(keys)
    assert bpm.state(key) == "COMPLETED"
    assert bpm.variables(key) == {name: n for n, name in enumerate(names)}
    assert bpm.scalars(sa.select(sa.func.count()).select_from(journal)) == [len(keys) + 1]


def test_a_job_goes_to_one_worker(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.service("job", "work"), p.end())
    bpm.deploy(p.xml())
    for _ in range(30):
        bpm.start()

    def take(number: int) -> list[int]:
        leased = jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=7, lease_ms=60_000, worker=f"w{number}")
        return [job.row.key for job in leased]

    taken = [key for keys in at_once(10, take) for key in keys]
    assert len(taken) == len(set(taken)) == 30


def test_a_timer_fires_once_however_many_workers_see_it(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.add("intermediateCatchEvent", "t", timer_event("Duration", "PT1M")), p.user("a"))
    bpm.deploy(p.xml())
    bpm.start()
    (key,) = bpm.scalars(sa.select(timer.c.key))
    bpm.clock.set(bpm.clock.now().replace(hour=1))
    assert at_once(20, lambda _: timers.fire_timer(bpm.server, key)).count(True) == 1
    assert bpm.open_tasks() == ["a"]


def test_a_message_published_while_instances_begin_to_wait_reaches_every_one(bpm: Product) -> None:
    p = Process()
    p.message("m", "paid", "=order")
    p.path(p.start(), p.add("receiveTask", "r", messageRef="m"), p.end())
    bpm.deploy(p.xml())

    def act(number: int) -> Any:
        order = f"o{number // 2}"
        if number % 2:
            return messages.publish_message(bpm.server, ADMIN, "paid", order, {}, 600_000)
        return process_instances.start_process(bpm.server, ADMIN, process_id="p", variables={"order": order}).key

    at_once(40, act)
    bpm.deliver()
    assert Counter(bpm.scalars(sa.select(process_instance.c.state))) == {"COMPLETED": 20}


def test_a_message_with_an_id_is_accepted_once(bpm: Product) -> None:
    p = Process()
    p.message("m", "order")
    p.path(p.start("s", event("message", messageRef="m")), p.user("a"))
    bpm.deploy(p.xml())
    results = at_once(
        20, lambda _: messages.publish_message(bpm.server, ADMIN, "order", "k", {}, 600_000, message_id="once")
    )
    assert sum(isinstance(result, int) for result in results) == 1
    assert all(isinstance(result, int | AlreadyExists) for result in results), results
    bpm.deliver()
    assert bpm.open_tasks() == ["a"]
