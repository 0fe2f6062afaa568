"""``/v2/batch-operations``: the same act on many process instances, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.batch_operations import AskerKind, Kind
from bpm_server.domain.states import BatchItemState
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import batch_operations as report
from bpm_server.reports import batch_targets, process_definitions, process_instances
from bpm_server.services import batch_operations
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import MAX_KEY, Body, Data, Fixed, Key, Many, Moment, Number, One, Reply, Text, Word
from bpm_server.web.api.migration import MAX_MAPPINGS, MappingInstruction
from bpm_server.web.api.modification import MAX_INSTRUCTIONS
from bpm_server.web.api.process_instances import SEARCH as INSTANCES
from bpm_server.web.api.searching import Filter, SearchTable

if TYPE_CHECKING:
    from collections.abc import Callable

api = ApiBlueprint("batch-operations", tag="Batch operation")
KINDS = (
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
STATES = ("ACTIVE", "CANCELED", "COMPLETED", "CREATED", "FAILED", "PARTIALLY_COMPLETED", "SUSPENDED")
ACTOR_TYPES = ("ANONYMOUS", "CLIENT", "UNKNOWN", "USER")


class BatchOperationCreatedResult(Reply):
    """The new batch operation."""

    batch_operation_key = Key(of="key")
    batch_operation_type = Word(KINDS, of="kind")


class BatchOperationResponse(Reply):
    """A batch operation. ``errors`` is empty: a filter that cannot be followed is refused when it is sent."""

    batch_operation_key = Key(of="key")
    state = Word(STATES)
    batch_operation_type = Word(KINDS, of="kind", null=True)
    start_date = Moment(of="started_at", null=True)
    end_date = Moment(of="ended_at", null=True)
    actor_type = Word(AskerKind, of="asker_kind", null=True)
    actor_id = Text(of="asker", null=True)
    operations_total_count = Number(of="total")
    operations_failed_count = Number(of="failed")
    operations_completed_count = Number(of="completed")
    errors = Fixed([])


class BatchOperationItemResponse(Reply):
    """An item of a batch operation."""

    operation_type = Word(KINDS, of="kind")
    batch_operation_key = Key(of="operation_key")
    item_key = Key()
    process_instance_key = Key(of="instance_key", null=True)
    root_process_instance_key = Key(of="root_key", null=True)
    state = Word(BatchItemState)
    processed_date = Moment(of="processed_at", null=True)
    error_message = Text(null=True)


class InstancesInBatch(Body):
    """Which process instances: the filter of their search."""

    filter = Data(required=True)
    operation_reference = Number(least=1, most=MAX_KEY, null=True)


class ElementMove(Body):
    """All instances of an element end, and another begins for each in the same scope."""

    source_element_id = Text(required=True)
    target_element_id = Text(required=True)


class ModificationInBatch(InstancesInBatch):
    """How tokens move in each process instance."""

    move_instructions = Many(ElementMove, required=True)


class MigrationPlan(Body):
    """Where to migrate, and which element becomes which."""

    target_process_definition_key = Key(required=True)
    mapping_instructions = Many(MappingInstruction, required=True)


class MigrationInBatch(InstancesInBatch):
    """By which definition each process instance goes on."""

    migration_plan = One(MigrationPlan, required=True)


OPERATIONS = SearchTable(
    report.CONTRACT_OPERATIONS,
    BatchOperationResponse,
    {
        "batchOperationKey": "key",
        "operationType": Filter("kind", KINDS),
        "state": Filter("state", STATES),
        "actorType": Filter("asker_kind", ACTOR_TYPES),
        "actorId": "asker",
    },
    sorts=("actorId", "actorType", "batchOperationKey", "operationType", "state"),
    more_sorts={"startDate": "started_at", "endDate": "ended_at"},
)
ITEMS = SearchTable(
    report.CONTRACT_ITEMS,
    BatchOperationItemResponse,
    {
        "batchOperationKey": "operation_key",
        "itemKey": "item_key",
        "processInstanceKey": "instance_key",
        "state": Filter("state", tuple(BatchItemState)),
        "operationType": Filter("kind", KINDS),
    },
    sorts=("batchOperationKey", "itemKey", "processInstanceKey", "state"),
    more_sorts={"processedDate": "processed_at"},
)
api.search("/batch-operations/search", "searchBatchOperations", OPERATIONS)
api.search("/batch-operation-items/search", "searchBatchOperationItems", ITEMS)


@api.operation("GET", "/batch-operations/{batchOperationKey}", "getBatchOperation", gives=BatchOperationResponse)
def get_batch_operation(call: Call, key: int) -> report.OperationLine:
    """Read a batch operation: its state, and how many items are done."""
    with call.server.database.read() as connection:
        return report.CONTRACT_OPERATIONS.get(connection, call.actor, key)


@api.operation(
    "POST", "/batch-operations/{batchOperationKey}/suspension", "suspendBatchOperation", takes=Body, status=204
)
def suspend_batch_operation(call: Call, key: int) -> None:
    """Hold a batch operation; the items that are not begun wait."""
    batch_operations.suspend_operation(call.server, call.actor, key)


@api.operation(
    "POST", "/batch-operations/{batchOperationKey}/resumption", "resumeBatchOperation", takes=Body, status=204
)
def resume_batch_operation(call: Call, key: int) -> None:
    """Let a suspended batch operation go on."""
    batch_operations.resume_operation(call.server, call.actor, key)


@api.operation(
    "POST", "/batch-operations/{batchOperationKey}/cancellation", "cancelBatchOperation", takes=Body, status=204
)
def cancel_batch_operation(call: Call, key: int) -> None:
    """Stop a batch operation for good; what it has done stays done."""
    batch_operations.cancel_operation(call.server, call.actor, key)


# --- asking for one -------------------------------------------------------------------------------------


def _create(call: Call, kind: Kind, targets: batch_targets.Targets, plan: Any = None) -> dict[str, Any]:
    return {"key": batch_operations.create_operation(call.server, call.actor, kind, targets, plan), "kind": kind}


def _of_instances(call: Call, kind: Kind, plan: Any = None) -> dict[str, Any]:
    query = INSTANCES.query({"filter": call.body["filter"]})
    return _create(call, kind, batch_targets.of_query(call.server, call.actor, kind, query), plan)


def _operation(act: str, operation_id: str, takes: type[Body]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    path = f"/process-instances/{act}"
    return api.operation("POST", path, operation_id, takes=takes, gives=BatchOperationCreatedResult, body_required=True)


@_operation("cancellation", "cancelProcessInstancesBatchOperation", InstancesInBatch)
def cancel_process_instances(call: Call) -> dict[str, Any]:
    """Cancel all running process instances that fit a filter and that no other instance called."""
    return _of_instances(call, Kind.CANCEL_PROCESS_INSTANCE)


@_operation("deletion", "deleteProcessInstancesBatchOperation", InstancesInBatch)
def delete_process_instances(call: Call) -> dict[str, Any]:
    """Delete all ended process instances that fit a filter, with everything that they called."""
    return _of_instances(call, Kind.DELETE_PROCESS_INSTANCE)


@_operation("incident-resolution", "resolveIncidentsBatchOperation", InstancesInBatch)
def resolve_incidents(call: Call) -> dict[str, Any]:
    """Try again whatever failed in the process instances that fit a filter."""
    return _of_instances(call, Kind.RESOLVE_INCIDENT)


@_operation("suspension", "suspendProcessInstancesBatchOperation", InstancesInBatch)
def suspend_process_instances(call: Call) -> dict[str, Any]:
    """Let nothing of the active process instances that fit a filter move until they are resumed."""
    return _of_instances(call, Kind.SUSPEND_PROCESS_INSTANCE)


@_operation("resumption", "resumeProcessInstancesBatchOperation", InstancesInBatch)
def resume_process_instances(call: Call) -> dict[str, Any]:
    """Let the suspended process instances that fit a filter go on."""
    return _of_instances(call, Kind.RESUME_PROCESS_INSTANCE)


@_operation("modification", "modifyProcessInstancesBatchOperation", ModificationInBatch)
def modify_process_instances(call: Call) -> dict[str, Any]:
    """Move tokens from element to element in the active process instances that fit a filter."""
    moves = call.body["move_instructions"]
    if not 1 <= len(moves) <= MAX_INSTRUCTIONS:
        message = f"Expected 1 to {MAX_INSTRUCTIONS} instructions, but found {len(moves)}"
        raise InvalidInput(message, field="moveInstructions")
    return _of_instances(call, Kind.MODIFY_PROCESS_INSTANCE, {"moves": _pairs(moves)})


@_operation("migration", "migrateProcessInstancesBatchOperation", MigrationInBatch)
def migrate_process_instances(call: Call) -> dict[str, Any]:
    """Let the active process instances that fit a filter go on by another definition."""
    plan = call.body["migration_plan"]
    target_key, mapping = plan["target_process_definition_key"], plan["mapping_instructions"]
    if len(mapping) > MAX_MAPPINGS:
        message = f"Expected at most {MAX_MAPPINGS} instructions, but found {len(mapping)}"
        raise InvalidInput(message, field="migrationPlan.mappingInstructions")
    with call.server.database.read() as connection:
        process_definitions.SEARCH.get(connection, call.actor, target_key)
    return _of_instances(call, Kind.MIGRATE_PROCESS_INSTANCE, {"target_key": target_key, "mapping": _pairs(mapping)})


def _pairs(instructions: list[dict[str, str]]) -> list[list[str]]:
    return [[one["source_element_id"], one["target_element_id"]] for one in instructions]


@api.operation(
    "POST",
    "/process-instances/{processInstanceKey}/incident-resolution",
    "resolveProcessInstanceIncidents",
    gives=BatchOperationCreatedResult,
)
def resolve_process_instance_incidents(call: Call, key: int) -> dict[str, Any]:
    """Try again everything that failed in an instance."""
    with call.server.database.read() as connection:
        process_instances.SEARCH.get(connection, call.actor, key)
    return _create(call, Kind.RESOLVE_INCIDENT, batch_targets.of_instance(key))
