"""Which form a form key means: fields of Camunda 7, a file of the deployment, another program's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.form_data import start_form
from bpm_server.reports.task_details import TaskDetail, task_detail
from bpm_server.services import process_instances, tasks
from bpm_server.web.pages.wording import web_address
from tests.support.product import ADMIN
from tests.unit.bpmn.test_formdata import HEADER, diagram

if TYPE_CHECKING:
    from tests.support.product import Product

FIELDS = (
    '<camunda:formField id="amount" label="Amount" type="long"><camunda:validation>'
    '<camunda:constraint name="max" config="100"/></camunda:validation></camunda:formField>'
)
STEP: dict[str, Any] = {
    "type": "default",
    "id": "step",
    "components": [{"type": "textfield", "key": "name", "id": "F", "validate": {"required": True}}],
}


def keyed(task_key: str, start_key: str = "") -> bytes:
    header = HEADER.replace('id="s"', f'id="s" camunda:formKey="{start_key}"') if start_key else HEADER
    return f'{header}<bpmn:userTask id="ask" camunda:formKey="{task_key}"/></bpmn:process></bpmn:definitions>'.encode()


def shown(bpm: Product) -> TaskDetail:
    return task_detail(bpm.server, ADMIN, bpm.task("ask").key)


def test_form_fields_of_camunda_7_are_a_form(bpm: Product) -> None:
    # given
    bpm.deploy(diagram(FIELDS))
    key = bpm.start(amount=7)
    form = shown(bpm).form
    assert form is not None
    assert (form["components"][0]["label"], shown(bpm).data) == ("Amount", {"amount": 7})

    # when a person fills it in
    task = bpm.task("ask").key
    with pytest.raises(InvalidInput) as caught:
        tasks.complete_task(bpm.server, ADMIN, task, {"amount": 101}, from_form=True, whole=True)
    assert caught.value.details["errors"][0]["path"] == ["amount"]
    tasks.complete_task(bpm.server, ADMIN, task, {"amount": 99, "more": 1}, from_form=True, whole=True)
    assert bpm.variables(key) == {"amount": 99}


def test_programs_complete_tasks_with_form_fields_as_in_camunda_7(bpm: Product) -> None:
    bpm.deploy(diagram(FIELDS))
    key = bpm.start()
    tasks.complete_task(bpm.server, ADMIN, bpm.task("ask").key, {"approved": True}, from_form=True)
    assert bpm.variables(key) == {"approved": True}


def test_a_form_key_can_name_a_file_of_the_deployment(bpm: Product) -> None:
    # given
    file = "camunda-forms:deployment:step.form"
    bpm.deploy(("p.bpmn", keyed(file, file)), ("step.form", json.dumps_bytes(STEP)))
    newer = {**STEP, "components": []}
    bpm.deploy(("step.form", json.dumps_bytes(newer)))

    # then both the start and the task have it, in the version of their deployment
    definition = process_instances.start_process(bpm.server, ADMIN, process_id="p").process_definition_key
    assert start_form(bpm.server, definition)[0] == STEP
    assert shown(bpm).form == STEP
    with pytest.raises(InvalidInput):
        tasks.complete_task(bpm.server, ADMIN, bpm.task("ask").key, {}, from_form=True)
    with pytest.raises(InvalidInput):
        process_instances.start_process(bpm.server, ADMIN, process_id="p", variables={}, from_form=True)


@pytest.mark.parametrize(
    "key", ["embedded:app:forms/start.html", "camunda-forms:deployment:missing.form", "https://forms.example.org/1"]
)
def test_another_programs_form_is_named_and_the_data_are_shown(bpm: Product, key: str) -> None:
    bpm.deploy(keyed(key))
    instance = bpm.start(amount=7)
    detail = shown(bpm)
    assert (detail.form, detail.external_form, detail.data) == (None, key, {"amount": 7})
    tasks.complete_task(bpm.server, ADMIN, detail.key, {"any": 1}, from_form=True)
    assert bpm.variables(instance) == {"amount": 7, "any": 1}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://forms.example.org/1", "https://forms.example.org/1"),
        ("/forms/1", "/forms/1"),
        ("//evil.example.org", ""),
        ("javascript:alert(1)", ""),
        (" JavaScript:alert(1)", ""),
        ("embedded:app:forms/start.html", ""),
        (None, ""),
    ],
)
def test_only_web_addresses_become_links(text: str | None, address: str) -> None:
    assert web_address(text) == address
