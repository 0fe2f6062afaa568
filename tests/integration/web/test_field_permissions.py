"""Fields that a task hides, masks or only shows: over REST, in commands, and in lists of variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.forms.permissions import MASK
from bpm_server.kernel import json
from bpm_server.kernel.findings import RefusedFile
from bpm_server.reports.task_details import task_detail
from bpm_server.services import deployments
from bpm_server.services.identities import actor_by_name
from bpm_server.services.tasks import complete_task
from tests.support.bpmn_builder import Camunda7Process, Process
from tests.support.rest import add_person

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from tests.support.product import Product
    from tests.support.rest import Rest

FORM: dict[str, Any] = {
    "id": "f",
    "components": [
        {"type": "textfield", "id": "name", "key": "name", "validate": {"required": True}},
        {"type": "number", "id": "salary", "key": "salary", "validate": {"required": True}},
        {"type": "textfield", "id": "phone", "key": "phone"},
        {"type": "number", "id": "limit", "key": "limit"},
    ],
}
WORDS = {"field.salary": "hide", "field.phone": "mask", "field.limit": "read"}
VALUES = {"name": "Ann", "salary": 12345, "phone": "13800138000", "limit": 5}
INSTANCE = sa.text("select key from process_instance")


def drawn(words: dict[str, str], form: str = "f") -> bytes:
    process = Process()
    process.start()
    properties = "".join(f'<zeebe:property name="{name}" value="{word}"/>' for name, word in words.items())
    process.user(
        "t",
        extra=f'<zeebe:assignmentDefinition assignee="ann"/><zeebe:formDefinition formId="{form}"/>'
        f"<zeebe:properties>{properties}</zeebe:properties>",
    )
    process.end()
    process.path("s", "t", "e")
    return process.xml()


@pytest.fixture
def task(bpm: Product, rest: Rest) -> int:
    """A task of ann's, who started nothing."""
    assert rest
    bpm.deploy(drawn(WORDS), ("f.form", json.dumps_bytes(FORM)))
    bpm.start(**VALUES)
    return bpm.task("t").key


@pytest.fixture
def ann(bpm: Product, nobody: Rest) -> Rest:
    return nobody.as_(add_person(bpm, "ann", roles=("staff",)))


def person(bpm: Product) -> Actor:
    return actor_by_name(bpm.server, "ann")


def test_a_page_never_gets_what_is_hidden_or_masked(bpm: Product, task: int, ann: Rest) -> None:
    assert ann
    found = task_detail(bpm.server, person(bpm), task)
    assert found.data == {"name": "Ann", "phone": f"{MASK}8000", "limit": 5}
    assert found.form is not None
    assert [(one["key"], one["type"], one.get("readonly")) for one in found.form["components"]] == [
        ("name", "textfield", None),
        ("phone", "textfield", True),
        ("limit", "number", True),
    ]
    assert "12345" not in json.dumps([found.form, dict(found.data), dict(found.summary)])


def test_programs_of_that_person_do_not_either(bpm: Product, task: int, ann: Rest, rest: Rest) -> None:
    for path in (
        "variables/search",
        f"user-tasks/{task}/variables/search",
        f"user-tasks/{task}/effective-variables/search",
    ):
        names = sorted(one["name"] for one in ann.post(f"/v2/{path}", {})["items"])
        assert names == ["limit", "name"], path
        assert ann.post(f"/v2/{path}", {"filter": {"name": "salary", "value": "12345"}})["items"] == []
        assert len(rest.post(f"/v2/{path}", {})["items"]) == 4
    key = rest.post("/v2/variables/search", {"filter": {"name": "salary"}})["items"][0]["variableKey"]
    assert rest.get(f"/v2/variables/{key}")["value"] == "12345"
    assert ann.get(f"/v2/variables/{key}").status == 403
    assert "12345" not in str(ann.get(f"/engine-rest/task/{task}/variables").body)
    assert "12345" not in str(ann.get(f"/engine-rest/task/{task}/form-variables").body)


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_sent_for_them_changes_nothing(bpm: Product, task: int, ann: Rest, whole: bool) -> None:
    assert ann
    sent = {"name": "Bob", "salary": 1, "phone": f"{MASK}8000", "limit": 99, "other": 1}
    complete_task(bpm.server, person(bpm), task, sent, from_form=True, whole=whole)
    assert bpm.variables(bpm.scalars(INSTANCE)[0]) == {**VALUES, "name": "Bob"}


def test_over_rest_too(bpm: Product, task: int, ann: Rest) -> None:
    sent = {"variables": {"salary": 1, "phone": "1", "limit": 99, "other": 1}}
    assert ann.post(f"/v2/user-tasks/{task}/completion", sent).status == 204
    assert bpm.variables(bpm.scalars(INSTANCE)[0]) == VALUES


def test_nobody_must_fill_what_is_kept_from_them(bpm: Product, rest: Rest, ann: Rest) -> None:
    assert rest
    bpm.deploy(drawn(WORDS), ("f.form", json.dumps_bytes(FORM)))
    instance = bpm.start()
    task = bpm.task("t").key
    assert ann.post(f"/v2/user-tasks/{task}/completion", {"variables": {"name": "x", "salary": 3}}).status == 204
    assert bpm.variables(instance) == {"name": "x"}


def test_without_a_form_the_same_holds_for_variables(bpm: Product, rest: Rest, ann: Rest) -> None:
    assert rest
    process = Camunda7Process()
    process.start()
    words = {"field.salary": "read", "field.phone": "hide"}
    properties = "".join(f'<camunda:property name="{name}" value="{word}"/>' for name, word in words.items())
    body = f"<bpmn:extensionElements><camunda:properties>{properties}</camunda:properties></bpmn:extensionElements>"
    process.add("userTask", "t", body, **{"camunda:assignee": "ann"})
    process.end()
    process.path("s", "t", "e")
    bpm.deploy(process.xml())
    instance = bpm.start(**VALUES)
    task = bpm.task("t").key
    assert task_detail(bpm.server, person(bpm), task).data == {"name": "Ann", "salary": 12345, "limit": 5}
    sent = {"variables": {"salary": 1, "phone": "1", "new": 2}}
    assert ann.post(f"/v2/user-tasks/{task}/completion", sent).status == 204
    assert bpm.variables(instance) == {**VALUES, "new": 2}


def test_who_has_signed_sees_no_more_than_at_their_turn(bpm: Product, ann: Rest) -> None:
    add_person(bpm, "bob", roles=("staff",))
    signed = {"approval.mode": "all", "approval.signers": "ann, bob"}
    bpm.deploy(drawn({**WORDS, **signed}), ("f.form", json.dumps_bytes(FORM)))
    instance = bpm.start(**VALUES)
    key = bpm.task("t").key
    for turn in (True, False):
        found = ann.post("/v2/variables/search", {"filter": {"processInstanceKey": str(instance)}})["items"]
        assert sorted(one["name"] for one in found) == ["limit", "name"]
        assert ann.post(f"/api/tasks/{key}/decide", {"outcome": "approved"}).status == (200 if turn else 409)


def test_findings_of_a_deployment(bpm: Product) -> None:
    form = ("f.form", json.dumps_bytes(FORM))
    with pytest.raises(RefusedFile, match=r"Expected 'field\.salary' to be one of hide, mask, read, write"):
        bpm.deploy(drawn({"field.salary": "none"}), form)
    found = deployments.read_files({"p.bpmn": drawn({"field.wage": "hide", "field.*": "read"}), form[0]: form[1]})
    assert [(one.rule, one.element, one.severity) for one in found if one.rule.startswith("field-")] == [
        ("field-permission-field", "t", "warning")
    ]
    assert not [one for one in bpm.deploy(drawn(WORDS), form).findings if one.rule.startswith("field-")]
