"""The total of line items as a variable: submitted, forged, bounded, and what a gateway makes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services import process_instances, tasks
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.rest import Rest, add_person, application

if TYPE_CHECKING:
    from tests.support.product import Product

FORM: dict[str, Any] = {
    "type": "default",
    "id": "claim",
    "schemaVersion": 19,
    "components": [
        {
            "type": "dynamiclist",
            "path": "lines",
            "id": "L1",
            "properties": {"component": "lineItems", "minRows": "1", "maxRows": "3"},
            "components": [
                {
                    "type": "number",
                    "key": "amount",
                    "id": "F1",
                    "decimalDigits": 2,
                    "properties": {"total": "sum", "totalKey": "sum"},
                    "validate": {"required": True},
                }
            ],
        }
    ],
}
USES = '<zeebe:formDefinition formId="claim"/>'


def process() -> bytes:
    """Who claims corrects it once; then what is large goes elsewhere."""
    p = Process("p")
    p.start("s", f"<bpmn:extensionElements>{USES}</bpmn:extensionElements>")
    outcomes = '<zeebe:properties><zeebe:property name="outcomes" value="approved,rejected"/></zeebe:properties>'
    p.user("correct", extra=USES + outcomes)
    p.add("exclusiveGateway", "which", default="usual")
    p.user("large")
    p.user("small")
    p.end("e")
    p.path("s", "correct", "which")
    p.flow("which", "large", condition="=sum > 1000")
    p.flow("which", "small", id="usual")
    p.path("large", "e")
    p.flow("small", "e")
    return p.xml()


@pytest.fixture
def claims(bpm: Product) -> Product:
    bpm.deploy(process(), ("claim.form", json.dumps_bytes(FORM)))
    return bpm


def start(claims: Product, **values: Any) -> int:
    begun = process_instances.start_process(claims.server, ADMIN, process_id="p", variables=values, from_form=True)
    return begun.key


def lines(*amounts: str) -> list[dict[str, Any]]:
    return [{"amount": Decimal(amount)} for amount in amounts]


def kinds(refused: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[list[Any], str]]:
    return [(one["path"], one["kind"]) for one in refused.value.details["errors"]]


@pytest.mark.parametrize(
    ("amounts", "total", "task"),
    [(("0.1", "0.2"), "0.3", "small"), (("999.99", "0.01"), "1000", "small"), (("999.99", "0.02"), "1000.01", "large")],
)
def test_a_gateway_decides_by_the_total(claims: Product, amounts: tuple[str, ...], total: str, task: str) -> None:
    key = start(claims, lines=lines(*amounts), sum=5_000)
    assert claims.variables(key) == {"lines": lines(*amounts), "sum": Decimal(total)}
    sent = {"lines": lines(*amounts), "sum": -1}
    tasks.complete_task(claims.server, ADMIN, claims.task("correct").key, sent, from_form=True)
    assert claims.variables(key)["sum"] == Decimal(total)
    assert claims.open_tasks() == [task]


def test_a_correction_brings_the_total_along(claims: Product) -> None:
    key = start(claims, lines=lines("10", "20"))
    tasks.complete_task(
        claims.server, ADMIN, claims.task("correct").key, {"lines": lines("1.5")}, from_form=True, whole=True
    )
    assert claims.variables(key) == {"lines": lines("1.5"), "sum": Decimal("1.5")}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [(["lines"], "minRows")]),
        ({"lines": []}, [(["lines"], "minRows")]),
        ({"lines": lines("1", "2", "3", "4")}, [(["lines"], "maxRows")]),
        ({"lines": [{}]}, [(["lines", 0, "amount"], "required")]),
    ],
)
def test_too_few_and_too_many_rows_are_refused(claims: Product, values: dict[str, Any], expected: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        start(claims, **values, sum=1)
    assert kinds(refused) == expected
    assert claims.open_tasks() == []


def test_a_rejection_with_a_wrong_row_changes_neither_rows_nor_total(claims: Product) -> None:
    key = start(claims, lines=lines("10"))
    values = {"lines": [{"amount": "many"}, {"amount": 5}]}
    task = claims.task("correct").key
    tasks.complete_task(claims.server, ADMIN, task, values, from_form=True, outcome="rejected", comment="no")
    assert (claims.variables(key)["lines"], claims.variables(key)["sum"]) == (lines("10"), 10)


def test_over_rest_a_total_is_ignored_whoever_sends_it(claims: Product) -> None:
    rest: Rest = application(claims)[1].as_(add_person(claims, "root", roles=("admin",)))
    key = start(claims, lines=lines("10"))
    task = claims.task("correct").key
    path = f"/v2/user-tasks/{task}/completion"
    refused = rest.post(path, {"variables": {"lines": [{"amount": 1}] * 4}})
    assert refused.status == 400
    english, chinese = (refused["errors"][0]["message"][language] for language in ("en", "zh"))
    assert (english, chinese) == ("At most 3 rows are allowed here.", "此处最多允许 3 行。")
    assert rest.post(path, {"variables": {"sum": 99_999, "more": 1}}).status == 204
    assert (claims.variables(key)["sum"], claims.variables(key)["more"]) == (10, 1)
    assert claims.open_tasks() == ["small"]
