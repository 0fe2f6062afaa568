"""Tasks: user, service, send, receive, script, business rule, manual."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from bpm_server.store.tables.instances import variable
from tests.conformance.camunda8.scenario import incidents, refused, resolve, run, zeebe
from tests.support.bpmn_builder import Process, extensions, io
from tests.support.product import Product
from tests.unit.dmn.models import decision, definitions, text


def rule(expression: str) -> bytes:
    """A decision ``box``."""
    return definitions(decision("box", text(expression)))


def asks(outputs: dict[str, str] | None = None, **attributes: str) -> Process:
    """A business rule task that evaluates ``box`` into ``size``."""
    p = Process()
    called = zeebe("calledDecision", decisionId="box", resultVariable="size", **attributes)
    task = p.add("businessRuleTask", "r", extensions(called, io(outputs=outputs)))
    p.path(p.start(), task, p.user("after"))
    return p


def values(bpm: Product, instance: int) -> dict[str, str]:
    """Process variables as JSON."""
    query = sa.select(variable).where(variable.c.scope_key == instance)
    return {row.name: row.value for row in bpm.rows(query)}


# --- user tasks -----------------------------------------------------------------------------------------


def test_a_user_task_says_who_is_asked() -> None:
    """User tasks / Assignments: expressions give text for the assignee and lists for the candidates."""
    p = Process()
    who = zeebe("assignmentDefinition", assignee="=author", candidateUsers="a, b", candidateGroups='=["x", "y"]')
    p.path(p.start(), p.user("t", extra=who))
    task = run(p, author="ann").task("t")
    assert (task.assignee, task.candidate_users, task.candidate_groups) == ("ann", ("a", "b"), ("x", "y"))


def test_a_user_task_says_until_when() -> None:
    """User tasks / Scheduling: static ISO 8601 or an expression, evaluated on activation."""
    p = Process()
    due = zeebe("taskSchedule", dueDate="2026-02-28T13:13:10+02:00", followUpDate='=now() + duration("P2D")')
    p.path(p.start(), p.user("t", extra=due))
    task = run(p).task("t")
    assert task.due_date == datetime(2026, 2, 28, 11, 13, 10, tzinfo=UTC)
    assert task.follow_up_date == datetime(2026, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(("extra", "expected"), [("", 50), (zeebe("priorityDefinition", priority="=n + 1"), 81)])
def test_a_user_task_has_a_priority(extra: str, expected: int) -> None:
    """User tasks / Define user task priority: 0 to 100, 50 where none is given, or an expression."""
    p = Process()
    p.path(p.start(), p.user("t", extra=extra))
    assert run(p, n=80).task("t").priority == expected


def test_an_assignee_that_is_no_text_is_an_incident() -> None:
    """User tasks / Assignments: the expression must result in text."""
    p = Process()
    p.path(p.start(), p.user("t", extra=zeebe("assignmentDefinition", assignee="=who")))
    world = run(p, who=["a"])
    assert [i.element_id for i in world.incidents.values()] == ["t"]
    assert world.set(who="ann").resolve("t").task("t").assignee == "ann"


# --- jobs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["serviceTask", "sendTask", "scriptTask", "businessRuleTask"])
def test_a_task_with_a_task_definition_is_a_job(tag: str) -> None:
    """Service tasks / Task definition; Send, Script and Business rule tasks / Job worker implementation."""
    p = Process()
    work = extensions(
        zeebe("taskDefinition", type='="order-" + kind', retries="=n"),
        '<zeebe:taskHeaders><zeebe:header key="method" value="VISA"/></zeebe:taskHeaders>',
    )
    p.path(p.start(), p.add(tag, "t", work), p.end())
    world = run(p, kind="items", n=5)
    (job,) = world.jobs.values()
    assert (job.type, job.retries, job.headers) == ("order-items", 5, {"method": "VISA"})
    assert world.work("t").finished


def test_a_service_task_without_task_definition_is_refused() -> None:
    """Service tasks / Task definition: a service task must have a task definition."""
    p = Process()
    p.path(p.start(), p.add("serviceTask", "t"), p.end())
    assert "job-type-missing" in refused(p)


def test_manual_and_undefined_tasks_pass() -> None:
    """Manual tasks; Undefined tasks: the engine passes through."""
    p = Process()
    p.path(p.start(), p.add("manualTask", "m"), p.add("task", "t"), p.end())
    assert run(p).completed() == ["s", "m", "t", "e"]


def test_a_receive_task_waits_for_its_message() -> None:
    """Receive tasks: waits for the message; its variables are merged into the process."""
    p = Process()
    p.message("m", "collected", "=orderId")
    p.path(p.start(), p.add("receiveTask", "r", messageRef="m"), p.end())
    world = run(p, orderId="o1")
    assert not world.finished
    assert world.message("collected", {"paid": True}, key="o1").result == {"orderId": "o1", "paid": True}


def test_a_receive_task_without_message_is_refused() -> None:
    """Receive tasks / Messages: a receive task must reference a message."""
    p = Process()
    p.path(p.start(), p.add("receiveTask", "r"), p.end())
    assert refused(p) == {"message-missing"}


# --- scripts --------------------------------------------------------------------------------------------


def test_a_script_task_evaluates_feel() -> None:
    """Script tasks / FEEL expression: the result goes to the result variable of the process."""
    p = Process()
    p.path(p.start(), p.script("t", "=sum(for i in items return i.price)", "total"), p.end())
    assert run(p, items=[{"price": 2}, {"price": 5}]).result["total"] == 7


def test_the_result_of_a_script_task_can_be_mapped() -> None:
    """Script tasks / Variable mappings: an output mapping customises how the result is merged."""
    p = Process()
    p.path(p.start(), p.script("t", "={a: 1, b: 2}", "found", extra=io(outputs={"b": "=found.b"})), p.end())
    assert run(p).result == {"b": 2}


# --- decisions ------------------------------------------------------------------------------------------


def test_a_business_rule_task_stores_the_decision(bpm_sqlite: Product) -> None:
    """Business rule tasks / Defining a called decision: the result is stored in the result variable."""
    bpm_sqlite.deploy(asks().xml(), ("box.dmn", rule("weight * 2")))
    assert values(bpm_sqlite, bpm_sqlite.start(weight=4)) == {"weight": "4", "size": "8"}


def test_the_result_of_a_decision_can_be_mapped(bpm_sqlite: Product) -> None:
    """Business rule tasks / Variable mappings: by an output mapping instead of the result variable."""
    bpm_sqlite.deploy(asks({"crate": "=size + 1"}).xml(), ("box.dmn", rule("3")))
    assert values(bpm_sqlite, bpm_sqlite.start()) == {"crate": "4"}


def test_a_decision_is_bound_to_its_deployment(bpm_sqlite: Product) -> None:
    """Business rule tasks / Defining a called decision: ``deployment`` is the version deployed together."""
    bpm_sqlite.deploy(asks(bindingType="deployment").xml(), ("box.dmn", rule("1")))
    bpm_sqlite.deploy(("box.dmn", rule("2")))
    assert values(bpm_sqlite, bpm_sqlite.start()) == {"size": "1"}


def test_a_decision_is_bound_to_the_latest(bpm_sqlite: Product) -> None:
    """Business rule tasks / Defining a called decision: ``latest`` is the default."""
    bpm_sqlite.deploy(asks().xml(), ("box.dmn", rule("1")))
    bpm_sqlite.deploy(("box.dmn", rule("2")))
    assert values(bpm_sqlite, bpm_sqlite.start()) == {"size": "2"}


def test_a_decision_that_is_missing_is_an_incident(bpm_sqlite: Product) -> None:
    """Business rule tasks: an unsuccessful evaluation raises an incident; resolved, it is evaluated again."""
    bpm_sqlite.deploy(asks().xml())
    instance = bpm_sqlite.start()
    assert incidents(bpm_sqlite) == [("r", "CALLED_DECISION_ERROR")]
    bpm_sqlite.deploy(("box.dmn", rule("2")))
    resolve(bpm_sqlite)
    assert incidents(bpm_sqlite) == []
    assert values(bpm_sqlite, instance) == {"size": "2"}
