"""Results of many jobs in one transaction: as if each had been booked by itself, and none spoils another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server import engine
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.services import jobs, process_instances
from bpm_server.services.job_batches import Completion, complete_jobs
from bpm_server.store.tables.jobs import job
from bpm_server.worker import booking, rounds
from tests.support.bpmn_builder import Process, multi_instance
from tests.support.product import ADMIN
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product

PATIENCE_S = 60


@pytest.fixture
def work(bpm: Product) -> Product:
    return deployed(bpm)


def deployed(bpm: Product) -> Product:
    """A service task that a script follows; one in items."""
    p = Process("one")
    p.path(p.start(), p.service("j", "work"), p.script("divide", "=a / b", "c"), p.user("after"), p.end())
    items = Process("items")
    items.path(items.start(), items.service("j", "work", multi_instance("=list", "item")), items.user("x"), items.end())
    bpm.deploy(p.xml(), items.xml())
    return bpm


def leased(bpm: Product, limit: int = 100) -> list[Any]:
    return jobs.activate_jobs(bpm.server, SYSTEM, ["work"], limit=limit, lease_ms=60_000)


def completions(found: list[Any], **variables: Any) -> list[Completion]:
    return [Completion(one.row.key, one.row.lease, variables) for one in found]


@pytest.mark.parametrize("hot", [True, False])
def test_a_batch_of_instances_goes_on(work: Product, hot: bool) -> None:
    started = [work.start("one", a=number, b=2) for number in range(5)]
    found = leased(work)
    if not hot:
        work.server.hot.clear()
    with counted(work.server.database) as statements:
        booked = complete_jobs(work.server, SYSTEM, completions(found, done=True))
    assert (booked.refused, booked.busy, statements.commits) == ({}, set(), 1)
    assert [work.variables(key)["c"] for key in started] == [0, 0.5, 1, 1.5, 2]
    assert [work.variables(key)["done"] for key in started] == [True] * 5
    assert work.open_tasks() == ["after"] * 5
    assert work.scalars(sa.select(job.c.state)) == ["COMPLETED"] * 5


def test_reading_takes_as_many_statements_however_many_there_are(work: Product) -> None:
    counts = []
    for number in (1, 2, 50):  # the first warms caches
        for _ in range(number):
            work.start("one", a=1, b=1)
        found = leased(work)
        work.server.hot.clear()
        with counted(work.server.database) as statements:
            complete_jobs(work.server, SYSTEM, completions(found))
        counts.append(len(statements))
    assert counts[2] <= counts[1] + 4  # many inserts of one table go in blocks and singly


def test_jobs_of_one_instance_and_of_items_in_one_batch(work: Product) -> None:
    key = work.start("items", list=[1, 2, 3])
    work.start("one", a=1, b=1)
    work.server.hot.clear()
    assert booking.book(work.server, completions(leased(work))) == {}
    assert work.open_tasks() == ["after", "x"]
    assert work.state(key) == "ACTIVE"


def test_one_that_may_not_be_completed_spoils_no_other(work: Product) -> None:
    for _ in range(4):
        work.start("one", a=1, b=1)
    first, second, third, fourth = leased(work)
    jobs.complete_job(work.server, ADMIN, first.row.key)
    wrong = [Completion(second.row.key, "another's lease"), Completion(7, None)]
    failed = booking.book(work.server, [*completions([first]), *wrong, *completions([third, fourth])])
    assert {key: type(error) for key, error in failed.items()} == {
        first.row.key: NotFound,
        second.row.key: WrongState,
        7: NotFound,
    }
    assert work.open_tasks() == ["after"] * 3


def test_one_whose_step_breaks_spoils_no_other(work: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [work.start("one", a=1, b=1) for _ in range(3)]
    found = leased(work)
    broken = found[1].row.element_key
    advance = engine.advance

    def breaks(instance: Any, command: Any, context: Any) -> Any:
        if getattr(command, "element_key", None) == broken:
            message = "a bug"
            raise ZeroDivisionError(message)
        return advance(instance, command, context)

    monkeypatch.setattr(engine, "advance", breaks)
    failed = booking.book(work.server, completions(found))
    assert {key: type(error) for key, error in failed.items()} == {found[1].row.key: ZeroDivisionError}
    assert work.open_tasks() == ["after"] * 2
    assert [work.state(key) for key in keys] == ["ACTIVE"] * 3


def test_an_instance_that_ended_meanwhile_spoils_no_other(work: Product) -> None:
    ended = work.start("one", a=1, b=1)
    work.start("one", a=1, b=1)
    found = leased(work)
    process_instances.cancel_instance(work.server, ADMIN, ended)
    assert [type(error) for error in booking.book(work.server, completions(found)).values()] == [NotFound]
    assert work.open_tasks() == ["after"]


@pytest.mark.postgresql
def test_a_batch_waits_for_nobody(bpm_postgresql: Product) -> None:
    """An instance that somebody else has locked is left out; SQLite has one writer anyway."""
    work = deployed(bpm_postgresql)
    busy, free = work.start("one", a=1, b=1), work.start("one", a=1, b=1)
    found = {one.row.instance_key: one for one in leased(work)}
    with work.server.database.write() as other:
        other.exec_driver_sql(f"SELECT 1 FROM process_instance WHERE key = {busy} FOR UPDATE")
        booked = complete_jobs(work.server, SYSTEM, completions([found[busy], found[free]]))
    assert booked.busy == {found[busy].row.key}
    assert work.open_tasks() == ["after"]


def test_threads_that_finish_at_once_are_booked_together(work: Product) -> None:
    for _ in range(8):
        work.start("one", a=1, b=1)
    found = leased(work)
    booker = booking.Booker(work.server)
    errors: list[Exception] = []

    def finish(one: Completion) -> None:
        errors.extend(booker.complete([one]).values())

    wrong = Completion(found[0].row.key, "another's lease")
    threads = [threading.Thread(target=finish, args=(one,)) for one in [wrong, *completions(found)]]
    with counted(work.server.database) as statements:
        with booker._turn:  # all of them are there before the first is booked
            for thread in threads:
                thread.start()
            while len(booker._waiting) < len(threads):
                threading.Event().wait(0.001)
        for thread in threads:
            thread.join(PATIENCE_S)
    assert statements.commits <= 2  # of the two results of one job, one waits for its turn
    assert [type(error) for error in errors] == [WrongState], errors
    assert work.open_tasks() == ["after"] * 8


def test_who_finds_another_result_of_its_job_waiting_books_its_own_too(work: Product) -> None:
    work.start("one", a=1, b=1)
    (one,) = leased(work)
    booker = booking.Booker(work.server)
    booker._waiting.append(booking._Waiting(Completion(one.row.key, "another's lease")))
    assert booker.complete(completions([one])) == {}
    assert work.open_tasks() == ["after"]
    assert booker._waiting == []


def test_safe_points_are_passed_together(bpm: Product) -> None:
    bpm.deploy(SAFE_POINTS)
    for _ in range(10):
        bpm.start("safe")
    with counted(bpm.server.database) as statements:
        assert rounds.pass_safe_points(bpm.server) == 10
    assert bpm.open_tasks() == ["u"] * 10
    assert statements.commits == 2  # the claim and all results


SAFE_POINTS = b"""<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><bpmn:process id="safe" isExecutable="true">
 <bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="u"/>
 <bpmn:userTask id="u" camunda:asyncBefore="true"/>
 <bpmn:sequenceFlow id="f2" sourceRef="u" targetRef="e"/><bpmn:endEvent id="e"/>
 </bpmn:process></bpmn:definitions>"""
