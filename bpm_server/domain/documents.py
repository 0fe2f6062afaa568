"""Documents: what may be said about one, how long it lives, and what a browser may be told that it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

UNKNOWN_TYPE = "application/octet-stream"
LONGEST_PROPERTIES = 65_536
"""Characters of the custom properties as JSON."""
LONGEST_NAME = 255
LINK_LIFE = timedelta(hours=1)
"""Of a link whose life nobody names."""
LONGEST_LINK_LIFE = timedelta(days=7)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_~@.+\-]{0,255}")
_TYPE = re.compile(r"[A-Za-z0-9][\w!#$&^.+\-]{0,126}/[A-Za-z0-9][\w!#$&^.+\-]{0,126}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INERT = re.compile(
    r"image/(png|jpeg|gif|webp|bmp|tiff)|text/(plain|csv)|(audio|video)/[\w.+\-]+|application/(pdf|json|zip|msword"
    r"|vnd\.ms-(excel|powerpoint|outlook)|vnd\.openxmlformats-officedocument\.[\w.\-]+|vnd\.oasis\.opendocument\.[\w.\-]+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What its sender says about a document."""

    file_name: str
    content_type: str = UNKNOWN_TYPE
    expires_at: datetime | None = None
    process_id: str | None = None
    instance_key: int | None = None
    properties: dict[str, Any] = field(default_factory=dict)


def check_id(document_id: str) -> str:
    """An id that is the same in a path, a log and a table.

    Raises:
        InvalidInput: empty, too long, or with other characters than letters, digits and ``_~@.+-``.
    """
    if _ID.fullmatch(document_id):
        return document_id
    message = (
        "Expected a document id of 1 to 256 letters, digits and _~@.+-, a letter or digit first, "
        f"but found '{document_id[:60]}'"
    )
    raise InvalidInput(message, field="documentId")


def check_metadata(metadata: Metadata, now: datetime) -> None:
    """What is said must be storable, and the document must have some time to live.

    Raises:
        InvalidInput: names the member that is wrong.
    """
    name, kind = metadata.file_name, metadata.content_type
    if not name or len(name) > LONGEST_NAME or _CONTROL.search(name):
        message = f"Expected a file name of 1 to {LONGEST_NAME} printable characters, but found {name[:60]!r}"
        raise InvalidInput(message, field="metadata.fileName")
    if not _TYPE.fullmatch(kind):
        message = f"Expected a content type such as application/pdf, but found {kind[:60]!r}"
        raise InvalidInput(message, field="metadata.contentType")
    if metadata.expires_at is not None and metadata.expires_at <= now:
        message = f"Expected a document that expires in the future, but found {metadata.expires_at:%Y-%m-%d %H:%M:%S}"
        raise InvalidInput(message, field="metadata.expiresAt")
    length = len(json.dumps(metadata.properties))
    if length > LONGEST_PROPERTIES:
        message = f"Expected custom properties of at most {LONGEST_PROPERTIES} characters, but found {length}"
        raise InvalidInput(message, field="metadata.customProperties")


def plain_type(content_type: str) -> str:
    """A content type without its parameters."""
    return content_type.partition(";")[0].strip().lower() or UNKNOWN_TYPE


def plain_name(file_name: str) -> str:
    """The last part of a path, whichever system wrote it."""
    return re.split(r"[/\\]", file_name)[-1].strip()


def shown_type(content_type: str) -> str:
    """What a browser may be told that a document is: itself where no browser would run it, else unknown bytes."""
    return content_type if _INERT.fullmatch(content_type) else UNKNOWN_TYPE


def link_life(milliseconds: int | None) -> timedelta:
    """How long a link to a document works.

    Raises:
        InvalidInput: less than a millisecond, or more than seven days.
    """
    if milliseconds is None:
        return LINK_LIFE
    longest = LONGEST_LINK_LIFE // timedelta(milliseconds=1)
    if not 1 <= milliseconds <= longest:
        message = f"Expected a time to live from 1 to {longest} milliseconds, but found {milliseconds}"
        raise InvalidInput(message, field="timeToLive")
    return timedelta(milliseconds=milliseconds)
