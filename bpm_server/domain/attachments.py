"""Attachments: which files may be put beside a case, told by their names and, above all, by what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import filetype

from bpm_server.domain.documents import LONGEST_NAME, plain_name
from bpm_server.kernel.errors import InvalidInput, LimitExceeded, WrongState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

HEAD: Final = 8_192
"""Bytes at the beginning of a file that tell its type."""
MOST: Final = 200
"""Attachments of one case that are there at a time."""
TEXT: Final = "text/plain"
_ZIP: Final = "application/zip"
_OLE: Final = "application/x-ole-storage"
_OLE_SIGNATURE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file.

    Attributes:
        content_type: What it is sent as.
        found: What its content may look like; a container such as ZIP does not always say what it holds.
    """

    content_type: str
    found: frozenset[str]


def _type(content_type: str, *also: str) -> FileType:
    return FileType(content_type, frozenset({content_type, *also}))


FILE_TYPES: Final[dict[str, FileType]] = {
    "pdf": _type("application/pdf"),
    "png": _type("image/png"),
    "jpg": _type("image/jpeg"),
    "jpeg": _type("image/jpeg"),
    "gif": _type("image/gif"),
    "webp": _type("image/webp"),
    "bmp": _type("image/bmp"),
    "tif": _type("image/tiff"),
    "tiff": _type("image/tiff"),
    "docx": _type(f"{_OFFICE}wordprocessingml.document", _ZIP),
    "xlsx": _type(f"{_OFFICE}spreadsheetml.sheet", _ZIP),
    "pptx": _type(f"{_OFFICE}presentationml.presentation", _ZIP),
    "odt": _type(f"{_OPEN}text", _ZIP),
    "ods": _type(f"{_OPEN}spreadsheet", _ZIP),
    "odp": _type(f"{_OPEN}presentation", _ZIP),
    "doc": _type("application/msword", _OLE),
    "xls": _type("application/vnd.ms-excel", _OLE),
    "ppt": _type("application/vnd.ms-powerpoint", _OLE),
    "ofd": FileType("application/ofd", frozenset({_ZIP})),
    "zip": _type(_ZIP),
    "txt": _type(TEXT),
    "md": _type(TEXT),
    "csv": FileType("text/csv", frozenset({TEXT})),
}
"""By the end of the name. OFD is the format of Chinese electronic invoices (GB/T 33190), a ZIP file."""
SHOWN_IN_PAGE: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Pictures that a page shows."""
PREVIEWED: Final = SHOWN_IN_PAGE | {"application/pdf"}
"""What a browser may show by itself; everything else is only saved."""


@dataclass(frozen=True, slots=True)
class Place:
    """Beside what a file is put: a task of a case, the case, or the start form of a process."""

    task_key: int | None = None
    instance_key: int | None = None
    process_id: str | None = None

    def __str__(self) -> str:
        if self.process_id is not None:
            return f"the start form of '{self.process_id}'"
        return f"task '{self.task_key}'" if self.task_key is not None else f"process instance '{self.instance_key}'"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside a case; what it was stays known when it is removed."""

    key: int
    instance_key: int
    task_key: int | None
    document_id: str
    file_name: str
    content_type: str
    size: int
    content_hash: str
    added_by: str
    added_at: datetime
    removed_by: str | None = None
    removed_at: datetime | None = None

    @property
    def is_picture(self) -> bool:
        """Whether a page may show it."""
        return self.content_type in SHOWN_IN_PAGE

    @property
    def is_previewed(self) -> bool:
        """Whether a browser may show it by itself."""
        return self.content_type in PREVIEWED


def check_types(names: Sequence[str]) -> None:
    """Only types whose content can be told may be allowed.

    Raises:
        InvalidInput: names those that are unknown.
    """
    unknown = [name for name in names if name not in FILE_TYPES]
    if unknown:
        message = f"Expected types of attachments among {', '.join(FILE_TYPES)}, but found {', '.join(unknown)}"
        raise InvalidInput(message)


def check_file(file_name: str, head: bytes, allowed: Sequence[str]) -> str:
    """The content type of a file whose name and content say the same, and that is allowed.

    Args:
        file_name: As its sender calls it.
        head: Its first :data:`HEAD` bytes.
        allowed: Ends of names, without dots.

    Raises:
        InvalidInput: ``details["reason"]`` is ``empty``, ``name``, ``extension`` or ``content``.
    """
    name = plain_name(file_name)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        message = f"Expected a file name of 1 to {LONGEST_NAME} printable characters, but found {file_name[:60]!r}"
        raise InvalidInput(message, field="file", reason="name")
    if not head:
        message = f"Expected a file with something in it, but '{name}' is empty"
        raise InvalidInput(message, field="file", reason="empty")
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    known = FILE_TYPES.get(extension)
    if known is None or extension not in allowed:
        message = f"Expected a file of the types {', '.join(allowed)}, but found '{name}'"
        raise InvalidInput(message, field="file", reason="extension", allowed=list(allowed))
    found = found_type(head)
    if found not in known.found:
        message = f"Expected '{name}' to be {known.content_type}, but its content is {found or 'something else'}"
        raise InvalidInput(message, field="file", reason="content", found=found)
    return known.content_type


def found_type(head: bytes) -> str | None:
    """The content type that the first bytes of a file tell; None where they tell none."""
    found = filetype.guess_mime(head)
    if found is not None:
        return str(found)
    if head.startswith(_OLE_SIGNATURE):
        return _OLE
    return TEXT if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Whether it is text in UTF-8 or GB 18030, which spreadsheets write in China; the last character may be cut."""
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in head) or head.startswith(b"#!"):
        return False
    for encoding in ("utf-8", "gb18030"):
        for cut in range(4):
            try:
                head[: len(head) - cut].decode(encoding)
            except UnicodeDecodeError:
                if len(head) < HEAD:
                    break
            else:
                return True
    return False


def check_room(place: Place, count: int) -> None:
    """There must be room for one more.

    Raises:
        LimitExceeded: the case has as many as it may have.
    """
    if count >= MOST:
        message = f"Expected at most {MOST} attachments beside {place}, but there are {count}"
        raise LimitExceeded(message, limit=MOST)


def check_removal(attachment: Attachment, *, is_over: bool) -> None:
    """What somebody has put beside a task or a case can be removed while that is open.

    Raises:
        WrongState: it has ended.
    """
    if is_over:
        place = Place(attachment.task_key, attachment.instance_key)
        message = f"Expected to remove attachment '{attachment.key}', but {place} has ended"
        raise WrongState(message, reason="ended", retry=False)
