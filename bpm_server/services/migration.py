"""Letting running instances go on by another version of their process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server import engine
from bpm_server.domain import commands as c
from bpm_server.domain.audit import Entity, Operation
from bpm_server.kernel.errors import NotFound
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.engine.migration_checks import Obstacle
    from bpm_server.services.definitions import CompiledProcess
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


@command
def migrate_instance(
    server: Server, actor: Actor, key: int, target_key: int, mapping: Sequence[tuple[str, str]]
) -> None:
    """Moves an instance to another definition; see ``engine.migration`` for what stays and what changes.

    Args:
        server: The server.
        actor: Who does it.
        key: The instance.
        target_key: Definition that it follows from now on.
        mapping: Pairs of element ids, of the source and of the target: every active element, and events whose waiting
            goes on.

    Raises:
        NotFound: there is no such instance that has not ended, or no such definition.
        InvalidInput: the mapping names elements that are not there, or one twice.
        WrongState: an active element cannot be migrated; ``details["obstacles"]`` has all of them.
        Forbidden: the permission UPDATE_PROCESS_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        migrate(tx, row, target_key, mapping)


def migrate(tx: Transaction, row: InstanceRow, target_key: int, mapping: Sequence[tuple[str, str]]) -> None:
    """See :func:`migrate_instance`; ``row`` is locked."""
    target = _target(tx, row, target_key)
    tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.MIGRATE, row.key, row)
    step = c.MigrateInstance(
        row.process_definition_key, target_key, target.row.process_id, target.row.version, tuple(mapping)
    )
    Advance(tx).migrate(row, step, target)


def _target(tx: Transaction, row: InstanceRow, target_key: int) -> CompiledProcess:
    if row.ended_at is not None:
        message = f"Expected to migrate process instance '{row.key}', but it is {row.state}"
        raise NotFound(message)
    target = tx.server.definitions.process(tx.connection, tx.moment.definition_version, target_key)
    if target.row.deleted_at is not None:
        message = f"Expected process definition '{target_key}' to be there, but it is deleted"
        raise NotFound(message)
    return target


@dataclass(frozen=True, slots=True)
class MigrationCheck:
    """Whether an instance could be migrated, by which mapping, and what stands in the way."""

    key: int
    mapping: dict[str, str]
    obstacles: tuple[Obstacle, ...]


@command
def check_migration(
    server: Server, actor: Actor, key: int, target_key: int, mapping: Mapping[str, str] | None = None
) -> MigrationCheck:
    """Says what :func:`migrate_instance` would say; changes nothing.

    Args:
        server: The server.
        actor: Who asks.
        key: The instance.
        target_key: Definition that it might follow.
        mapping: Of element ids; None: elements of the same id and type.

    Raises:
        NotFound: there is no such instance that has not ended, or no such definition.
        InvalidInput: the mapping names elements that are not there.
        Forbidden: the permission UPDATE_PROCESS_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        target = _target(tx, row, target_key).definition
        instance = Advance(tx).whole(row)
        used = dict(mapping) if mapping is not None else engine.same_ids(instance.definition.process, target.process)
        return MigrationCheck(key, used, tuple(engine.obstacles(instance, target, used)))
