"""Documents: keeping them, removing them, and letting them end in time."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO

from bpm_server.domain.documents import check_id, check_metadata
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import AlreadyExists, InvalidInput, NotFound, TooLarge, Unavailable
from bpm_server.kernel.log import get_logger
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import documents as store
from bpm_server.store.contents import parts
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from bpm_server.domain.documents import Metadata
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.contents import Contents
    from bpm_server.store.documents import DocumentRow

log = get_logger(__name__)
WRITING_TIME = timedelta(hours=1)
"""A file without a document is removed after this time."""
SWEPT = 50


def create_document(
    server: Server,
    actor: Actor,
    content: BinaryIO,
    metadata: Metadata,
    *,
    document_id: str | None = None,
    store_id: str | None = None,
) -> DocumentRow:
    """Keeps a document; its content is read piece by piece, twice.

    Args:
        server: The server.
        actor: Who sends it.
        content: A file that can be read from its beginning again.
        metadata: What is said about it.
        document_id: None: a new one is made.
        store_id: None: the installation's own choice.

    Raises:
        AlreadyExists: the id is taken.
        InvalidInput: wrong metadata, or no such store.
        TooLarge: above ``document_limit``.
        Forbidden: the permission DOCUMENT:CREATE is missing.
    """
    authorize(actor, "DOCUMENT", "CREATE", document_id)
    contents = server.contents.default if store_id is None else server.contents.find(store_id)
    if contents is None:
        message = f"Expected a document store of this installation, but found '{store_id}'"
        raise InvalidInput(message, field="storeId")
    incoming = measure(server, contents, content)
    chosen = check_id(document_id) if document_id is not None else incoming.location
    if contents.outside:
        announce_content(server, actor, incoming.location)
        contents.write(None, incoming.location, content)
    return insert_document(server, actor, chosen, incoming, metadata)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A content that was measured, and where it goes: its place among ``contents``, SHA-256 in hex, bytes."""

    contents: Contents
    location: str
    content: BinaryIO
    content_hash: str
    size: int


def measure(server: Server, contents: Contents, content: BinaryIO) -> Incoming:
    """Reads a content once, piece by piece.

    Raises:
        TooLarge: above ``document_limit``.
    """
    digest, size, limit = hashlib.sha256(), 0, server.settings.document_limit
    for piece in parts(content):
        size += len(piece)
        if size > limit:
            message = f"Expected a document of at most {limit} bytes, but found more"
            raise TooLarge(message, field="file", limit=limit)
        digest.update(piece)
    return Incoming(contents, uuid.uuid4().hex, content, digest.hexdigest(), size)


@command
def announce_content(server: Server, actor: Actor, location: str) -> None:
    """Notes that a file will be written whose document does not exist yet."""
    with transaction(server, actor) as tx:
        authorize(actor, "DOCUMENT", "CREATE")
        announce(tx, location)


def announce(tx: Transaction, location: str) -> None:
    """What :func:`announce_content` does, in a transaction that is open."""
    store.insert_leftover(tx.connection, location, tx.now + WRITING_TIME)


@command
def insert_document(
    server: Server, actor: Actor, document_id: str, incoming: Incoming, metadata: Metadata
) -> DocumentRow:
    """Adds a document whose content is measured, and written where its store lies outside the database.

    Raises:
        AlreadyExists: the id is taken.
        InvalidInput: wrong metadata.
        Unavailable: writing took so long that the file was removed as a leftover.
        Forbidden: the permission DOCUMENT:CREATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "DOCUMENT", "CREATE", document_id)
        return insert(tx, document_id, incoming, metadata)


def insert(tx: Transaction, document_id: str, incoming: Incoming, metadata: Metadata) -> DocumentRow:
    """What :func:`insert_document` does, in a transaction that is open."""
    check_metadata(metadata, tx.now)
    if store.exists(tx.connection, document_id):
        message = f"Expected to add document '{document_id}', but there is one of that id"
        raise AlreadyExists(message)
    contents, location = incoming.contents, incoming.location
    if not contents.outside:
        contents.write(tx.connection, location, incoming.content)
    elif not store.delete_leftovers(tx.connection, [location]):
        message = f"Expected to add document '{document_id}', but writing its file took too long"
        raise Unavailable(message)
    row = store.DocumentRow(
        document_id,
        contents.name,
        location,
        incoming.content_hash,
        metadata.content_type,
        metadata.file_name,
        incoming.size,
        metadata.expires_at,
        metadata.process_id,
        metadata.instance_key,
        metadata.properties,
        tx.now,
        tx.actor.username,
    )
    store.insert_document(tx.connection, row)
    return row


@command
def delete_document(server: Server, actor: Actor, document_id: str, store_id: str | None = None) -> None:
    """Removes a document with its content.

    Raises:
        NotFound: there is none with this id (in this store), or it has expired.
        Forbidden: the permission DOCUMENT:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "DOCUMENT", "DELETE", document_id)
        row = store.find_document(tx.connection, document_id, tx.now)
        if row is None or store_id not in (None, row.store):
            message = f"Expected to find document '{document_id}' to delete, but there is none"
            raise NotFound(message)
        remove(tx, row)


def remove(tx: Transaction, row: DocumentRow) -> None:
    """Removes row and content; a file outside is left to the worker, because a rollback could not bring it back."""
    contents = tx.server.contents.find(row.store)
    store.delete_document(tx.connection, row.document_id)
    if contents is not None and not contents.outside:
        contents.remove(tx.connection, row.location)
    else:
        store.insert_leftover(tx.connection, row.location, tx.now)
        tx.wake("documents")


# --- the worker's part ----------------------------------------------------------------------------------


@command
def remove_expired(server: Server) -> int:
    """Removes documents whose time is over, some at a time; returns how many."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "DOCUMENT", "DELETE")
        expired = store.expired_documents(tx.connection, tx.now, SWEPT)
        for row in expired:
            remove(tx, row)
    return len(expired)


def remove_leftovers(server: Server) -> int:
    """Removes files that no document has, some at a time; returns how many."""
    contents = server.contents.outside()
    if contents is None:
        return 0
    done: list[str] = []
    stuck: list[str] = []
    for location in due_leftovers(server):
        try:
            contents.remove(None, location)
            done.append(location)
        except OSError as error:
            log.warning("document.file_not_removed", location=location, reason=str(error))
            stuck.append(location)
    if done or stuck:
        settle_leftovers(server, done, stuck)
    return len(done)


def due_leftovers(server: Server) -> list[str]:
    """Locations of files to remove."""
    with server.database.read() as connection:
        return store.due_leftovers(connection, read_moment(connection).now, SWEPT)


@command
def settle_leftovers(server: Server, done: list[str], stuck: list[str]) -> None:
    """Forgets leftovers that were removed; those that could not be are tried again in an hour."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "DOCUMENT", "DELETE")
        store.delete_leftovers(tx.connection, done)
        store.postpone_leftovers(tx.connection, stuck, tx.now + WRITING_TIME)
