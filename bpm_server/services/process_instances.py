"""Starting, cancelling and changing process instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.drafts import Place
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.business_keys import check_unique
from bpm_server.services.references import adopt_files
from bpm_server.services.submissions import check_start_submission
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import drafts
from bpm_server.store import instances as store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor
    from bpm_server.services.definitions import CompiledProcess
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


@dataclass(frozen=True, slots=True)
class Started:
    """A new instance; ``result`` holds the process variables where it has ended already."""

    key: int
    process_definition_key: int
    process_id: str
    version: int
    result: dict[str, Any] | None


@command
def start_process(
    server: Server,
    actor: Actor,
    *,
    process_id: str | None = None,
    version: int | None = None,
    version_tag: str | None = None,
    definition_key: int | None = None,
    variables: Mapping[str, Any] | None = None,
    business_key: str | None = None,
    tags: Sequence[str] = (),
    element_id: str | None = None,
    start_at: Sequence[str] = (),
    terminate_after: Sequence[str] = (),
    from_form: bool = False,
    time_zone: str | None = None,
) -> Started:
    """Starts an instance and runs it to its first waiting point.

    Args:
        server: The server.
        actor: Who starts it.
        process_id: BPMN id; the latest version unless ``version`` or ``version_tag`` is given.
        version: Version number.
        version_tag: The latest version with this tag.
        definition_key: Instead of ``process_id``.
        variables: JSON values for the process scope.
        business_key: The company's own id of the case.
        tags: Free words.
        element_id: A start event other than the none start event.
        start_at: Elements to start at instead of a start event.
        terminate_after: Elements; when one of them has ended, the instance is terminated.
        from_form: The variables come from the start form: checked and cleaned as the form says, and who started it
            is set whatever they say. The actor's draft of the form goes.
        time_zone: Of the browser, for what the form says about dates; None: the actor's, or the installation's.

    Raises:
        NotFound: no such process is deployed.
        InvalidInput: wrong variables, or the process has no such start event or element.
        AlreadyExists: business keys are unique here, and an active instance has this one.
    """
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        compiled = find_process(tx, process_id, version, version_tag, definition_key)
        authorize(actor, "PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", compiled.row.process_id)
        check_unique(tx, compiled.row.process_id, business_key)
        if from_form:
            values = check_start_submission(tx, compiled, values, time_zone=time_zone)
            drafts.delete_at(tx.connection, actor.username, Place(compiled.row.process_id))
        _set_initiator(compiled, element_id, values, actor, force=from_form)
        step = c.StartInstance(
            server.new_key(), values, element_id, business_key, None, tuple(start_at), tuple(terminate_after)
        )
        row, result = _begin(tx, compiled, step, tags)
        if from_form:
            adopt_files(tx, values, row, None)
        tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.CREATE, row.key, row)
    return Started(row.key, compiled.row.key, compiled.row.process_id, compiled.row.version, result)


def start_by_form(
    tx: Transaction, process_id: str, values: dict[str, Any], *, time_zone: str | None, business_key: str
) -> InstanceRow:
    """Starts the latest version of a process by its form, in a transaction that is open.

    The caller tells the audit log.

    Raises:
        NotFound: no such process is deployed.
        InvalidInput: ``details["errors"]`` names each field.
        Forbidden: the permission CREATE_PROCESS_INSTANCE is missing.
    """
    compiled = find_process(tx, process_id)
    authorize(tx.actor, "PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", process_id)
    check_unique(tx, process_id, business_key)
    kept = check_start_submission(tx, compiled, values, time_zone=time_zone)
    _set_initiator(compiled, None, kept, tx.actor, force=True)
    return _begin(tx, compiled, c.StartInstance(tx.server.new_key(), kept, None, business_key))[0]


def _begin(
    tx: Transaction, compiled: CompiledProcess, step: c.StartInstance, tags: Sequence[str] = ()
) -> tuple[InstanceRow, dict[str, Any] | None]:
    """The new instance, and its variables where it has ended already."""
    advance = Advance(tx)
    row = advance.start(compiled, step, tags=json.dumps(list(tags)) if tags else None)
    return row, advance.result(row)


def _set_initiator(
    compiled: CompiledProcess, element_id: str | None, values: dict[str, Any], actor: Actor, *, force: bool
) -> None:
    """Who starts it becomes a variable, where the start event names one and no trusted caller has set it."""
    for name in initiator_variables(compiled.definition.process, element_id):
        if force or name not in values:
            values[name] = actor.username


def initiator_variables(process: Process, element_id: str | None = None) -> list[str]:
    """Names of the variables that hold who started a process, at a start event or at those without a trigger."""
    starts = [
        start for start in process.starts() if start.id == element_id or (element_id is None and start.event is None)
    ]
    return [name for start in starts if (name := start.initiator or start.properties.get("initiator"))]


def find_process(
    tx: Transaction,
    process_id: str | None,
    version: int | None = None,
    version_tag: str | None = None,
    definition_key: int | None = None,
) -> CompiledProcess:
    """The process that a start means; see :func:`start_process`.

    Raises:
        NotFound: it is not deployed.
        InvalidInput: neither an id nor a key is given.
    """
    definitions, moment = tx.server.definitions, tx.moment.definition_version
    if definition_key is not None:
        compiled = definitions.process(tx.connection, moment, definition_key)
        if compiled.row.deleted_at is not None:
            message = f"Expected process definition '{definition_key}' to be there, but it is deleted"
            raise NotFound(message)
        return compiled
    if not process_id:
        message = "Expected a process id or a process definition key, but found neither"
        raise InvalidInput(message)
    found = definitions.find_process(
        tx.connection,
        moment,
        process_id,
        number=None if version in (None, -1) else version,
        version_tag=version_tag,
    )
    if found is None:
        which = f"version {version} of process" if version not in (None, -1) else "process"
        which = f"version '{version_tag}' of process" if version_tag is not None else which
        message = f"Expected {which} '{process_id}' to be deployed, but found none"
        raise NotFound(message)
    return found


@command
def cancel_instance(server: Server, actor: Actor, key: int) -> None:
    """Terminates an instance and everything that it called.

    Raises:
        NotFound: there is no such active instance.
        WrongState: it was called by another instance: cancel that one.
    """
    with transaction(server, actor) as tx:
        cancel(tx, key)


def cancel(tx: Transaction, key: int) -> None:
    """What :func:`cancel_instance` does, in a transaction that is open."""
    row = tx.lock_instance(key)
    authorize(tx.actor, "PROCESS_DEFINITION", "CANCEL_PROCESS_INSTANCE", row.process_id)
    if row.ended_at is not None:
        since = f"{row.ended_at:%Y-%m-%d %H:%M}"
        message = f"Expected to cancel process instance '{key}', but it is {row.state} since {since}"
        raise NotFound(message)
    if row.parent_key is not None:
        message = f"Expected to cancel process instance '{key}', but '{row.root_key}' called it: cancel that one"
        raise WrongState(message)
    tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.CANCEL, key, row)
    Advance(tx).run(row, c.CancelInstance())


@command
def assign_business_key(server: Server, actor: Actor, key: int, business_key: str) -> None:
    """Gives an active instance the company's own id of the case, which it does not have yet; once more is fine.

    Raises:
        NotFound: there is no such active instance.
        WrongState: it has another one, or was called by another instance, or business keys are unique here.
        Forbidden: the permission UPDATE_PROCESS_INSTANCE is missing.
    """
    if not business_key:
        message = "Expected a business key, but found none"
        raise InvalidInput(message, field="businessId")
    with transaction(server, actor) as tx:
        row = tx.lock_instance(key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        if row.ended_at is not None:
            message = f"Expected process instance '{key}' to be active, but it is {row.state}"
            raise NotFound(message)
        if row.business_key == business_key and row.parent_key is None:
            return
        if server.settings.unique_business_ids:
            message = (
                "Expected business ids to be assigned afterwards, but they are unique here: give them at the start"
            )
            raise WrongState(message, retry=False)
        if row.business_key is not None or row.parent_key is not None:
            found = f"it has '{row.business_key}'" if row.business_key is not None else "another instance called it"
            message = f"Expected process instance '{key}' to have no business key of its own, but {found}"
            raise WrongState(message, retry=False)
        store.set_business_key(tx.connection, key, business_key)
        tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.UPDATE, key, row, description=business_key)


@command
def set_variables(
    server: Server, actor: Actor, scope_key: int, variables: Mapping[str, Any], *, local: bool = False
) -> int | None:
    """Sets variables of an active element or process instance.

    Args:
        server: The server.
        actor: Who sets them.
        scope_key: Process instance or element instance.
        variables: JSON values.
        local: At this scope; otherwise where each name lives from here outwards, else at the process.

    Returns:
        As ``tasks.complete_task``, where it is a user task.

    Raises:
        NotFound: there is no such element instance.
        WrongState: it has ended.
    """
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        found = store.find_scope(tx.connection, scope_key)
        if found is None:
            message = f"Expected to set variables of element '{scope_key}', but there is none"
            raise NotFound(message)
        row = tx.lock_instance(found.instance_key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        element_key = None if scope_key == row.key else scope_key
        names = ", ".join(values)
        tx.audit_instance(Entity.VARIABLE, Operation.UPDATE, scope_key, row, element_key=element_key, description=names)
        Advance(tx).run(row, c.SetVariables(scope_key, values, local, found.chunk, True))
        return tx.batch.operation(scope_key)
