"""Reading attachments: whoever may see the case may read what is beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import NotFound
from bpm_server.reports import process_instances, sight
from bpm_server.reports.approvals import may_look
from bpm_server.reports.field_sight import EVERYTHING, hidden_documents
from bpm_server.reports.search import forbidden
from bpm_server.store import attachments as store
from bpm_server.store import documents, tasks
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.attachments import Attachment
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.store.documents import DocumentRow


def of_task(server: Server, actor: Actor, task_key: int) -> list[Attachment]:
    """What is beside the case of a task, oldest first.

    Raises:
        NotFound: there is no such task.
        Forbidden: the actor may not see it.
    """
    with server.database.read() as connection:
        task = tasks.read_task(connection, task_key)
        if not may_look(connection, task, actor):
            raise forbidden(actor, "user task", task_key, (sight.PROCESS, "READ_USER_TASK"))
        return _shown(server, connection, actor, task.instance_key)


def of_instance(server: Server, actor: Actor, instance_key: int) -> list[Attachment]:
    """What is beside a case, oldest first.

    Raises:
        NotFound: there is no such case.
        Forbidden: the actor may not see it.
    """
    with server.database.read() as connection:
        process_instances.SEARCH.get(connection, actor, instance_key)
        return _shown(server, connection, actor, instance_key)


def beside(server: Server, actor: Actor, instance_key: int) -> list[Attachment]:
    """What is beside a case; whether somebody may see the case is the caller's question."""
    with server.database.read() as connection:
        return _shown(server, connection, actor, instance_key)


def _shown(server: Server, connection: Connection, actor: Actor, instance_key: int) -> list[Attachment]:
    """Without those of fields that are kept back from somebody."""
    found = store.of_instance(connection, instance_key)
    hidden = hidden_documents(server, connection, actor, instance_key) if found else ()
    return [one for one in found if one.document_id not in hidden]


def _check_sight(server: Server, connection: Connection, actor: Actor, found: Attachment) -> None:
    process_instances.SEARCH.get(connection, actor, found.instance_key)
    if found.document_id in hidden_documents(server, connection, actor, found.instance_key):
        raise forbidden(actor, "attachment", found.key, (sight.PROCESS, EVERYTHING))


def find_document(server: Server, actor: Actor, document_id: str) -> DocumentRow:
    """The file of a form: attached to a case that the actor may see, or sent by them and waiting for its form.

    Raises:
        NotFound: there is none (any more).
        Forbidden: the actor may not see its case.
    """
    with server.database.read() as connection:
        document = documents.find_document(connection, document_id, read_moment(connection).now)
        attached = store.find_by_document(connection, document_id)
        if attached is not None:
            _check_sight(server, connection, actor, attached)
        if document is not None and (attached is not None or document.created_by == actor.username):
            return document
    message = f"Expected to find file '{document_id[:60]}', but there is none"
    raise NotFound(message)


def find(server: Server, actor: Actor, key: int) -> tuple[Attachment, DocumentRow]:
    """An attachment and its document.

    Raises:
        NotFound: there is none (any more).
        Forbidden: the actor may not see its case.
    """
    with server.database.read() as connection:
        found = store.find_attachment(connection, key)
        if found is not None and found.removed_at is None:
            _check_sight(server, connection, actor, found)
            document = documents.find_document(connection, found.document_id, read_moment(connection).now)
            if document is not None:
                return found, document
    message = f"Expected to find attachment '{key}', but there is none"
    raise NotFound(message)
