"""Submissions through commands and REST: the form decides what is stored, and a refusal changes nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor, Permission
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services import process_instances, tasks
from bpm_server.services.deployments import read_files
from bpm_server.store.tables.instances import process_instance, variable
from bpm_server.store.tables.tasks import task_comment
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.rest import Rest, add_person, application
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product

FORM: dict[str, Any] = {
    "type": "default",
    "id": "review",
    "schemaVersion": 19,
    "components": [
        {"type": "textfield", "key": "number", "id": "F1", "readonly": True},
        {"type": "number", "key": "amount", "id": "F2", "validate": {"required": True, "max": 1000}},
        {
            "type": "textfield",
            "key": "reason",
            "id": "F3",
            "validate": {"required": True},
            "conditional": {"hide": "=amount <= 100"},
        },
        {"type": "expression", "key": "tax", "id": "F4", "expression": "=amount * 2"},
        {
            "type": "dynamiclist",
            "path": "lines",
            "id": "L1",
            "components": [{"type": "textfield", "key": "product", "id": "F5", "validate": {"required": True}}],
        },
    ],
}
PERSON = Actor("li.ming", permissions=frozenset({Permission("PROCESS_DEFINITION", "UPDATE_USER_TASK")}))
FORM_DEFINITION = '<zeebe:formDefinition formId="review"/>'
OUTCOMES = '<zeebe:properties><zeebe:property name="outcomes" value="approved,rejected"/></zeebe:properties>'


def process(*extra: str, start: str = "", embedded: str = "") -> bytes:
    p = Process("p")
    p.start("s", f"<bpmn:extensionElements>{start}</bpmn:extensionElements>" if start else "")
    p.user("review", extra="<zeebe:userTask/>" + "".join(extra))
    p.user("after")
    p.end("e")
    p.path("s", "review", "after", "e")
    xml = p.xml().decode()
    if embedded:
        at = xml.index(">", xml.index("<bpmn:process")) + 1
        form = embedded.replace("&", "&amp;").replace("<", "&lt;")
        form = f'<zeebe:userTaskForm id="userTaskForm_1">{form}</zeebe:userTaskForm>'
        xml = f"{xml[:at]}<bpmn:extensionElements>{form}</bpmn:extensionElements>{xml[at:]}"
    return xml.encode()


def deploy(bpm: Product, *files: bytes) -> None:
    bpm.deploy(*files, ("review.form", json.dumps_bytes(FORM)))


@pytest.fixture
def reviews(bpm: Product) -> Product:
    deploy(bpm, process(FORM_DEFINITION, OUTCOMES))
    return bpm


@pytest.fixture
def rest(reviews: Product) -> Rest:
    return application(reviews)[1].as_(add_person(reviews, "root", roles=("admin",)))


def fields(error: InvalidInput | dict[str, Any]) -> list[tuple[str, str]]:
    found = error.details["errors"] if isinstance(error, InvalidInput) else error["errors"]
    return [(".".join(map(str, one["path"])), one["kind"]) for one in found]


def test_what_the_form_says_is_stored_and_nothing_else(reviews: Product) -> None:
    # given
    key = reviews.start(number="SO-1", amount=1, secret="kept")
    values = {"number": "SO-2", "amount": 50, "reason": "hidden", "tax": 1, "secret": "changed", "lines": []}

    # when
    tasks.complete_task(reviews.server, PERSON, reviews.task("review").key, values, from_form=True)

    # then
    stored = {"number": "SO-1", "amount": 50, "tax": 100, "secret": "kept", "lines": []}
    assert reviews.variables(key) == stored
    assert reviews.open_tasks() == ["after"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [("amount", "required")]),
        ({"lines": [{}]}, [("amount", "required"), ("lines.0.product", "required")]),
        ({"amount": "much", "reason": "r", "lines": []}, [("amount", "notANumber")]),
        ({"amount": Decimal("1000.01"), "reason": "r", "lines": []}, [("amount", "max")]),
        ({"amount": 101, "lines": []}, [("reason", "required")]),
        ({"amount": 1, "lines": [{"product": "a"}, {"product": {}}]}, [("lines.1.product", "type")]),
        ({"amount": 1, "lines": "none"}, [("lines", "type")]),
    ],
)
def test_a_refusal_names_the_fields_and_changes_nothing(
    reviews: Product, rest: Rest, values: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    # given
    key = reviews.start(number="SO-1")
    task = reviews.task("review").key
    before = reviews.rows(sa.select(process_instance))

    # when
    answer = rest.post(f"/v2/user-tasks/{task}/completion", {"variables": values})

    # then
    assert answer.status == 400
    assert fields(answer.body) == expected
    assert expected[0][0] in answer["detail"]
    assert answer["errors"][0]["message"].keys() == {"en", "zh"}
    assert reviews.variables(key) == {"number": "SO-1"}
    assert reviews.rows(sa.select(process_instance)) == before
    assert reviews.open_tasks() == ["review"]

    # and a corrected submission is accepted
    good = {"amount": 5, "lines": [{"product": "a"}]}
    assert rest.post(f"/v2/user-tasks/{task}/completion", {"variables": good}).status == 204
    assert reviews.variables(key) == {"number": "SO-1", "tax": 10, **good}


def test_endless_nesting_is_refused(reviews: Product, rest: Rest) -> None:
    reviews.start()
    deep: Any = []
    for _ in range(60):
        deep = [deep]
    path = f"/v2/user-tasks/{reviews.task('review').key}/completion"
    answer = rest.post(path, {"variables": {"amount": 1, "lines": deep}})
    assert (answer.status, fields(answer.body)) == (400, [("", "tooLarge")])
    assert (
        rest.call("POST", path, data=b'{"variables": {"amount": NaN}}', content_type="application/json").status == 400
    )
    assert reviews.open_tasks() == ["review"]


def test_outcome_and_comment_pass_as_variables(reviews: Product, rest: Rest) -> None:
    # given
    key = reviews.start()
    path = f"/v2/user-tasks/{reviews.task('review').key}/completion"
    good = {"amount": 5, "lines": []}

    # then an outcome that is not offered, and a "no" without a reason, are refused
    for wrong in ({"outcome": "maybe"}, {"outcome": "rejected"}, {"outcome": 5}, {"outcome": "approved", "comment": 1}):
        assert rest.post(path, {"variables": {**good, **wrong}}).status == 400, wrong
    answer = rest.post(path, {"variables": {**good, "outcome": "approved", "comment": "fine"}})
    assert answer.status == 204
    assert reviews.variables(key) == {
        "amount": 5,
        "tax": 10,
        "lines": [],
        "outcome": "approved",
        "comment": "fine",
    }
    assert reviews.scalars(sa.select(task_comment.c.text)) == ["fine"]


def test_saying_no_needs_no_complete_form(reviews: Product) -> None:
    # given
    key = reviews.start(number="SO-1", amount=7, lines=[{"product": "a"}])
    values = {"amount": 5000, "reason": "too much", "lines": [{"product": ""}], "extra": 1}

    # when
    tasks.complete_task(
        reviews.server,
        PERSON,
        reviews.task("review").key,
        values,
        from_form=True,
        outcome="rejected",
        comment="no",
    )

    # then what is wrong is dropped, the rest is kept
    stored = reviews.variables(key)
    assert (stored["amount"], stored["lines"], stored["reason"]) == (7, [{"product": "a"}], "too much")
    assert (stored["outcome"], stored["comment"]) == ("rejected", "no")
    assert "extra" not in stored


def test_only_the_viewer_empties_a_list_by_leaving_it_out(reviews: Product) -> None:
    lines = [{"product": "a"}]
    for whole, left in ((False, lines), (True, [])):
        key = reviews.start(lines=lines)
        task = reviews.task("review").key
        tasks.complete_task(reviews.server, ADMIN, task, {"amount": 5}, from_form=True, whole=whole)
        assert reviews.variables(key)["lines"] == left


def test_who_may_set_variables_may_send_others_than_the_form_s(reviews: Product) -> None:
    # given a form whose fields are the form's business for everybody
    values = {"number": "forged", "amount": 5, "tax": 0, "reason": "hidden", "lines": [], "more": [1]}
    stored = {"number": "SO-1", "amount": 5, "tax": 10, "lines": []}
    for actor, expected in ((PERSON, stored), (ADMIN, {**stored, "more": [1]})):
        # when
        key = reviews.start(number="SO-1")
        tasks.complete_task(reviews.server, actor, reviews.task("review").key, values, from_form=True)

        # then
        assert reviews.variables(key) == expected


def test_fields_that_a_program_does_not_mention_do_not_become_empty_variables(bpm: Product) -> None:
    form = {
        "type": "default",
        "id": "review",
        "components": [
            {"type": "textfield", "key": "note", "id": "F1"},
            {
                "type": "select",
                "key": "level",
                "id": "F2",
                "defaultValue": "a",
                "values": [{"value": "a", "label": "A"}],
            },
            {
                "type": "group",
                "path": "address",
                "id": "G1",
                "components": [{"type": "textfield", "key": "c", "id": "F3"}],
            },
            {"type": "textfield", "key": "known", "id": "F4"},
        ],
    }
    bpm.deploy(process(FORM_DEFINITION), ("review.form", json.dumps_bytes(form)))
    key = bpm.start(known="x")
    tasks.complete_task(bpm.server, PERSON, bpm.task("review").key, {"note": ""}, from_form=True)
    assert bpm.variables(key) == {"known": "x", "note": "", "level": "a"}


def test_what_a_form_only_shows_is_not_written_again(reviews: Product) -> None:
    key = reviews.start(number="SO-1", lines=[{"product": "a"}], amount=1)
    before = reviews.rows(sa.select(variable).where(variable.c.name.in_(("number", "lines"))))
    reviews.clock.advance(hours=1)
    values = {"number": "SO-1", "amount": 2, "lines": [{"product": "a"}]}
    tasks.complete_task(reviews.server, PERSON, reviews.task("review").key, values, from_form=True, whole=True)
    assert reviews.rows(sa.select(variable).where(variable.c.name.in_(("number", "lines")))) == before
    assert reviews.variables(key)["amount"] == 2


def test_a_task_without_form_takes_what_comes(bpm: Product) -> None:
    bpm.deploy(process())
    key = bpm.start()
    tasks.complete_task(bpm.server, ADMIN, bpm.task("review").key, {"any": [1]}, from_form=True)
    assert bpm.variables(key) == {"any": [1]}


def test_a_form_inside_the_diagram_counts_too(bpm: Product) -> None:
    definition = '<zeebe:formDefinition formKey="camunda-forms:bpmn:userTaskForm_1"/>'
    bpm.deploy(process(definition, embedded=json.dumps(FORM)))
    key = bpm.start()
    task = bpm.task("review").key
    with pytest.raises(InvalidInput) as caught:
        tasks.complete_task(bpm.server, ADMIN, task, {"amount": 2000}, from_form=True)
    assert ("amount", "max") in fields(caught.value)
    tasks.complete_task(bpm.server, PERSON, task, {"amount": 2, "lines": [], "more": 1}, from_form=True, whole=True)
    assert bpm.variables(key) == {"amount": 2, "tax": 4, "number": "", "lines": []}


def test_the_start_form_decides_what_a_case_begins_with(bpm: Product) -> None:
    # given
    deploy(bpm, process(start=FORM_DEFINITION))
    li = Actor("li.ming", permissions=ADMIN.permissions)

    def start(**values: Any) -> int:
        return process_instances.start_process(bpm.server, li, process_id="p", variables=values, from_form=True).key

    # when refused
    with pytest.raises(InvalidInput) as caught:
        start(amount=2000, number="x", lines=[])
    assert fields(caught.value) == [("amount", "max"), ("reason", "required")]
    assert bpm.scalars(sa.select(process_instance.c.key)) == []

    # then
    key = start(amount=5, number="SO-9", tax=0, admin=True, lines=[{"product": "a"}])
    assert bpm.variables(key) == {"number": "", "amount": 5, "tax": 10, "lines": [{"product": "a"}]}


def test_the_version_that_the_task_was_created_with_counts(reviews: Product) -> None:
    reviews.start()
    stricter = json.loads(json.dumps(FORM))
    stricter["components"][1]["validate"]["max"] = 1
    reviews.deploy(("review.form", json.dumps_bytes(stricter)))
    tasks.complete_task(reviews.server, ADMIN, reviews.task("review").key, {"amount": 5, "lines": []}, from_form=True)
    reviews.start()
    with pytest.raises(InvalidInput):
        tasks.complete_task(
            reviews.server, ADMIN, reviews.task("review").key, {"amount": 5, "lines": []}, from_form=True
        )


def test_days_that_have_passed_are_those_of_the_browser(bpm: Product) -> None:
    """It is 2026-01-01 00:00 UTC: in America still the day before."""
    form = {
        "type": "default",
        "id": "review",
        "components": [{"type": "datetime", "subtype": "date", "key": "due", "id": "F", "disallowPassedDates": True}],
    }
    bpm.deploy(process(FORM_DEFINITION), ("review.form", json.dumps_bytes(form)))
    bpm.start()
    task, values = bpm.task("review").key, {"due": "2025-12-31"}
    with pytest.raises(InvalidInput):
        tasks.complete_task(bpm.server, ADMIN, task, values, from_form=True)
    tasks.complete_task(bpm.server, ADMIN, task, values, from_form=True, time_zone="America/New_York")
    assert bpm.open_tasks() == ["after"]


def test_the_check_of_a_form_asks_the_database_nothing_more(reviews: Product) -> None:
    # given warm caches
    good = {"amount": 5, "lines": []}
    for _ in range(3):
        reviews.start()
    tasks.complete_task(reviews.server, ADMIN, reviews.task("review").key, good, from_form=True)

    # when
    counts = []
    for from_form in (False, True):
        task = reviews.task("review").key
        with counted(reviews.server.database) as statements:
            tasks.complete_task(reviews.server, ADMIN, task, good, from_form=from_form)
        counts.append(len(statements))

    # then
    assert counts[0] == counts[1] <= 12


@pytest.mark.parametrize("embedded", [True, False])
def test_a_form_that_nobody_could_fill_in_is_not_deployed(bpm: Product, embedded: bool) -> None:
    wrong = {
        "type": "default",
        "id": "review",
        "components": [
            {"type": "textfield", "key": "a", "id": "F1"},
            {"type": "number", "key": "a", "id": "F2"},
        ],
    }
    file = ("p.bpmn", process(embedded=json.dumps(wrong))) if embedded else ("review.form", json.dumps_bytes(wrong))
    # then both a deployment and lint say so
    expected = [("form-duplicate", "F2")]
    with pytest.raises(InvalidInput) as caught:
        bpm.deploy(file)
    found = caught.value.details["findings"]
    assert [(one["rule"], one["element"]) for one in found if one["severity"] == "error"] == expected
    assert [(one.rule, one.element) for one in read_files(dict([file])) if one.severity == "error"] == expected
