"""Incidents: resolving what a person has mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain import commands as c
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.states import IncidentState, JobState
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.approval_nodes import NO_SIGNER
from bpm_server.services.approvals import ask_signers
from bpm_server.services.authorization import authorize
from bpm_server.services.bindings import binding_filter
from bpm_server.services.service_levels import SERVICE_LEVEL_ERROR, start_late
from bpm_server.services.transaction import command, transaction
from bpm_server.store import incidents as store
from bpm_server.store import jobs, outbox
from bpm_server.store.candidates import update_task

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.incidents import IncidentRow


@command
def resolve_incident(server: Server, actor: Actor, key: int) -> None:
    """Tries again what failed; a job gets at least one more try.

    Raises:
        NotFound: no such incident, or it is resolved.
        WrongState: what was missing still is: the form, somebody to sign, or the calendar.
    """
    with transaction(server, actor) as tx:
        resolve(tx, key)


def resolve(tx: Transaction, key: int) -> None:
    """What :func:`resolve_incident` does, in a transaction that is open."""
    found = store.read_incident(tx.connection, key)
    row = tx.lock_instance(found.instance_key, found.root_key)
    found = store.read_incident(tx.connection, key)
    authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", found.process_id)
    if found.state != IncidentState.ACTIVE:
        message = f"Expected to resolve incident '{key}', but it is resolved"
        raise NotFound(message)
    if found.job_key is not None:
        _retry_job(tx, found.job_key)
    if found.kind == "FORM_NOT_FOUND":
        _bind_form(tx, found, row)
    element_key, job_key = found.element_key, found.job_key
    tx.audit_instance(Entity.INCIDENT, Operation.RESOLVE, key, row, element_key=element_key, job_key=job_key)
    advance = Advance(tx)
    advance.run(row, c.ResolveIncident(element_key, found.chunk))
    if found.kind == NO_SIGNER:
        ask_signers(tx, row, element_key)
    if found.kind == SERVICE_LEVEL_ERROR:
        start_late(advance, row, element_key, found.element_id, found.chunk)


def _retry_job(tx: Transaction, job_key: int) -> None:
    job = jobs.read_job(tx.connection, job_key)
    if job.state not in (JobState.FAILED, JobState.ERROR_THROWN, JobState.CREATED):
        return
    if outbox.retry_delivery(tx.connection, job_key, tx.moment.database_now):
        jobs.update_job(tx.connection, job_key, state=JobState.CREATED, retries=max(job.retries, 1))
        tx.wake("deliveries")
        return
    jobs.update_job(
        tx.connection,
        job_key,
        state=JobState.CREATED,
        retries=max(job.retries, 1),
        available_at=tx.moment.database_now,
        lease=None,
    )
    tx.wake("jobs")


def _bind_form(tx: Transaction, found: IncidentRow, row: InstanceRow) -> None:
    """A task whose form was missing gets it, if it is deployed now.

    Raises:
        WrongState: it still is not.
    """
    compiled = tx.server.definitions.process(tx.connection, tx.moment.definition_version, row.process_definition_key)
    work = compiled.definition.process.nodes[found.element_id].work
    reference = getattr(work, "form", None)
    form_id = getattr(reference, "form_id", None)
    binding = getattr(reference, "binding", None)
    if form_id is None or binding is None:
        return
    wanted = binding_filter(binding.kind, binding.version and binding.version.source, compiled.row.deployment_key)
    form = tx.server.definitions.find_form(tx.connection, tx.moment.definition_version, form_id, **(wanted or {}))
    if form is None:
        message = f"Expected form '{form_id}' to be deployed, but found none"
        raise WrongState(message, retry=False)
    update_task(tx.connection, found.element_key, {"form_key": form.key})
