"""An edited Excel workbook back into a DMN file; see :mod:`bpm_server.dmn.sheets`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from openpyxl.utils import get_column_letter

from bpm_server.dmn import sheets
from bpm_server.dmn.model import load
from bpm_server.dmn.tablexml import TableXml, new_definitions, put_table, serialized
from bpm_server.kernel.findings import Finding, refuse_errors
from bpm_server.kernel.workbook import worksheets
from bpm_server.kernel.xml import parse

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_CELL_KINDS: Final = frozenset({"Input", "Output", "Annotation", "Description", "Rule id"})


def from_xlsx(workbook: bytes, *, name: str, into: bytes | None = None) -> bytes:
    """Puts the tables of a workbook into a DMN file.

    Args:
        workbook: The Excel file, made by :func:`bpm_server.dmn.to_xlsx` and edited, or made by hand.
        name: File name for messages.
        into: The DMN file whose tables are to be replaced; everything else in it stays as it is. Without one,
            a new file is made, with a decision for each sheet.

    Raises:
        RefusedFile: not a workbook, a sheet that is not laid out as it should be, or a cell that is not FEEL;
            each finding names the sheet and the cell.
    """
    findings: list[Finding] = []
    tables = [table for sheet in worksheets(workbook, name) if (table := _SheetReader(sheet, name, findings).read())]
    refuse_errors(name, findings)
    if not tables:
        findings.append(
            Finding("error", "xlsx-empty", "Expected a sheet with a decision table, but found none", file=name)
        )
        refuse_errors(name, findings)
    root = new_definitions(name) if into is None else parse(into, name=name)
    places: dict[str, str] = {}
    for table in tables:
        places.update(put_table(root, table, create=into is None, report=findings.append))
    refuse_errors(name, findings)
    data = serialized(root)
    _check(data, name, places)
    return data


def _check(data: bytes, name: str, places: dict[str, str]) -> None:
    """Refuses errors that come from a cell; those elsewhere in the file were there before."""
    model = load(data, name=name, strict=False, check=False)
    found = []
    for finding in model.findings:
        place = places.get(finding.element or "")
        if place:
            message = f"{place}: {finding.message}"
            found.append(Finding(finding.severity, finding.rule, message, finding.element, file=name))
    refuse_errors(name, found)


@dataclass(slots=True)
class SheetColumn:
    """A column of a sheet: a clause of the table and its cells.

    Attributes:
        letter: The column in Excel.
        cells: Texts by row.
        languages: Languages of cells that name one, by row.
    """

    kind: str
    letter: str
    label: str
    expression: str
    type: str
    allowed: str
    default: str
    variable: str
    language: str
    id: str
    cells: dict[int, str] = field(default_factory=dict)
    languages: dict[int, str] = field(default_factory=dict)


class _SheetReader:
    """Reads one sheet."""

    def __init__(self, sheet: Worksheet, file: str, findings: list[Finding]) -> None:
        self._sheet = sheet
        self._file = file
        self._findings = findings

    def read(self) -> TableXml | None:
        """The table of the sheet; None where it has none or is wrong."""
        sheet = self._sheet
        kind = self._text(sheets.TITLE_ROW, 1)
        if kind not in {sheets.DECISION, sheets.KNOWLEDGE}:
            return None
        if (sheet.max_row or 0) > sheets.MAX_ROWS or (sheet.max_column or 0) > sheets.MAX_COLUMNS:
            self._error(f"A{sheet.max_row}", f"at most {sheets.MAX_ROWS} rows and {sheets.MAX_COLUMNS} columns", "more")
            return None
        for row, head in sheets.HEADS.items():
            found = self._text(row, 1)
            if found != head:
                self._error(f"A{row}", f"'{head}'", f"'{found}'")
                return None
        columns = [self._column(number) for number in range(2, (sheet.max_column or 1) + 1)]
        known = [column for column in columns if column is not None]
        if not any(column.kind == "Output" for column in known):
            self._error(f"A{sheets.COLUMN_ROW}", "an 'Output' column", "none")
            return None
        return TableXml(
            kind=kind,
            sheet=str(sheet.title),
            name=self._text(sheets.TITLE_ROW, 2),
            id=self._text(sheets.TITLE_ROW, 3).removeprefix("id:").strip(),
            hit_policy=self._text(sheets.POLICY_ROW, 2) or "UNIQUE",
            aggregation=self._text(sheets.POLICY_ROW, 4),
            output_label=self._text(sheets.POLICY_ROW, 6),
            orientation=self._text(sheets.POLICY_ROW, 8),
            columns=known,
            rows=self._rule_rows(known),
        )

    def _column(self, number: int) -> SheetColumn | None:
        letter = get_column_letter(number)
        kind = self._text(sheets.COLUMN_ROW, number)
        if not kind:
            return None
        if kind not in _CELL_KINDS:
            self._error(f"{letter}{sheets.COLUMN_ROW}", "Input, Output, Annotation or Description", f"'{kind}'")
            return None
        heads = {row: self._text(row, number) for row in sheets.HEADS}
        column = SheetColumn(
            kind,
            letter,
            label=heads[sheets.LABEL_ROW],
            expression=heads[sheets.EXPRESSION_ROW],
            type=heads[sheets.TYPE_ROW],
            allowed=heads[sheets.ALLOWED_ROW],
            default=heads[sheets.DEFAULT_ROW],
            variable=heads[sheets.VARIABLE_ROW],
            language=heads[sheets.LANGUAGE_ROW],
            id=heads[sheets.ID_ROW],
        )
        for row in range(sheets.FIRST_RULE_ROW, (self._sheet.max_row or 0) + 1):
            column.cells[row] = self._text(row, number)
        for row in (sheets.DEFAULT_ROW, *column.cells):
            comment = self._sheet.cell(row, number).comment
            if comment is not None and comment.text.startswith(sheets.LANGUAGE_REMARK):
                column.languages[row] = comment.text.removeprefix(sheets.LANGUAGE_REMARK).strip()
        return column

    @staticmethod
    def _rule_rows(columns: list[SheetColumn]) -> list[int]:
        """Rows with a rule: all but empty ones."""
        rows = columns[0].cells if columns else {}
        return [row for row in rows if any(column.cells[row] for column in columns if column.kind != "Rule id")]

    def _text(self, row: int, number: int) -> str:
        """A cell as text; numbers, truth values and dates as FEEL literals."""
        cell = self._sheet.cell(row, number)
        if cell.data_type == "f":
            self._error(cell.coordinate, "a value", "a formula")
            return ""
        if cell.data_type == "e":
            self._error(cell.coordinate, "a value", f"the error {cell.value}")
            return ""
        return _literal(cell.value)

    def _error(self, cell: str, expected: str, found: str) -> None:
        message = f"Sheet '{self._sheet.title}', cell {cell}: Expected {expected}, but found {found}"
        self._findings.append(Finding("error", "xlsx-cell", message, file=self._file))


def _literal(value: Any) -> str:
    """What a typed value means in FEEL."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return format(Decimal(repr(value)).normalize(), "f")
        case datetime():
            at_midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
            if at_midnight:
                return f'date("{value.date().isoformat()}")'
            return f'date and time("{value.replace(microsecond=0).isoformat()}")'
        case date():
            return f'date("{value.isoformat()}")'
        case time():
            return f'time("{value.replace(microsecond=0).isoformat()}")'
    return str(value).strip()
