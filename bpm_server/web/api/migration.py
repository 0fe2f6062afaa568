"""Migrating process instances to another definition, and trying that out first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import InvalidInput
from bpm_server.services import migration
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import MAX_KEY, Body, Key, Many, Number, Reply, StrictBody, Text

if TYPE_CHECKING:
    from bpm_server.services.migration import MigrationCheck

api = ApiBlueprint("migration", tag="Process instance")
ours = ApiBlueprint("migration-checks", prefix="/api", tag="Process instance")
MAX_MAPPINGS = 10_000


class MappingInstruction(Body):
    """Which element becomes which."""

    source_element_id = Text(required=True)
    target_element_id = Text(required=True)


class ProcessInstanceMigration(Body):
    """Where to migrate, and how."""

    target_process_definition_key = Key(required=True)
    mapping_instructions = Many(MappingInstruction, required=True)
    operation_reference = Number(least=1, most=MAX_KEY, null=True)


class MigrationTrial(StrictBody):
    """Where one might migrate; without a mapping by elements of the same id."""

    target_process_definition_key = Key(required=True)
    mapping_instructions = Many(MappingInstruction, null=True, load_default=None)


class MappingResult(Reply):
    """Which element becomes which."""

    source_element_id = Text()
    target_element_id = Text()


class ObstacleResult(Reply):
    """What stands in the way."""

    element_instance_key = Key(of="element_key")
    element_id = Text()
    reason = Text()


class MigrationCheckResult(Reply):
    """What a migration would do; it can be done where ``obstacles`` is empty."""

    process_instance_key = Key(of="key")
    mapping_instructions = Many(MappingResult)
    obstacles = Many(ObstacleResult)


@api.operation(
    "POST",
    "/process-instances/{processInstanceKey}/migration",
    "migrateProcessInstance",
    takes=ProcessInstanceMigration,
    status=204,
    body_required=True,
)
def migrate_process_instance(call: Call, key: int) -> None:
    """Let a process instance go on by another definition."""
    mapping = read_mapping(call.body["mapping_instructions"])
    migration.migrate_instance(call.server, call.actor, key, call.body["target_process_definition_key"], mapping)


@ours.operation(
    "POST",
    "/process-instances/{processInstanceKey}/migration-check",
    "checkProcessInstanceMigration",
    takes=MigrationTrial,
    gives=MigrationCheckResult,
    body_required=True,
)
def check_process_instance_migration(call: Call, key: int) -> dict[str, Any]:
    """Say whether a process instance could be migrated, and if not, why; nothing changes."""
    wanted = call.body["mapping_instructions"]
    mapping = None if wanted is None else dict(read_mapping(wanted))
    target = call.body["target_process_definition_key"]
    return _checked(migration.check_migration(call.server, call.actor, key, target, mapping))


def _checked(found: MigrationCheck) -> dict[str, Any]:
    pairs = [{"source_element_id": a, "target_element_id": b} for a, b in found.mapping.items()]
    return {"key": found.key, "mapping_instructions": pairs, "obstacles": found.obstacles}


def read_mapping(instructions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Pairs of element ids.

    Raises:
        InvalidInput: too many.
    """
    if len(instructions) > MAX_MAPPINGS:
        message = f"Expected at most {MAX_MAPPINGS} mapping instructions, but found {len(instructions)}"
        raise InvalidInput(message, field="mappingInstructions")
    return [(one["source_element_id"], one["target_element_id"]) for one in instructions]
