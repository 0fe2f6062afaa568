"""What has ended can be deleted, with every row of it; what runs cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.store.tables import db
from tests.support.bpmn_builder import Process, extensions
from tests.support.contents import contents, row_counts
from tests.support.rest import Rest, add_person
from tests.support.worlds import two_tasks

if TYPE_CHECKING:
    from tests.support.product import Product

DMN = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="D" namespace="http://e.org">
  <decision id="level" name="Level"><literalExpression id="l"><text>amount * 2</text></literalExpression></decision>
</definitions>"""


def calling() -> bytes:
    p = Process("caller")
    called = extensions('<zeebe:calledElement processId="p" propagateAllChildVariables="false"/>')
    rule = extensions('<zeebe:calledDecision decisionId="level" resultVariable="level"/>')
    p.path(p.start(), p.add("businessRuleTask", "rule", rule), p.add("callActivity", "call", called), p.end())
    return p.xml()


def finish(bpm: Product) -> None:
    bpm.deliver()
    bpm.task("a").complete(outcome="fine")
    bpm.complete_job("j")
    bpm.task("b").complete()
    bpm.deliver()


STAYS = {"audit_log", "batch_operation_item", "document", "webhook_delivery"}
"""Who did what stays told, and what batch operations did; documents have their own end; what was sent was sent."""


def test_an_ended_instance_leaves_nothing(bpm: Product, rest: Rest) -> None:
    rest.upload(("p.bpmn", two_tasks()), ("caller.bpmn", calling()), ("level.dmn", DMN))
    other = rest.post("/v2/process-instances", {"processDefinitionId": "p", "variables": {"amount": 1}})
    finish(bpm)
    before = row_counts(bpm)
    key = rest.post("/v2/process-instances", {"processDefinitionId": "caller", "variables": {"amount": 2}})[
        "processInstanceKey"
    ]
    finish(bpm)
    child = rest.search("process-instances", filter={"parentProcessInstanceKey": key})[0]["processInstanceKey"]
    assert rest.post(f"/v2/process-instances/{child}/deletion").status == 409
    assert rest.post(f"/v2/process-instances/{key}/deletion", {}).status == 204
    after = row_counts(bpm)
    assert after.pop("audit_log") > before.pop("audit_log")
    assert after == before
    kept = "\n".join(line for table, lines in contents(bpm).items() if table not in STAYS for line in lines)
    assert key not in kept and child not in kept
    assert rest.get(f"/v2/process-instances/{key}").status == 404
    assert rest.post(f"/v2/process-instances/{key}/deletion").status == 404
    assert rest.get(f"/v2/process-instances/{other['processInstanceKey']}").status == 200


def test_every_table_that_names_an_instance_is_thought_of() -> None:
    from bpm_server.store.deletion import BY_INSTANCE

    named = {name for name, table in db.metadata.tables.items() if "instance_key" in table.c}
    assert named == {table.name for table in BY_INSTANCE} | STAYS


def test_what_runs_is_not_deleted(bpm: Product, rest: Rest, nobody: Rest) -> None:
    rest.upload(("p.bpmn", two_tasks()))
    key = rest.post("/v2/process-instances", {"processDefinitionId": "p"})["processInstanceKey"]
    before = contents(bpm)
    answer = rest.post(f"/v2/process-instances/{key}/deletion")
    assert (answer.status, answer["code"]) == (409, "wrong_state")
    assert "cancel it first" in answer["detail"]
    assert contents(bpm) == before
    rest.post(f"/v2/process-instances/{key}/cancellation")
    ann = nobody.as_(add_person(bpm, "ann", roles=("staff",)))
    assert ann.post(f"/v2/process-instances/{key}/deletion").status == 403
    assert rest.post(f"/v2/process-instances/{key}/deletion").status == 204


def test_a_decision_that_was_taken_is_deleted(rest: Rest) -> None:
    rest.upload(("level.dmn", DMN))
    body = {"decisionDefinitionId": "level", "variables": {"amount": 2}}
    key = rest.post("/v2/decision-definitions/evaluation", body)["decisionEvaluationKey"]
    assert len(rest.search("decision-instances")) == 1
    assert rest.post(f"/v2/decision-instances/{key}/deletion").status == 204
    assert rest.search("decision-instances") == []
    assert rest.post(f"/v2/decision-instances/{key}/deletion").status == 404
