"""``/v2/documents``: files that people and processes keep here, and links to them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from flask import Response, request

from bpm_server.domain.documents import Metadata, plain_name, plain_type
from bpm_server.kernel import json
from bpm_server.kernel.errors import BpmError, Forbidden, InvalidInput
from bpm_server.reports import documents as report
from bpm_server.services import documents
from bpm_server.services.authorization import authorize
from bpm_server.web import problems
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import (
    MAX_KEY,
    Body,
    Data,
    Fixed,
    Key,
    Many,
    Moment,
    Number,
    One,
    Reply,
    Text,
    read_text,
    writer,
)
from bpm_server.web.downloads import saved
from bpm_server.web.json_provider import reply

if TYPE_CHECKING:
    from typing import BinaryIO

    from werkzeug.datastructures import FileStorage

    from bpm_server.store.documents import DocumentRow

api = ApiBlueprint("documents", tag="Document")
links = ApiBlueprint("document-links", prefix="/api", tag="Document")
MOST_FILES = 100


class DocumentMetadata(Body):
    """What a sender says about a document; the size is measured, whatever it says."""

    content_type = Text(longest=256, null=True, load_default=None)
    file_name = Text(null=True, load_default=None)
    expires_at = Moment(null=True, load_default=None)
    size = Number(least=0, most=MAX_KEY, null=True)
    process_definition_id = Text(null=True, load_default=None)
    process_instance_key = Key(null=True, load_default=None)
    custom_properties = Data(null=True, load_default=None)


class DocumentMetadataResult(Reply):
    """What is known about a document."""

    content_type = Text()
    file_name = Text()
    expires_at = Moment(null=True)
    size = Number(least=0, most=MAX_KEY)
    process_definition_id = Text(of="process_id", null=True)
    process_instance_key = Key(of="instance_key", null=True)
    custom_properties = Data(of="properties")


class DocumentReference(Reply):
    """By what a document is found again."""

    camunda_document_type = Fixed("camunda", data_key="camunda.document.type")
    store_id = Text(of="store")
    document_id = Text()
    content_hash = Text(null=True)
    metadata = One(DocumentMetadataResult)


class FailedDocument(Reply):
    """Why one file of a batch was not kept."""

    file_name = Text()
    status = Number()
    title = Text()
    detail = Text()


class DocumentBatchResult(Reply):
    """What became of a batch."""

    failed_documents = Many(FailedDocument)
    created_documents = Many(DocumentReference)


class LinkRequest(Body):
    """How long a link works: milliseconds, an hour by default."""

    time_to_live = Number(least=-(2**63), most=MAX_KEY, null=True, load_default=None)


class DocumentLink(Reply):
    """A link that needs no credentials."""

    url = Text(longest=4_096)
    expires_at = Moment()


def _query(name: str, text: str) -> dict[str, Any]:
    return {"in": "query", "name": name, "schema": {"type": "string"}, "description": text}


STORE = _query("storeId", "database or folder; the installation's choice where it is not named.")
HASH = _query("contentHash", "As the document's reference has it.")
_FILE = {"type": "string", "format": "binary"}


def _form_doc(required: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": [required], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


_ONE_FILE = _form_doc("file", {"file": _FILE, "metadata": DocumentMetadata})
_FILES = _form_doc(
    "files",
    {"files": {"type": "array", "items": _FILE}, "metadataList": {"type": "array", "items": DocumentMetadata}},
)


def _argument(name: str) -> str | None:
    found = request.args.get(name)
    return read_text(found) if found else None


# --- keeping --------------------------------------------------------------------------------------------


@api.operation(
    "POST",
    "/documents",
    "createDocument",
    gives=DocumentReference,
    status=201,
    parameters=[STORE, _query("documentId", "A new one is made where it is not named.")],
    doc=_ONE_FILE,
)
def create_document(call: Call) -> dict[str, Any]:
    """Keep a document."""
    uploads = request.files.getlist("file")
    if len(uploads) != 1:
        message = f"Expected one part 'file', but found {len(uploads)}"
        raise InvalidInput(message, field="file")
    text = request.form.get("metadata")
    with closing(uploads[0]) as upload:
        return _keep(call, upload, None if text is None else json.loads(text), _argument("documentId"))


@api.operation(
    "POST",
    "/documents/batch",
    "createDocuments",
    gives=DocumentBatchResult,
    status=201,
    parameters=[STORE],
    doc=_FILES,
)
def create_documents(call: Call) -> Response | dict[str, Any]:
    """Keep several documents; those that cannot be kept are told with 207."""
    authorize(call.actor, "DOCUMENT", "CREATE")
    uploads = request.files.getlist("files")
    described = _described(len(uploads))
    kept: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for upload, metadata in zip(uploads, described, strict=True):
        try:
            with closing(upload):
                kept.append(_keep(call, upload, metadata, None))
        except Forbidden:
            raise
        except BpmError as error:
            failed.append({"file_name": upload.filename or "", **_failure(error)})
    result = {"failed_documents": failed, "created_documents": kept}
    return reply(writer(DocumentBatchResult)(result), 207) if failed else result


def _failure(error: BpmError) -> dict[str, Any]:
    status = problems.status_of(error)
    return {"status": status, "title": problems.title_of(status), "detail": error.message}


def _described(files: int) -> list[Any]:
    """The metadata of each file: one part for each, or one part with a list.

    Raises:
        InvalidInput: no files or too many, or not as many pieces of metadata as files.
    """
    if not 1 <= files <= MOST_FILES:
        message = f"Expected 1 to {MOST_FILES} parts 'files', but found {files}"
        raise InvalidInput(message, field="files")
    found = [json.loads(text) for text in request.form.getlist("metadataList")]
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    if found and len(found) != files:
        message = f"Expected as many pieces of metadata as files, but found {len(found)} for {files}"
        raise InvalidInput(message, field="metadataList")
    return found or [None] * files


def _keep(call: Call, upload: FileStorage, metadata: Any, document_id: str | None) -> dict[str, Any]:
    said = One(DocumentMetadata).read({} if metadata is None else metadata)
    name = plain_name(read_text(said["file_name"] or upload.filename or document_id or "document"))
    row = documents.create_document(
        call.server,
        call.actor,
        cast("BinaryIO", upload.stream),
        Metadata(
            name,
            plain_type(said["content_type"] or upload.mimetype or ""),
            said["expires_at"],
            said["process_definition_id"],
            said["process_instance_key"],
            said["custom_properties"] or {},
        ),
        document_id=document_id,
        store_id=_argument("storeId"),
    )
    return _reference(row)


def _reference(row: DocumentRow) -> dict[str, Any]:
    return {
        "store": row.store,
        "document_id": row.document_id,
        "content_hash": row.content_hash,
        "metadata": row,
    }


# --- reading and removing -------------------------------------------------------------------------------


@api.operation("GET", "/documents/{documentId}", "getDocument", parameters=[STORE, HASH])
def get_document(call: Call, document_id: str) -> Response:
    """Read a document's content, as a file to be saved."""
    found = report.find(call.server, call.actor, document_id, _argument("storeId"), _argument("contentHash"))
    return saved(call.server, found)


@api.operation("DELETE", "/documents/{documentId}", "deleteDocument", status=204, parameters=[STORE])
def delete_document(call: Call, document_id: str) -> None:
    """Remove a document."""
    documents.delete_document(call.server, call.actor, document_id, _argument("storeId"))


@api.operation(
    "POST",
    "/documents/{documentId}/links",
    "createDocumentLink",
    takes=LinkRequest,
    gives=DocumentLink,
    status=201,
    parameters=[STORE, HASH],
)
def create_document_link(call: Call, document_id: str) -> report.Link:
    """Make a link that lets anybody read a document for some time."""
    return report.link(
        call.server,
        call.actor,
        document_id,
        _argument("storeId"),
        _argument("contentHash"),
        call.body["time_to_live"],
    )


@links.operation(
    "GET",
    "/document-links/{documentId}",
    "followDocumentLink",
    public=True,
    parameters=[_query("expires", "As in the link."), _query("signature", "As in the link.")],
)
def follow_document_link(call: Call, document_id: str) -> Response:
    """Read the document of a link; no credentials are needed."""
    until = request.args.get("expires", "")
    found = report.follow_link(
        call.server,
        document_id,
        int(until) if until.isascii() and until.isdigit() and len(until) < 19 else 0,
        request.args.get("signature", ""),
    )
    return saved(call.server, found)
