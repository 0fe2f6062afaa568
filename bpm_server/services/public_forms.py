"""Start forms that are open to the public: opening and closing them, and what the public sends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.public_forms import (
    LONGEST_DAYS,
    RESOURCE,
    check_origins,
    check_rate,
    new_reference,
    new_token,
    nothing_open,
)
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.services.authorization import authorize
from bpm_server.services.process_instances import find_process, start_by_form
from bpm_server.services.submissions import form_of_start
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import public_forms as store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.public_forms import OpenForm
    from bpm_server.services.server import Server

ADDRESS_PER_HOUR = 20
TOTAL_PER_HOUR = 600


@command
def open_public_form(
    server: Server,
    actor: Actor,
    process_id: str,
    name: str,
    *,
    days: int | None = None,
    origins: Sequence[str] = (),
    address_per_hour: int = ADDRESS_PER_HOUR,
    total_per_hour: int = TOTAL_PER_HOUR,
) -> int:
    """Lets everybody who has the address start a process by its form, the latest version of both.

    Args:
        server: The server.
        actor: Who opens it.
        process_id: BPMN id.
        name: What it is for.
        days: Until it takes no more; None: until it is closed.
        origins: Web sites that may show it in a frame.
        address_per_hour: Submissions from one address that each web process takes.
        total_per_hour: Submissions altogether that each web process takes.

    Returns:
        Its key; the address is in the report.

    Raises:
        NotFound: no such process is deployed.
        WrongState: the process has no start form.
        InvalidInput: no name, days or rates out of range, or something that is no web site.
        Forbidden: the permission PUBLIC_FORM:CREATE is missing.
    """
    if not name.strip():
        message = "Expected a name that says what the form is for, but found none"
        raise InvalidInput(message, field="name")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        message = f"Expected 1 to {LONGEST_DAYS} days, but found {days}"
        raise InvalidInput(message, field="days")
    limits = {
        "address_per_hour": check_rate(address_per_hour, "addressPerHour"),
        "total_per_hour": check_rate(total_per_hour, "totalPerHour"),
    }
    sites = check_origins(origins)
    with transaction(server, actor) as tx:
        compiled = find_process(tx, process_id)
        authorize(actor, RESOURCE, "CREATE", process_id)
        if form_of_start(tx, compiled) is None:
            message = f"Expected process '{process_id}' to have a start form, but found none"
            raise WrongState(message, retry=False)
        key, now = server.new_key(), tx.moment.database_now
        values = {
            "key": key,
            "token": new_token(),
            "process_id": process_id,
            "name": name.strip(),
            "origins": sites,
            "created_at": now,
            "created_by": actor.username,
            "expires_at": None if days is None else now + timedelta(days=days),
            "closed_at": None,
            "closed_by": None,
            **limits,
        }
        store.insert(tx.connection, values)
        told = f"public form '{name.strip()}' opened"
        tx.audit(
            Entity.RESOURCE,
            Operation.CREATE,
            key,
            process_id=process_id,
            process_definition_key=compiled.row.key,
            description=told,
        )
    return key


@command
def close_public_form(server: Server, actor: Actor, key: int) -> None:
    """From now on the form takes nothing; closing it once more changes nothing.

    Raises:
        NotFound: there is no such form.
        Forbidden: the permission PUBLIC_FORM:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        found = store.find(tx.connection, key)
        if found is None:
            message = f"Expected to find public form '{key}', but there is none"
            raise NotFound(message)
        authorize(actor, RESOURCE, "UPDATE", found.process_id)
        if found.closed_at is None:
            store.close(tx.connection, key, tx.moment.database_now, actor.username)
            told = f"public form '{found.name}' closed"
            tx.audit(Entity.RESOURCE, Operation.UPDATE, key, process_id=found.process_id, description=told)


@command
def submit_public_form(server: Server, form: OpenForm, values: Mapping[str, Any], *, time_zone: str | None) -> str:
    """Starts the process of a public form with what somebody has entered.

    Returns:
        The reference number, which is the business key of the instance.

    Raises:
        NotFound: the form was closed, its time is over, or its process is gone.
        InvalidInput: ``details["errors"]`` names each field.
    """
    sent = check_variables(values)
    with transaction(server, form.actor) as tx:
        if store.find_open(tx.connection, form.token, tx.moment.database_now, lock=True) is None:
            raise nothing_open()
        reference = new_reference(tx.now.astimezone(server.settings.zone()))
        row = start_by_form(tx, form.process_id, sent, time_zone=time_zone, business_key=reference)
        tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.CREATE, row.key, row, description="public form")
    return reference
