"""Our element templates are what Camunda Modeler takes, and set what the server understands."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from bpm_server.domain.approvals.checking import KNOWN
from bpm_server.domain.approvals.policy import read_policy
from tests.support.services import ROOT

FOLDER = ROOT / "processes" / "element-templates"
SCHEMAS = {
    "approval.json": "zeebe-element-templates-json-schema",
    "approval-camunda7.json": "element-templates-json-schema",
}


def template(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_template_satisfies_camunda_s_schema(name: str) -> None:
    path = ROOT / "node_modules" / "@camunda" / SCHEMAS[name] / "resources" / "schema.json"
    assert path.exists(), "the schema comes with Camunda's packages: make install"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(template(name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_template_sets_every_property_of_an_approval_and_no_other(name: str) -> None:
    bound = {one["binding"].get("name") for one in template(name)["properties"]} - {None, "field.*"}
    assert bound == KNOWN


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_choice_of_a_template_is_understood(name: str) -> None:
    properties = [one for one in template(name)["properties"] if one["binding"].get("name", "").startswith("approval.")]
    chosen = {one["binding"]["name"]: one["value"] for one in properties if "value" in one}
    read_policy(chosen)
    for one in properties:
        for choice in one.get("choices", ()):
            read_policy({**chosen, one["binding"]["name"]: choice["value"]})
