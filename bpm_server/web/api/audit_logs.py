"""``/v2/audit-logs``: what people and programs have done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.audit import ActorType, Category, Entity, Operation
from bpm_server.reports import audit as report
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Fixed, Key, Moment, Reply, Text, Word
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import TheTenant

if TYPE_CHECKING:
    from bpm_server.reports.query import Page, Query

api = ApiBlueprint("audit-logs", tag="Audit Log")
ENTITIES = (*Entity, "CLIENT", "MAPPING_RULE", "TENANT")
OPERATIONS = (*Operation, "UNKNOWN")
ACTORS = (*ActorType, "UNKNOWN")
RESULTS = ("SUCCESS", "FAIL")
BATCHES = (
    "ADD_VARIABLE",
    "CANCEL_PROCESS_INSTANCE",
    "DELETE_DECISION_DEFINITION",
    "DELETE_DECISION_INSTANCE",
    "DELETE_PROCESS_DEFINITION",
    "DELETE_PROCESS_INSTANCE",
    "MIGRATE_PROCESS_INSTANCE",
    "MODIFY_PROCESS_INSTANCE",
    "RESOLVE_INCIDENT",
    "RESUME_PROCESS_INSTANCE",
    "SUSPEND_PROCESS_INSTANCE",
    "UPDATE_JOB",
    "UPDATE_VARIABLE",
)


class AuditLogResult(Reply):
    """An act: who did what to which thing, and when."""

    audit_log_key = Key(of="key")
    entity_key = Text()
    entity_type = Word(ENTITIES)
    operation_type = Word(OPERATIONS, of="operation")
    batch_operation_key = Key(of="batch_key", null=True)
    batch_operation_type = Word(BATCHES, of="batch_type", null=True)
    timestamp = Moment(of="at")
    actor_id = Text(of="actor", null=True)
    actor_type = Word(ACTORS, null=True)
    agent_element_id = Fixed(None)
    tenant_id = TheTenant()
    result = Word(RESULTS)
    category = Word(Category)
    process_definition_id = Text(of="process_id", null=True)
    process_definition_key = Key(null=True)
    process_instance_key = Key(of="instance_key", null=True)
    root_process_instance_key = Key(of="root_key", null=True)
    element_instance_key = Key(of="element_key", null=True)
    job_key = Key(null=True)
    user_task_key = Key(of="task_key", null=True)
    decision_requirements_id = Text(of="requirements_id", null=True)
    decision_requirements_key = Key(of="requirements_key", null=True)
    decision_definition_id = Text(of="decision_id", null=True)
    decision_definition_key = Key(of="decision_key", null=True)
    decision_evaluation_key = Key(of="evaluation_key", null=True)
    deployment_key = Key(null=True)
    form_key = Key(null=True)
    resource_key = Key(null=True)
    related_entity_key = Text(of="related_key", null=True)
    related_entity_type = Word(ENTITIES, of="related_type", null=True)
    entity_description = Text(of="description", null=True)
    inbound_channel_type = Fixed(None)
    inbound_channel_tool_name = Fixed(None)


_ABOUT: dict[str, str | Filter] = {
    "operationType": Filter("operation", OPERATIONS),
    "result": Filter("result", RESULTS),
    "timestamp": "at",
    "actorType": Filter("actor_type", ACTORS),
    "actorId": "actor",
}
_FILTERS: dict[str, str | Filter] = {
    **_ABOUT,
    "auditLogKey": "key",
    "batchOperationKey": "batch_key",
    "batchOperationType": Filter("batch_type", BATCHES),
    "category": Filter("category", tuple(Category)),
    "decisionDefinitionId": "decision_id",
    "decisionDefinitionKey": "decision_key",
    "decisionEvaluationKey": "evaluation_key",
    "decisionRequirementsId": "requirements_id",
    "decisionRequirementsKey": "requirements_key",
    "deploymentKey": "deployment_key",
    "elementInstanceKey": "element_key",
    "entityDescription": "description",
    "entityKey": "entity_key",
    "entityType": Filter("entity_type", ENTITIES),
    "formKey": "form_key",
    "jobKey": "job_key",
    "processDefinitionId": "process_id",
    "processDefinitionKey": "process_definition_key",
    "processInstanceKey": "instance_key",
    "relatedEntityKey": "related_key",
    "relatedEntityType": Filter("related_type", ENTITIES),
    "resourceKey": "resource_key",
    "userTaskKey": "task_key",
}
_REFUSED = {
    "agentElementId": "agents do nothing here",
    "inboundChannelType": "everything comes over REST or the pages",
    "inboundChannelToolName": "everything comes over REST or the pages",
}
_NO_SORT = frozenset({"entityDescription", "formKey", "deploymentKey", "resourceKey"})
_SORTS = tuple(sorted(name for name in _FILTERS if name not in _NO_SORT and not name.startswith("related")))
SEARCH = SearchTable(report.SEARCH, AuditLogResult, _FILTERS, sorts=_SORTS, refused=_REFUSED)
_BY = {name: found.field if isinstance(found, Filter) else found for name, found in _FILTERS.items()}
TASK_SEARCH = SearchTable(report.SEARCH, AuditLogResult, _ABOUT, more_sorts={name: _BY[name] for name in _SORTS})
api.search("/audit-logs/search", "searchAuditLogs", SEARCH)


def _find_of_task(call: Call, query: Query, key: int) -> Page[Any]:
    with call.server.database.read() as connection:
        return report.of_task(connection, call.actor, key, query)


api.search("/user-tasks/{userTaskKey}/audit-logs/search", "searchUserTaskAuditLogs", TASK_SEARCH, _find_of_task)


@api.operation("GET", "/audit-logs/{auditLogKey}", "getAuditLog", gives=AuditLogResult)
def get_audit_log(call: Call, key: int) -> report.AuditLine:
    """Read an entry of the audit log."""
    with call.server.database.read() as connection:
        return report.SEARCH.get(connection, call.actor, key)
