"""The OpenAPI document: valid, complete, and what it promises is kept."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from bpm_server.web.api.blueprint import ApiBlueprint
from tests.support.rest import Rest, application

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.product import Product

DOCUMENT = "/v2/openapi.json"


@pytest.fixture
def rest(bpm_sqlite: Product) -> Rest:
    """Nobody: the document is public."""
    return application(bpm_sqlite)[1]


@pytest.fixture
def document(rest: Rest) -> dict[str, Any]:
    answer = rest.get(DOCUMENT)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    body: dict[str, Any] = answer.body
    return body


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV30SpecValidator(document).iter_errors()] == []


def test_every_route_is_named(rest: Rest, document: dict[str, Any]) -> None:
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in rest.app.url_map.iter_rules()
        if rule.rule.startswith(("/v2/", "/api/")) and rule.rule != DOCUMENT
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    assert routes == set(operations(document))
    assert routes == {(method, path) for method, path, _ in ApiBlueprint.operations}


def test_every_operation_has_an_id_a_tag_a_sentence_and_its_problem(document: dict[str, Any]) -> None:
    found = operations(document)
    ids = [one["operationId"] for one in found.values()]
    assert len(ids) == len(set(ids))
    for where, one in found.items():
        assert one["tags"], where
        assert one["summary"], where
        assert one["responses"]["default"] == {"$ref": "#/components/responses/ProblemDetail"}, where


def test_members_have_types(document: dict[str, Any]) -> None:
    """Only what may be any JSON value has none."""
    untyped = {
        f"{shape}.{name}"
        for shape, schema in document["components"]["schemas"].items()
        for name, member in schema.get("properties", {}).items()
        if not {"type", "$ref", "allOf", "oneOf"} & set(member) and member != {"nullable": True}
    }
    assert untyped == set(), untyped


@pytest.mark.shared
def test_operations_of_the_first_tier_are_routed(shared: Path) -> None:
    known = {(method, re.sub(r"{\w+}", "{}", path)): name for method, path, name in ApiBlueprint.operations}
    with (shared / "docs" / "operations.tsv").open(encoding="utf-8", newline="") as file:
        wanted = [row for row in csv.DictReader(file, delimiter="\t") if row["tier"] == "1"]
    assert len(wanted) > 50
    for row in wanted:
        route = (row["method"], "/v2" + re.sub(r"{\w+}", "{}", row["path"]))
        assert known.get(route) == row["operationId"], route
