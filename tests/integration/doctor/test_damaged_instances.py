"""The doctor: it has nothing to say about what commands leave behind; each kind of damage is found, and mended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.services import jobs, migration, suspension
from bpm_server.services.examining import examine
from bpm_server.services.repairing import repair_instance
from bpm_server.store.tables.audit import audit_log
from bpm_server.store.tables.definitions import process_definition
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import element_instance, instance_item, process_instance
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task, user_task_candidate
from tests.support.approvals import Desk, hire, one_node
from tests.support.bpmn_builder import Process, event
from tests.support.doctor import LOST, damage, repair, rules, tables
from tests.support.product import ADMIN, START, Product
from tests.support.waiting import finish

if TYPE_CHECKING:
    from collections.abc import Callable


# --- a healthy installation -----------------------------------------------------------------------------


def test_nothing_is_said_about_a_healthy_installation(bpm: Product, failed: int) -> None:
    assert rules(bpm) == {}
    suspension.suspend_instance(bpm.server, ADMIN, failed)
    assert rules(bpm) == {}
    suspension.resume_instance(bpm.server, ADMIN, failed)
    bpm.clock.advance(hours=5)  # the reminder of the task has come three times
    bpm.deliver()
    assert rules(bpm) == {}
    assert repair(bpm) == []


def test_a_job_that_was_done_while_its_instance_is_suspended(bpm: Product, instance: int) -> None:
    (leased,) = jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=1, lease_ms=60_000)
    suspension.suspend_instance(bpm.server, ADMIN, instance)
    jobs.complete_job(bpm.server, ADMIN, leased.row.key, {})
    assert rules(bpm) == {}


def test_a_job_whose_error_nobody_caught(bpm: Product, instance: int) -> None:
    jobs.throw_job_error(bpm.server, ADMIN, bpm.job("work"), "unheard-of")
    assert rules(bpm) == {}


# --- rows that an instance needs ------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOST)
def test_a_lost_row_is_written_again_as_it_was(bpm: Product, failed: int, name: str) -> None:
    before = tables(bpm)
    table, which = LOST[name](failed)
    damage(bpm, table.delete().where(which))
    found = rules(bpm)
    assert ("missing-row", name) in found
    assert found["missing-row", name].as_json()["processInstanceKey"] == str(failed)
    assert {rule for rule, _ in found} <= {"missing-row", "incident-count", "candidate-of-no-task"}
    assert repair(bpm)
    assert rules(bpm) == {}
    after = tables(bpm)
    if name == "job":  # what its workers said of it is not in the journal
        for rows in (before, after):
            rows["job"] = [{**row, "error_message": None} for row in rows["job"]]
    assert after == before


@pytest.mark.parametrize(("table", "values"), [
    (element_instance, {"state": "COMPLETED", "ended_at": START}),
    (user_task, {"state": "CANCELED", "ended_at": START}),
    (job, {"state": "CANCELED", "ended_at": START}),
], ids=["element", "task", "job"])  # fmt: skip
def test_a_row_that_ended_too_early_is_open_again(
    bpm: Product, instance: int, table: sa.Table, values: dict[str, Any]
) -> None:
    before = tables(bpm)
    damage(bpm, table.update().where(table.c.element_id.in_(("review", "work"))).values(values))
    assert repair(bpm)
    assert rules(bpm) == {}
    assert tables(bpm) == before


def test_what_was_mended_goes_on(bpm: Product, instance: int) -> None:
    damage(bpm, *[table.delete().where(which) for table, which in (make(instance) for make in list(LOST.values())[:5])])
    assert repair(bpm)
    finish(bpm, instance, "A-1")
    assert bpm.state(instance) == "COMPLETED"
    assert rules(bpm) == {}


def test_rows_that_no_token_needs_are_ended(bpm: Product, instance: int) -> None:
    bpm.task("review").complete()
    bpm.complete_job("work")
    bpm.publish("paid", "A-1")
    ended = (element_instance, user_task, job)
    damage(
        bpm,
        *[
            t.update()
            .where(t.c.element_id.in_(("review", "work")))
            .values(state="ACTIVE" if t is element_instance else "CREATED", ended_at=None)
            for t in ended
        ],
    )
    stray = {"instance_key": instance, "element_key": 5, "event_id": "x", "chunk": 0, "suspended": False}
    with bpm.server.database.write() as connection:
        connection.execute(timer.insert(), {**stray, "key": 1, "due_at": START + timedelta(days=9), "failures": 0})
        connection.execute(
            subscription.insert(),
            {
                **stray,
                "key": 2,
                "kind": "signal",
                "name": "n",
                "process_definition_key": 1,
                "process_id": "p",
                "interrupting": True,
                "opened_at": START,
            },
        )
        connection.commit()
    found = {(defect.rule, defect.table) for defect in examine(bpm.server)}
    assert {
        ("row-without-token", name) for name in ("element_instance", "user_task", "job", "timer", "subscription")
    } <= found
    assert repair(bpm)
    assert rules(bpm) == {}
    assert bpm.open_tasks() == ["each", "each", "inner"]
    assert bpm.scalars(sa.select(timer.c.key).where(timer.c.key == 1)) == []


def of(key: int, **values: Any) -> Any:
    return process_instance.update().where(process_instance.c.key == key).values(values)


def element(place: str, **values: Any) -> Any:
    return element_instance.update().where(element_instance.c.element_id == place).values(values)


def called_by(key: int, **values: Any) -> Any:
    return process_instance.update().where(process_instance.c.parent_key == key).values(values)


BY_HAND: dict[str, tuple[str, Callable[[int], Any]]] = {
    "incident-count": ("process_instance", lambda key: of(key, incidents=7)),
    "other-definition": ("process_instance", lambda key: of(key, version=9)),
    "step-count": ("process_instance", lambda key: of(key, lock_version=0)),
    "other-element": ("element_instance", lambda key: element("review", element_id="work")),
    "suspended-otherwise": ("job", lambda key: job.update().values(suspended=True)),
    "other-candidates": ("user_task_candidate", lambda key: user_task_candidate.update().values(name="everybody")),
}


@pytest.mark.parametrize("rule", BY_HAND)
def test_a_column_that_was_changed_by_hand_is_put_right(bpm: Product, instance: int, rule: str) -> None:
    before = tables(bpm)
    table, change = BY_HAND[rule]
    damage(bpm, change(instance))
    found = rules(bpm)
    assert list(found) == [(rule, table)]
    assert found[rule, table].repair
    assert repair(bpm)
    assert rules(bpm) == {}
    assert tables(bpm) == before


def test_a_second_job_is_canceled(bpm: Product, instance: int) -> None:
    (row,) = bpm.rows(sa.select(job))
    with bpm.server.database.write() as connection:
        connection.execute(job.insert(), {**row._mapping, "key": 77})
        connection.commit()
    assert list(rules(bpm)) == [("two-jobs", "job")]
    assert repair(bpm)
    assert bpm.rows(sa.select(job.c.key).where(job.c.ended_at.is_(None))) == [(row.key,)]
    assert rules(bpm) == {}


# --- what a person must decide --------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "make"), [
    ("state-unreadable", lambda key: of(key, tokens=b"mnonsense")),
    ("state-unreadable", lambda key: of(key, tokens=None)),
    ("journal-cut", lambda key: journal.delete().where(journal.c.instance_key == key)),
    ("journal-unreadable", lambda key: journal.update().where(journal.c.instance_key == key).values(events='[["?"]]')),
    ("lost-items", lambda key: instance_item.delete()),
    ("lost-call", lambda key: called_by(key, parent_element_key=1)),
], ids=["state", "no-state", "journal", "events", "items", "call"])  # fmt: skip
def test_what_cannot_be_mended_is_only_said(bpm: Product, instance: int, rule: str, make: Callable[[int], Any]) -> None:
    damage(bpm, make(instance))
    if rule == "journal-unreadable":
        damage(bpm, timer.delete())  # only then the journal is asked
    found = [defect for defect in examine(bpm.server) if defect.rule == rule]
    assert len(found) == 1
    assert found[0].severity == "error"
    assert found[0].repair is None
    assert found[0].message.startswith("Expected ")
    repair_instance(bpm.server, ADMIN, instance)
    assert [defect for defect in examine(bpm.server) if defect.rule == rule] == found


# --- repairs are acts -----------------------------------------------------------------------------------


def test_every_repair_is_in_the_audit_log(bpm: Product, instance: int) -> None:
    damage(bpm, job.delete(), user_task_candidate.update().values(task_key=5))
    before = len(bpm.rows(sa.select(audit_log)))
    repair(bpm)
    entries = bpm.rows(sa.select(audit_log).order_by(audit_log.c.key))[before:]
    assert [(entry.entity_type, entry.operation, entry.description) for entry in entries] == [
        ("PROCESS_INSTANCE", "UPDATE", "repaired user_task_candidate: candidate-of-no-task"),
        ("PROCESS_INSTANCE", "UPDATE", "repaired job: missing-row, user_task_candidate: other-candidates"),
    ]
    assert entries[1].instance_key == instance


def test_a_repair_follows_migration(bpm: Product) -> None:
    def process(task: str, one: str, other: str) -> bytes:
        p = Process()
        for name in ("m", "n"):
            p.message(name, name, '="k"')
        p.user(task)
        for boundary, name in ((one, "m"), (other, "n")):
            p.boundary(boundary, task, event("message", messageRef=name), interrupting=False)
            p.path(boundary, p.end(f"e_{boundary}"))
        p.path(p.start(), task, p.end())
        return p.xml()

    bpm.deploy(process("a", "x", "y"))
    key = bpm.start()
    bpm.deploy(process("b", "y", "x"))
    target = bpm.scalars(sa.select(process_definition.c.key).where(process_definition.c.version == 2))[0]
    migration.migrate_instance(bpm.server, ADMIN, key, target, [("a", "b"), ("x", "y"), ("y", "x")])
    before = tables(bpm)
    damage(
        bpm,
        user_task.delete(),
        subscription.delete(),
        element_instance.delete().where(element_instance.c.element_id == "b"),
    )
    assert repair(bpm)
    assert rules(bpm) == {}
    assert tables(bpm) == before


def test_the_task_of_an_approval_comes_back_with_whose_turn_it_is(bpm: Product) -> None:
    hire(bpm)
    desk = Desk(bpm)
    _, key = desk.start(one_node("sequential", "ann, bob"))
    desk.vote("ann")
    damage(bpm, user_task.delete(), user_task_candidate.delete())
    assert repair(bpm)
    assert rules(bpm) == {}
    assert desk.asked(key) == ["bob"]
    assert desk.items(key) == {"ann": "approved", "bob": "to-do"}
    assert desk.vote("bob") == "approved"
