"""What is deployed together is versioned together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store.tables.tasks import user_task
from tests.support.bpmn_builder import Process, extensions

if TYPE_CHECKING:
    from bpm_server.services.deployments import Deployment
    from tests.support.product import Product

FORM = ("f.form", b'{"type": "default", "id": "f", "components": []}')


def process(name: str) -> tuple[str, bytes]:
    p = Process(name=name)
    form = extensions("<zeebe:userTask/>", '<zeebe:formDefinition formId="f" bindingType="deployment"/>')
    p.path(p.start(), p.add("userTask", "t", form), p.end())
    return ("p.bpmn", p.xml())


def versions(deployment: Deployment) -> dict[str, tuple[int, bool]]:
    return {one.kind: (one.version, one.is_new) for one in deployment.definitions}


def test_nothing_changed_keeps_all_versions(bpm: Product) -> None:
    first = bpm.deploy(process("one"), FORM)
    again = bpm.deploy(process("one"), FORM)
    assert versions(first) == {"process": (1, True), "form": (1, True)}
    assert versions(again) == {"process": (1, False), "form": (1, False)}


def test_one_change_makes_new_versions_of_all_so_that_bindings_to_the_deployment_hold(bpm: Product) -> None:
    bpm.deploy(process("one"), FORM)
    changed = bpm.deploy(process("two"), FORM)
    assert versions(changed) == {"process": (2, True), "form": (2, True)}
    bpm.start()
    (form_key,) = bpm.scalars(sa.select(user_task.c.form_key))
    assert form_key == next(one.key for one in changed.definitions if one.kind == "form")
