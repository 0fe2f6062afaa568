"""What submissions refer to: people who work here, and files of the case or of whoever submits the form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.attachments import FILE_TYPES, Attachment, Place, check_room
from bpm_server.domain.forms.references import DOCUMENT, Known, document_ids
from bpm_server.store import attachments, documents, identities

if TYPE_CHECKING:
    from bpm_server.domain.forms.references import Wanted
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.documents import DocumentRow

MOST_DOCUMENTS = 500


def find_references(tx: Transaction, wanted: Wanted, root_key: int | None) -> Known:
    """Those of the wanted people and files that somebody may refer to.

    Args:
        tx: The transaction.
        wanted: As the submission says.
        root_key: The case; None where it does not exist yet.
    """
    people = identities.active_names(tx.connection, wanted.people) if wanted.people else frozenset()
    if not wanted.documents:
        return Known(people)
    ids = sorted(wanted.documents)[:MOST_DOCUMENTS]
    theirs = (
        {} if root_key is None else {one.document_id for one in attachments.of_documents(tx.connection, root_key, ids)}
    )
    found = documents.find_documents(tx.connection, ids, tx.now)
    return Known(
        people,
        {row.document_id: reference(row) for row in found if row.document_id in theirs or _is_waiting(tx, row)},
    )


def _is_waiting(tx: Transaction, row: DocumentRow) -> bool:
    """Whether it was sent for a form by whoever acts, and is of a type that may be attached."""
    extension = row.file_name.rpartition(".")[2].lower()
    known = FILE_TYPES.get(extension)
    return (
        row.created_by == tx.actor.username
        and row.expires_at is not None
        and row.instance_key is None
        and extension in tx.server.settings.attachment_types
        and known is not None
        and known.content_type == row.content_type
    )


def reference(row: DocumentRow) -> dict[str, Any]:
    """A document as variables hold it."""
    return {
        DOCUMENT: "camunda",
        "storeId": row.store,
        "documentId": row.document_id,
        "contentHash": row.content_hash,
        "metadata": {"contentType": row.content_type, "fileName": row.file_name, "size": row.size},
    }


def adopt_files(tx: Transaction, values: dict[str, Any], row: InstanceRow, task_key: int | None) -> None:
    """Files that were sent for a form become attachments of its case; for commands that submit a form."""
    ids = list(dict.fromkeys(document_ids(values)))[:MOST_DOCUMENTS]
    found = {one.document_id: one for one in documents.find_documents(tx.connection, ids, tx.now)} if ids else {}
    for one in (found[name] for name in ids if name in found and _is_waiting(tx, found[name])):
        check_room(Place(task_key, row.key), attachments.count_of(tx.connection, row.key))
        documents.settle(tx.connection, one.document_id, row.process_id, row.key)
        attachments.insert_attachment(tx.connection, made_of(tx, one, row.key, task_key))


def made_of(tx: Transaction, document: DocumentRow, instance_key: int, task_key: int | None) -> Attachment:
    """The attachment of a document, put there by whoever acts."""
    return Attachment(
        key=tx.server.new_key(),
        instance_key=instance_key,
        task_key=task_key,
        document_id=document.document_id,
        file_name=document.file_name,
        content_type=document.content_type,
        size=document.size,
        content_hash=document.content_hash,
        added_by=tx.actor.username,
        added_at=tx.now,
    )
