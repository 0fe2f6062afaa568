"""Tables that people edit: CSV and Excel, line by line, with columns named in the first one."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO, StringIO
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook
from openpyxl.styles import Font

from bpm_server.kernel.findings import Finding, RefusedFile, refuse_errors
from bpm_server.kernel.workbook import worksheets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MOST_LINES = 100_000
EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - workbooks have local times; this one says nothing
_NOT_IN_CELLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its number in the file, and its texts by column; columns that the file has not are missing."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def read_lines(data: bytes, file: str, columns: Sequence[str], required: Sequence[str]) -> list[Line]:
    """The lines of a CSV file (UTF-8 or GB 18030; comma, semicolon or tab) or of an Excel workbook's first sheet.

    Blank lines are passed over, and so is what follows ``#`` in the first cell.

    Raises:
        RefusedFile: neither, an unknown or missing column, or too many lines.
    """
    rows = _sheet(data, file) if data.startswith(b"PK\x03\x04") else _csv(data, file)
    first = next(rows, None)
    names = [] if first is None else [name.strip() for name in first[1]]
    while names and not names[-1]:
        names.pop()
    _check_columns(names, file, columns, required)
    lines: list[Line] = []
    for number, texts in rows:
        if len(lines) >= MOST_LINES:
            _refuse(file, number, f"Expected at most {MOST_LINES} lines, but found more")
        if any(text.strip() for text in texts[len(names) :]):
            _refuse(file, number, f"Expected {len(names)} cells, but found {len(texts)}")
        cells = zip_longest(names, texts[: len(names)], fillvalue="")  # what a line ends before is empty
        lines.append(Line(number, {name: text.strip() for name, text in cells}))
    return lines


def _check_columns(names: list[str], file: str, columns: Sequence[str], required: Sequence[str]) -> None:
    unknown = [name for name in names if name not in columns]
    missing = [name for name in required if name not in names]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if unknown or missing or twice:
        parts = (("unknown", unknown), ("missing", missing), ("twice", twice))
        found = "; ".join(f"{what}: {', '.join(map(repr, which))}" for what, which in parts if which)
        _refuse(file, 1, f"Expected the columns {', '.join(columns)} in the first line, but found {found}")


def _refuse(file: str, line: int, message: str) -> None:
    refuse_errors(file, [Finding("error", "lines", message, file=file, line=line)])


def _csv(data: bytes, file: str) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(data, file)
    head = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    before = 0
    try:
        for texts in reader:
            number, before = before + 1, reader.line_num
            if _counts(texts):
                yield number, texts
    except csv.Error as error:
        message = f"Expected CSV, but found: {error}"
        raise RefusedFile(message, [Finding("error", "lines", message, file=file, line=reader.line_num)]) from error


def _decoded(data: bytes, file: str) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    message = f"Expected '{file}' to be an Excel workbook, or CSV in UTF-8 or GB 18030, but found other bytes"
    raise RefusedFile(message, [Finding("error", "lines", message, file=file)])


def _sheet(data: bytes, file: str) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(worksheets(data, file)[0].iter_rows(values_only=True), 1):
        texts = [_text(value) for value in row]
        if _counts(texts):
            yield number, texts


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _counts(texts: list[str]) -> bool:
    return any(text.strip() for text in texts) and not texts[0].startswith("#")


def write_csv(columns: Sequence[str], lines: Iterable[Mapping[str, str]]) -> bytes:
    """The lines as CSV in UTF-8, with a mark by which Excel knows that."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([line.get(name, "") for name in columns] for line in lines)
    return buffer.getvalue().encode("utf-8-sig")


def write_xlsx(title: str, columns: Sequence[str], lines: Iterable[Mapping[str, str]]) -> bytes:
    """The lines as a workbook of one sheet; every cell is text, whatever it begins with."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101
    sheet.title = title
    sheet.freeze_panes = "A2"
    sheet.append(list(columns))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for number, line in enumerate(lines, 2):
        for place, name in enumerate(columns, 1):
            text = _NOT_IN_CELLS.sub(" ", line.get(name, ""))
            if text:
                cell = sheet.cell(number, place, text)
                cell.data_type = "s"
    book.properties.creator = "bpm-server"
    book.properties.created = book.properties.modified = EPOCH
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()
