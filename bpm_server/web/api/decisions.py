"""``/v2/decision-definitions``, ``decision-requirements`` and ``decision-instances``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.reports import decision_instances as taken
from bpm_server.reports import decisions as report
from bpm_server.reports.query import Page, Query
from bpm_server.services import decisions, deletion
from bpm_server.web.api.blueprint import ApiBlueprint, Call, xml
from bpm_server.web.api.fields import Body, Data, Key, Many, Moment, Number, Reply, Text, Word
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import Tenant, TheTenant

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.reports.decision_instances import TakenDecision

api = ApiBlueprint("decisions", tag="Decision")
TYPES = ("DECISION_TABLE", "LITERAL_EXPRESSION", "UNKNOWN", "UNSPECIFIED")
STATES = ("EVALUATED", "FAILED", "UNKNOWN", "UNSPECIFIED")


class DecisionDefinitionResult(Reply):
    """A decision definition."""

    decision_definition_key = Key(of="key")
    decision_definition_id = Text(of="decision_id")
    name = Text()
    version = Number()
    decision_requirements_key = Key(of="requirements_key")
    decision_requirements_id = Text(of="requirements_id")
    decision_requirements_name = Text(of="requirements_name")
    decision_requirements_version = Number(of="requirements_version")
    tenant_id = TheTenant()


class DecisionRequirementsResult(Reply):
    """A version of a DMN file."""

    decision_requirements_key = Key(of="key")
    decision_requirements_id = Text(of="requirements_id")
    decision_requirements_name = Text(of="name")
    version = Number()
    resource_name = Text()
    tenant_id = TheTenant()


class EvaluatedInput(Reply):
    """A value that was tested; ``inputValue`` is JSON text."""

    input_id = Text()
    input_name = Text()
    input_value = Text()


class EvaluatedOutput(Reply):
    """What a rule gave; ``outputValue`` is JSON text."""

    output_id = Text()
    output_name = Text()
    output_value = Text()
    rule_id = Text(null=True)
    rule_index = Number(null=True)


class MatchedRule(Reply):
    """A rule that matched; they count from 1."""

    rule_id = Text()
    rule_index = Number()
    evaluated_outputs = Many(EvaluatedOutput)


class DecisionInstanceResult(Reply):
    """A decision that was taken; ``result`` is JSON text."""

    decision_evaluation_instance_key = Text(of="id")
    decision_evaluation_key = Key(of="evaluation_key")
    decision_definition_key = Key(of="decision_key")
    decision_definition_id = Text(of="decision_id")
    decision_definition_name = Text(of="decision_name")
    decision_definition_version = Number(of="decision_version")
    decision_definition_type = Word(TYPES, of="type")
    root_decision_definition_key = Key(of="root_decision_key")
    state = Word(STATES)
    result = Text()
    evaluation_failure = Text(of="failure", null=True)
    evaluation_date = Moment(of="evaluated_at")
    element_instance_key = Key(of="element_key", null=True)
    process_instance_key = Key(of="instance_key", null=True)
    root_process_instance_key = Key(of="root_key", null=True)
    process_definition_key = Key(null=True)
    business_id = Text(of="business_key", null=True)
    tenant_id = TheTenant()


class DecisionInstanceGetResult(DecisionInstanceResult):
    """A decision that was taken, with its explanation."""

    evaluated_inputs = Many(EvaluatedInput)
    matched_rules = Many(MatchedRule)


class DecisionEvaluation(Body):
    """Which decision, and what it reads."""

    decision_definition_id = Text()
    decision_definition_key = Key()
    variables = Data(null=True, load_default=None)
    tenant_id = Tenant()


class EvaluatedDecision(Reply):
    """One decision that was needed."""

    decision_definition_key = Key(of="decision_key")
    decision_definition_id = Text(of="decision_id")
    decision_definition_name = Text(of="decision_name")
    decision_definition_version = Number(of="decision_version")
    decision_definition_type = Text(of="type")
    decision_evaluation_instance_key = Text(of="id")
    output = Text()
    evaluated_inputs = Many(EvaluatedInput)
    matched_rules = Many(MatchedRule)
    tenant_id = TheTenant()


class EvaluateDecisionResult(Reply):
    """The result of an evaluation; ``output`` is JSON text."""

    decision_evaluation_key = Key(of="evaluation_key")
    decision_instance_key = Key(of="evaluation_key")
    decision_definition_key = Key(of="key")
    decision_definition_id = Text(of="decision_id")
    decision_definition_name = Text(of="name")
    decision_definition_version = Number(of="version")
    decision_requirements_key = Key(of="requirements_key")
    decision_requirements_id = Text(of="requirements_id")
    output = Text()
    failed_decision_definition_id = Text(of="failed_id", null=True)
    failure_message = Text(of="failure", null=True)
    evaluated_decisions = Many(EvaluatedDecision)
    tenant_id = TheTenant()


DEFINITIONS = SearchTable(
    report.SEARCH,
    DecisionDefinitionResult,
    {
        "decisionDefinitionKey": "key",
        "decisionDefinitionId": "decision_id",
        "name": "name",
        "version": "version",
        "isLatestVersion": "is_latest",
        "decisionRequirementsKey": "requirements_key",
        "decisionRequirementsId": "requirements_id",
        "decisionRequirementsName": "requirements_name",
        "decisionRequirementsVersion": "requirements_version",
    },
    sorts=(
        "decisionDefinitionId",
        "decisionDefinitionKey",
        "decisionRequirementsId",
        "decisionRequirementsKey",
        "decisionRequirementsName",
        "decisionRequirementsVersion",
        "name",
        "version",
    ),
)
REQUIREMENTS = SearchTable(
    report.REQUIREMENTS,
    DecisionRequirementsResult,
    {
        "decisionRequirementsKey": "key",
        "decisionRequirementsId": "requirements_id",
        "decisionRequirementsName": "name",
        "version": "version",
        "resourceName": "resource_name",
    },
    sorts=("decisionRequirementsId", "decisionRequirementsKey", "decisionRequirementsName", "version"),
)
INSTANCES = SearchTable(
    taken.SEARCH,
    DecisionInstanceResult,
    {
        "decisionEvaluationInstanceKey": "id",
        "decisionEvaluationKey": "evaluation_key",
        "decisionDefinitionId": "decision_id",
        "decisionDefinitionKey": "decision_key",
        "decisionDefinitionName": "decision_name",
        "decisionDefinitionVersion": "decision_version",
        "decisionDefinitionType": Filter("type", TYPES),
        "rootDecisionDefinitionKey": "root_decision_key",
        "decisionRequirementsKey": "requirements_key",
        "state": Filter("state", STATES),
        "evaluationFailure": "failure",
        "evaluationDate": "evaluated_at",
        "processInstanceKey": "instance_key",
        "processDefinitionKey": "process_definition_key",
        "elementInstanceKey": "element_key",
        "businessId": "business_key",
    },
    sorts=(
        "businessId",
        "decisionDefinitionId",
        "decisionDefinitionKey",
        "decisionDefinitionName",
        "decisionDefinitionType",
        "decisionDefinitionVersion",
        "decisionEvaluationInstanceKey",
        "decisionEvaluationKey",
        "elementInstanceKey",
        "evaluationDate",
        "evaluationFailure",
        "processDefinitionKey",
        "processInstanceKey",
        "rootDecisionDefinitionKey",
        "state",
    ),
)


def _find_definitions(call: Call, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        return report.SEARCH.page(connection, call.actor, query, report.PRESENT)


def _find_requirements(call: Call, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        return report.REQUIREMENTS.page(connection, call.actor, query, report.REQUIREMENTS_PRESENT)


def _find_instances(call: Call, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        found = taken.page(connection, call.actor, query)
    return Page([instance_json(one) for one in found.items], found.total, found.more_than_total, found.start, found.end)


api.search("/decision-definitions/search", "searchDecisionDefinitions", DEFINITIONS, _find_definitions)
api.search("/decision-requirements/search", "searchDecisionRequirements", REQUIREMENTS, _find_requirements)
api.search("/decision-instances/search", "searchDecisionInstances", INSTANCES, _find_instances)


@api.operation(
    "GET", "/decision-definitions/{decisionDefinitionKey}", "getDecisionDefinition", gives=DecisionDefinitionResult
)
def get_decision_definition(call: Call, key: int) -> report.DecisionLine:
    """Read a decision definition."""
    with call.server.database.read() as connection:
        return report.SEARCH.get(connection, call.actor, key)


@api.operation("GET", "/decision-definitions/{decisionDefinitionKey}/xml", "getDecisionDefinitionXML")
def get_decision_definition_xml(call: Call, key: int) -> Response:
    """Read the DMN file of a decision definition."""
    with call.server.database.read() as connection:
        return xml(report.table(connection, call.actor, key))


@api.operation(
    "GET",
    "/decision-requirements/{decisionRequirementsKey}",
    "getDecisionRequirements",
    gives=DecisionRequirementsResult,
)
def get_decision_requirements(call: Call, key: int) -> report.RequirementsLine:
    """Read what is known of a DMN file."""
    with call.server.database.read() as connection:
        return report.REQUIREMENTS.get(connection, call.actor, key)


@api.operation("GET", "/decision-requirements/{decisionRequirementsKey}/xml", "getDecisionRequirementsXML")
def get_decision_requirements_xml(call: Call, key: int) -> Response:
    """Read a DMN file."""
    with call.server.database.read() as connection:
        return xml(report.requirements_diagram(connection, call.actor, key))


@api.operation(
    "GET",
    "/decision-instances/{decisionEvaluationInstanceId}",
    "getDecisionInstance",
    gives=DecisionInstanceGetResult,
)
def get_decision_instance(call: Call, identifier: str) -> dict[str, Any]:
    """Read a decision that was taken: inputs, matched rules, outputs."""
    with call.server.database.read() as connection:
        return instance_json(taken.get(connection, call.actor, identifier))


@api.operation(
    "POST", "/decision-instances/{decisionEvaluationKey}/deletion", "deleteDecisionInstance", takes=Body, status=204
)
def delete_decision_instance(call: Call, key: int) -> None:
    """Delete an evaluation with all decisions that it took."""
    deletion.delete_decision(call.server, call.actor, key)


@api.operation(
    "POST",
    "/decision-definitions/evaluation",
    "evaluateDecision",
    takes=DecisionEvaluation,
    gives=EvaluateDecisionResult,
    body_required=True,
)
def evaluate_decision(call: Call) -> dict[str, Any]:
    """Take a decision, outside any process."""
    found = decisions.evaluate(
        call.server,
        call.actor,
        decision_id=call.body.get("decision_definition_id"),
        definition_key=call.body.get("decision_definition_key"),
        variables=call.body["variables"],
    )
    row = found.row
    with call.server.database.read() as connection:
        entries = taken.of_evaluation(connection, found.key)
    return {
        "evaluation_key": found.key,
        "key": row.key,
        "decision_id": row.decision_id,
        "name": row.name or row.decision_id,
        "version": row.version,
        "requirements_key": row.requirements_key,
        "requirements_id": row.requirements_id,
        "output": json.dumps(found.output),
        "failed_id": None if found.failure is None else row.decision_id,
        "failure": found.failure,
        "evaluated_decisions": [instance_json(one) for one in entries],
    }


def instance_json(one: TakenDecision) -> dict[str, Any]:
    """A decision as the contract shows it, values as JSON text."""
    entry = one.entry
    shown = {name: getattr(one, name) for name in (*one.__slots__, "id")}
    result = json.dumps(entry.get("output"))
    return {
        **shown,
        "result": result,
        "output": result,
        "evaluated_inputs": [
            {"input_id": i["id"] or "", "input_name": i["name"] or "", "input_value": json.dumps(i["value"])}
            for i in entry.get("inputs", ())
        ],
        "matched_rules": [
            {
                "rule_id": rule["id"] or "",
                "rule_index": rule["index"],
                "evaluated_outputs": [_output(o, rule) for o in rule["outputs"]],
            }
            for rule in entry.get("rules", ())
        ],
    }


def _output(output: dict[str, Any], rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "output_id": output["id"] or "",
        "output_name": output["name"] or "",
        "output_value": json.dumps(output["value"]),
        "rule_id": rule["id"],
        "rule_index": rule["index"],
    }
