"""Drafts of forms: kept as people type, until they send or discard them.

A draft is nothing that a process ever sees: it fills in a form in its owner's browser, and what is sent from there is
checked like any submission. So it may hold what the form would refuse; it holds nothing but fields of the form, and
none that are secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import drafts as domain
from bpm_server.domain import forms
from bpm_server.domain.drafts import Draft, Place
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.tasks import check_open
from bpm_server.kernel.errors import NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.preferences import authorize_self
from bpm_server.services.process_instances import find_process
from bpm_server.services.submissions import form_of_start, form_of_task, form_to_correct
from bpm_server.services.tasks import authorize_work
from bpm_server.services.transaction import command, transaction
from bpm_server.store import approvals
from bpm_server.store import drafts as store
from bpm_server.store.tasks import lock_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.services.definitions import CompiledForm
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

SWEPT = 500


@command
def save_start_draft(
    server: Server, actor: Actor, process_id: str, values: Mapping[str, Any], *, known_version: int
) -> Draft:
    """Keeps what somebody has entered into the start form of a process.

    Args:
        server: The server.
        actor: Whose draft it is.
        process_id: BPMN id.
        values: JSON values, right or wrong; what is no field of the form is left out.
        known_version: Of the draft as the caller has it; 0: they have none.

    Raises:
        NotFound: no such process is deployed.
        Forbidden: the actor may not start it.
        StaleVersion: there is another version by now, which ``version`` of the details names.
        TooLarge: more than a draft may hold.
        WrongState: there are as many drafts as one person may have.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        compiled = find_process(tx, process_id)
        authorize(actor, "PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", process_id)
        return _save(tx, Place(process_id), form_of_start(tx, compiled), values, "", known_version)


@command
def save_task_draft(
    server: Server, actor: Actor, task_key: int, values: Mapping[str, Any], comment: str, *, known_version: int
) -> Draft:
    """Keeps what somebody has entered into the form of a task, and their comment.

    Args:
        server: The server.
        actor: Whose draft it is.
        task_key: The task.
        values: As of :func:`save_start_draft`.
        comment: What they have written beside it.
        known_version: As of :func:`save_start_draft`.

    Raises:
        NotFound: no such task.
        Forbidden: it is not the actor's to do.
        WrongState: it has ended; or there are as many drafts as one person may have.
        StaleVersion: there is another version by now, which ``version`` of the details names.
        TooLarge: more than a draft may hold.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        task, _ = lock_task(tx.connection, task_key)
        authorize_work(tx, task, "draft")
        check_open(task, "draft")
        place = Place(task.process_id, task.key, task.instance_key)
        return _save(tx, place, _form_shown(tx, task), values, comment, known_version)


def _form_shown(tx: Transaction, task: Task) -> CompiledForm | None:
    """A task's form; the start form, while who made the request corrects it there."""
    stored = approvals.find_approval(tx.connection, task.key)
    is_correcting = stored is not None and stored.is_correcting
    return form_to_correct(tx, task) if is_correcting else form_of_task(tx, task)


def _save(
    tx: Transaction,
    place: Place,
    form: CompiledForm | None,
    values: Mapping[str, Any],
    comment: str,
    known_version: int,
) -> Draft:
    username = tx.actor.username
    names = frozenset() if form is None else form.form.names - forms.secret_names(form.form.schema)
    kept = {name: value for name, value in values.items() if name in names}
    content = domain.write_content(kept, comment)
    found = store.find(tx.connection, username, place, lock=True)
    domain.check_version(known_version, found)
    if found is None:
        domain.check_number(store.count(tx.connection, username))
        made = Draft(tx.server.new_key(), 1, kept, comment, tx.now)
        store.insert(tx.connection, made.key, username, place, content, tx.now)
        return made
    store.update(tx.connection, found.key, found.version + 1, content, tx.now)
    return Draft(found.key, found.version + 1, kept, comment, tx.now)


@command
def discard_draft(server: Server, actor: Actor, key: int) -> None:
    """Removes one's own draft.

    Raises:
        NotFound: there is none of this key, or it is somebody else's.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        if not store.delete(tx.connection, actor.username, key):
            message = f"Expected to find draft '{key}', but there is none"
            raise NotFound(message)


@command
def remove_useless(server: Server) -> int:
    """Removes drafts that nobody has saved for 90 days, and those of ended tasks, some at a time; returns how many."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        return store.delete_useless(tx.connection, tx.now - domain.KEPT, SWEPT)
