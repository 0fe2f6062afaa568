"""The gate for Excel workbooks from outside, as ``kernel.xml`` is for XML."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Final

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from bpm_server.kernel.findings import Finding, RefusedFile

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

MAX_UNPACKED: Final = 100 * 1024 * 1024
"""Bytes of a workbook once it is unpacked."""


def worksheets(workbook: bytes, name: str) -> list[Worksheet]:
    """The worksheets of a workbook.

    Raises:
        RefusedFile: not a workbook, or too large.
    """
    try:
        with zipfile.ZipFile(BytesIO(workbook)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED:
            message = f"Expected a workbook of at most {MAX_UNPACKED} bytes unpacked, but found {unpacked}"
            raise RefusedFile(message, [Finding("error", "xlsx-size", message, file=name)])
        book = load_workbook(BytesIO(workbook), keep_links=False)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, TypeError, OSError) as error:
        message = f"Expected '{name}' to be an Excel workbook, but it cannot be read ({type(error).__name__})"
        raise RefusedFile(message, [Finding("error", "xlsx-file", message, file=name)]) from error
    return list(book.worksheets)
