"""Attachments: putting files beside tasks and cases, keeping those of forms until they are submitted, removing them.

A file of a form comes before its form is submitted. Until then it is a document with an end and its sender's own;
submitting the form makes an attachment of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO

from bpm_server.domain.attachments import HEAD, Attachment, Place, check_file, check_removal, check_room
from bpm_server.domain.documents import Metadata, plain_name
from bpm_server.domain.tasks import ENDED, check_open
from bpm_server.kernel.errors import LimitExceeded, NotFound, WrongState
from bpm_server.services import documents
from bpm_server.services.authorization import authorize
from bpm_server.services.participation import authorize_part
from bpm_server.services.references import made_of
from bpm_server.services.transaction import command, transaction
from bpm_server.store import attachments as store
from bpm_server.store import documents as document_store
from bpm_server.store import tasks as task_store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.documents import Incoming
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.documents import DocumentRow

KEPT_FOR = timedelta(days=1)
"""So long a file of a form waits for the form."""
MOST_WAITING = 100
"""Files of one person that wait for their forms."""


def attach_file(server: Server, actor: Actor, place: Place, file_name: str, content: BinaryIO) -> Attachment:
    """Puts a file beside a task or a case; its content is read piece by piece.

    Raises:
        NotFound: there is no such task or case.
        WrongState: it has ended.
        Forbidden: the actor takes no part in the case.
        InvalidInput: a type that is not allowed, or a content of another type than its name says.
        TooLarge: above ``document_limit``.
        LimitExceeded: the case has as many attachments as it may have.
    """
    incoming, metadata = _receive(server, actor, place, file_name, content)
    return insert_attachment(server, actor, place, incoming, metadata)


def keep_upload(server: Server, actor: Actor, place: Place, file_name: str, content: BinaryIO) -> DocumentRow:
    """Keeps a file of a form until the form is submitted; it is gone after a day.

    Raises:
        LimitExceeded: too many files of this person wait.
        NotFound, WrongState, Forbidden, InvalidInput, TooLarge: as :func:`attach_file`.
    """
    incoming, metadata = _receive(server, actor, place, file_name, content)
    return insert_upload(server, actor, place, incoming, metadata)


def _receive(
    server: Server, actor: Actor, place: Place, file_name: str, content: BinaryIO
) -> tuple[Incoming, Metadata]:
    """Checks and measures a file, and writes it where it lies outside the database."""
    content.seek(0)
    kind = check_file(file_name, content.read(HEAD), server.settings.attachment_types)
    contents = server.contents.default
    incoming = documents.measure(server, contents, content)
    if contents.outside:
        announce_file(server, actor, place, incoming.location)
        contents.write(None, incoming.location, content)
    return incoming, Metadata(plain_name(file_name), kind)


@command
def announce_file(server: Server, actor: Actor, place: Place, location: str) -> None:
    """Notes that a file will be written which is not attached yet.

    Raises:
        NotFound, WrongState, Forbidden: as :func:`attach_file`.
    """
    with transaction(server, actor) as tx:
        authorize_place(tx, place)
        documents.announce(tx, location)


@command
def insert_attachment(server: Server, actor: Actor, place: Place, incoming: Incoming, metadata: Metadata) -> Attachment:
    """Attaches a file that is checked, measured and, where it lies outside the database, written.

    Raises:
        NotFound, WrongState, Forbidden, LimitExceeded: as :func:`attach_file`.
        Unavailable: writing took so long that the file was removed as a leftover.
    """
    with transaction(server, actor) as tx:
        row = authorize_place(tx, place)
        assert row is not None  # noqa: S101 - only a start form has no case
        check_room(place, store.count_of(tx.connection, row.key))
        kept = Metadata(metadata.file_name, metadata.content_type, None, row.process_id, row.key)
        made = made_of(tx, documents.insert(tx, incoming.location, incoming, kept), row.key, place.task_key)
        store.insert_attachment(tx.connection, made)
    return made


@command
def insert_upload(server: Server, actor: Actor, place: Place, incoming: Incoming, metadata: Metadata) -> DocumentRow:
    """Adds a document that waits for its form.

    Raises:
        NotFound, WrongState, Forbidden, LimitExceeded: as :func:`keep_upload`.
        Unavailable: writing took so long that the file was removed as a leftover.
    """
    with transaction(server, actor) as tx:
        authorize_place(tx, place)
        waiting = document_store.count_waiting(tx.connection, actor.username, tx.now)
        if waiting >= MOST_WAITING:
            message = f"Expected at most {MOST_WAITING} files of '{actor.username}' waiting for forms, but {waiting} do"
            raise LimitExceeded(message, limit=MOST_WAITING)
        kept = Metadata(metadata.file_name, metadata.content_type, tx.now + KEPT_FOR)
        return documents.insert(tx, incoming.location, incoming, kept)


def authorize_place(tx: Transaction, place: Place) -> InstanceRow | None:
    """Locks the case beside which a file is put; None where it is a start form's.

    Raises:
        NotFound: there is no such task or case.
        WrongState: it has ended.
        Forbidden: the actor takes no part in the case, or may not start the process.
    """
    if place.process_id is not None:
        authorize(tx.actor, "PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", place.process_id)
        return None
    if place.task_key is not None:
        task, row = task_store.lock_task(tx.connection, place.task_key)
        check_open(task, "attach a file to")
        authorize_part(tx, task)
        return row or tx.lock_instance(task.instance_key, task.root_key)
    assert place.instance_key is not None  # noqa: S101
    row = tx.lock_instance(place.instance_key)
    if row.ended_at is not None:
        message = f"Expected to attach a file to process instance '{row.key}', but it has ended"
        raise WrongState(message, state=row.state, retry=False)
    if not store.takes_part(tx.connection, row, tx.actor):
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
    return row


@command
def remove_attachment(server: Server, actor: Actor, key: int) -> None:
    """Removes a file; that it was there stays in the history of the case.

    Raises:
        NotFound: there is none (any more).
        WrongState: the task or case beside which it is has ended.
        Forbidden: somebody else has put it there, and the permission UPDATE_PROCESS_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        found = _find(tx, key)
        row = tx.lock_instance(found.instance_key)
        if found.added_by != actor.username:
            authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        ended = row.ended_at is not None
        if found.task_key is not None and not ended:
            ended = task_store.read_task(tx.connection, found.task_key).state in ENDED
        check_removal(found, is_over=ended)
        if not store.mark_removed(tx.connection, key, actor.username, tx.now):
            raise _missing(key)
        document = document_store.find_document(tx.connection, found.document_id, tx.now)
        if document is not None:
            documents.remove(tx, document)


def _find(tx: Transaction, key: int) -> Attachment:
    found = store.find_attachment(tx.connection, key)
    if found is None or found.removed_at is not None:
        raise _missing(key)
    return found


def _missing(key: int) -> NotFound:
    return NotFound(f"Expected to find attachment '{key}', but there is none")
