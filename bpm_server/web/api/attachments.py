"""``/api/.../attachments``: files beside tasks and cases."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from flask import Response, request

from bpm_server.domain.attachments import Place
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import attachments as report
from bpm_server.services import attachments
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import MAX_KEY, Key, Many, Moment, Number, Reply, Text, read_text
from bpm_server.web.downloads import saved

if TYPE_CHECKING:
    from typing import BinaryIO

    from bpm_server.domain.attachments import Attachment

api = ApiBlueprint("attachments", prefix="/api", tag="Attachment")
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}},
}
_UPLOAD = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}


class AttachmentResult(Reply):
    """A file beside a case."""

    attachment_key = Key(of="key")
    process_instance_key = Key(of="instance_key")
    user_task_key = Key(of="task_key", null=True)
    document_id = Text()
    file_name = Text()
    content_type = Text()
    size = Number(least=0, most=MAX_KEY)
    content_hash = Text()
    added_by = Text()
    added_at = Moment()


class Attachments(Reply):
    """The files beside a case, oldest first."""

    items = Many(AttachmentResult)


def _added(call: Call, place: Place) -> Attachment:
    uploads = request.files.getlist("file")
    if len(uploads) != 1:
        message = f"Expected one part 'file', but found {len(uploads)}"
        raise InvalidInput(message, field="file")
    with closing(uploads[0]) as upload:
        name, content = read_text(upload.filename or ""), cast("BinaryIO", upload.stream)
        return attachments.attach_file(call.server, call.actor, place, name, content)


@api.operation("GET", "/tasks/{userTaskKey}/attachments", "listTaskAttachments", gives=Attachments)
def list_task_attachments(call: Call, key: int) -> dict[str, Any]:
    """List the files beside the case of a user task."""
    return {"items": report.of_task(call.server, call.actor, key)}


@api.operation(
    "POST", "/tasks/{userTaskKey}/attachments", "attachToTask", gives=AttachmentResult, status=201, doc=_UPLOAD
)
def attach_to_task(call: Call, key: int) -> Attachment:
    """Put a file beside an open user task."""
    return _added(call, Place(task_key=key))


@api.operation(
    "GET", "/process-instances/{processInstanceKey}/attachments", "listInstanceAttachments", gives=Attachments
)
def list_instance_attachments(call: Call, key: int) -> dict[str, Any]:
    """List the files beside a process instance."""
    return {"items": report.of_instance(call.server, call.actor, key)}


@api.operation(
    "POST",
    "/process-instances/{processInstanceKey}/attachments",
    "attachToInstance",
    gives=AttachmentResult,
    status=201,
    doc=_UPLOAD,
)
def attach_to_instance(call: Call, key: int) -> Attachment:
    """Put a file beside an active process instance."""
    return _added(call, Place(instance_key=key))


@api.operation("GET", "/attachments/{attachmentKey}", "getAttachment", gives=AttachmentResult)
def get_attachment(call: Call, key: int) -> Attachment:
    """Read what is known of a file beside a case."""
    return report.find(call.server, call.actor, key)[0]


@api.operation("GET", "/attachments/{attachmentKey}/content", "getAttachmentContent")
def get_attachment_content(call: Call, key: int) -> Response:
    """Read a file beside a case, to be saved."""
    return saved(call.server, report.find(call.server, call.actor, key)[1])


@api.operation("DELETE", "/attachments/{attachmentKey}", "removeAttachment", status=204)
def remove_attachment(call: Call, key: int) -> None:
    """Remove a file that one has put beside an open task or case."""
    attachments.remove_attachment(call.server, call.actor, key)
