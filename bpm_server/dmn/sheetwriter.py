"""Decision tables to an Excel workbook that people can edit; see :mod:`bpm_server.dmn.sheets`."""

from __future__ import annotations

import re
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Final

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from bpm_server.dmn import elements, sheets
from bpm_server.dmn.reader import read
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpyxl.worksheet.worksheet import Worksheet

_BOLD: Final = Font(bold=True)
_FILLS: Final = {
    "Input": PatternFill("solid", start_color="DDEBF7"),
    "Output": PatternFill("solid", start_color="E2EFDA"),
    "Annotation": PatternFill("solid", start_color="F2F2F2"),
    "Description": PatternFill("solid", start_color="F2F2F2"),
}
_FORBIDDEN_IN_TITLES: Final = re.compile(r"[\[\]:*?/\\\x00-\x1f']")
_NOT_IN_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - workbooks have local times, and ours none
_MAX_TITLE: Final = 31
_MAX_CELL: Final = 32_767
"""Characters that Excel takes in one cell."""


def to_xlsx(data: bytes, *, name: str) -> bytes:
    """Writes all decision tables of a DMN file to a workbook, one sheet each.

    Args:
        data: The DMN file.
        name: File name for messages.

    Raises:
        RefusedFile: not a DMN file.
        InvalidInput: no decision table in it, or a cell longer than Excel allows.
    """
    definitions = read(data, name=name)
    book = Workbook()
    first = book.active
    for kind, element, table in tables_of(definitions):
        sheet = book.create_sheet(_title(element.name or element.id, book.sheetnames))
        _SheetWriter(sheet, table).write(kind, element)
    if len(book.sheetnames) == 1 or first is None:
        message = f"Expected a decision table in '{name}', but found none"
        raise InvalidInput(message)
    book.remove(first)
    book.properties.creator = "bpm-server"
    book.properties.created = book.properties.modified = _EPOCH
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def tables_of(definitions: elements.Definitions) -> Iterator[tuple[str, elements.Element, elements.DecisionTable]]:
    """The decision tables that are the whole logic of a decision or business knowledge model."""
    for decision in definitions.decisions:
        if isinstance(decision.logic, elements.DecisionTable):
            yield sheets.DECISION, decision, decision.logic
    for knowledge in definitions.knowledge:
        if knowledge.logic is not None and isinstance(knowledge.logic.body, elements.DecisionTable):
            yield sheets.KNOWLEDGE, knowledge, knowledge.logic.body


def _title(name: str, taken: list[str]) -> str:
    plain = _FORBIDDEN_IN_TITLES.sub(" ", name).strip()[:_MAX_TITLE] or "Table"
    title, number = plain, 2
    while title.lower() in {each.lower() for each in taken}:
        suffix = f" ({number})"
        title, number = plain[: _MAX_TITLE - len(suffix)] + suffix, number + 1
    return title


class _SheetWriter:
    """Writes one sheet."""

    def __init__(self, sheet: Worksheet, table: elements.DecisionTable) -> None:
        self._sheet = sheet
        self._table = table
        self._column = 1

    def write(self, kind: str, element: elements.Element) -> None:
        """The whole sheet."""
        self._put(sheets.TITLE_ROW, 1, kind)
        self._put(sheets.TITLE_ROW, 2, element.name)
        self._put(sheets.TITLE_ROW, 3, f"id: {element.id}")
        self._put(sheets.POLICY_ROW, 1, "Hit policy")
        self._put(sheets.POLICY_ROW, 2, self._table.hit_policy)
        self._put(sheets.POLICY_ROW, 3, "Aggregation")
        self._put(sheets.POLICY_ROW, 4, self._table.aggregation or "")
        self._put(sheets.POLICY_ROW, 5, "Output label")
        self._put(sheets.POLICY_ROW, 6, self._table.output_label)
        self._put(sheets.POLICY_ROW, 7, "Orientation")
        self._put(sheets.POLICY_ROW, 8, self._table.orientation)
        for row, head in sheets.HEADS.items():
            self._put(row, 1, head)
        self._inputs()
        self._outputs()
        self._annotations()
        self._rule_ids()
        self._style()

    # ------------------------------------------------------------------ columns

    def _inputs(self) -> None:
        for number, clause in enumerate(self._table.inputs):
            self._next("Input", clause.label, clause.expression.text, clause.type, clause.allowed, clause.id)
            self._put(sheets.VARIABLE_ROW, self._column, clause.variable)
            self._put(sheets.LANGUAGE_ROW, self._column, clause.expression.language)
            for row, rule in enumerate(self._table.rules, sheets.FIRST_RULE_ROW):
                self._cell(row, rule.inputs[number])
                if number == 0 and not any(each.text for each in (*rule.inputs, *rule.outputs)):
                    self._put(row, self._column, "-")  # a row without anything would not be a rule

    def _outputs(self) -> None:
        for number, clause in enumerate(self._table.outputs):
            self._next("Output", clause.label, clause.name, clause.type, clause.allowed, clause.id)
            if clause.default is not None:
                self._cell(sheets.DEFAULT_ROW, clause.default)
            for row, rule in enumerate(self._table.rules, sheets.FIRST_RULE_ROW):
                self._cell(row, rule.outputs[number])

    def _annotations(self) -> None:
        for number, title in enumerate(self._table.annotations):
            self._next("Annotation", title)
            for row, rule in enumerate(self._table.rules, sheets.FIRST_RULE_ROW):
                self._put(row, self._column, rule.annotations[number] if number < len(rule.annotations) else "")
        self._next("Description")
        for row, rule in enumerate(self._table.rules, sheets.FIRST_RULE_ROW):
            self._put(row, self._column, rule.description)

    def _rule_ids(self) -> None:
        self._next("Rule id")
        for number, rule in enumerate(self._table.rules):
            self._sheet.cell(sheets.FIRST_RULE_ROW + number, 1, number + 1)
            self._put(sheets.FIRST_RULE_ROW + number, self._column, rule.id)
        self._sheet.column_dimensions[get_column_letter(self._column)].hidden = True

    def _next(
        self,
        kind: sheets.ColumnKind,
        label: str = "",
        expression: str = "",
        type_: str = "",
        allowed: elements.Text | None = None,
        id_: str = "",
    ) -> None:
        """Starts the next column."""
        self._column += 1
        self._put(sheets.COLUMN_ROW, self._column, kind)
        self._put(sheets.LABEL_ROW, self._column, label)
        self._put(sheets.EXPRESSION_ROW, self._column, expression)
        self._put(sheets.TYPE_ROW, self._column, type_)
        self._put(sheets.ALLOWED_ROW, self._column, "" if allowed is None else allowed.text)
        self._put(sheets.ID_ROW, self._column, id_)

    # ------------------------------------------------------------------ cells

    def _cell(self, row: int, text: elements.Text) -> None:
        self._put(row, self._column, text.text)
        if text.language:
            remark = sheets.LANGUAGE_REMARK + text.language
            self._sheet.cell(row, self._column).comment = Comment(remark, "bpm-server")

    def _put(self, row: int, column: int, text: str) -> None:
        """Text stays text: Excel must not take ``=10`` for a formula."""
        if not text:
            return
        if len(text) > _MAX_CELL:
            place = f"{get_column_letter(column)}{row}"
            message = f"Expected texts of at most {_MAX_CELL} characters, but that of {place} has {len(text)}"
            raise InvalidInput(message)
        self._sheet.cell(row, column, _NOT_IN_XML.sub("", text)).data_type = "s"
        self._sheet.cell(row, column).number_format = "@"

    def _style(self) -> None:
        sheet = self._sheet
        for number in range(1, self._column + 1):
            kind = str(sheet.cell(sheets.COLUMN_ROW, number).value)
            sheet.column_dimensions[get_column_letter(number)].width = 14 if number == 1 else 26
            for row in range(sheets.COLUMN_ROW, sheets.FIRST_RULE_ROW):
                cell = sheet.cell(row, number)
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                if number == 1 or row == sheets.LABEL_ROW:
                    cell.font = _BOLD
                if kind in _FILLS:
                    cell.fill = _FILLS[kind]
        for row in (sheets.VARIABLE_ROW, sheets.LANGUAGE_ROW, sheets.ID_ROW):
            sheet.row_dimensions[row].hidden = True
        sheet.cell(sheets.TITLE_ROW, 2).font = _BOLD
        sheet.freeze_panes = f"B{sheets.FIRST_RULE_ROW}"
        policies = DataValidation("list", formula1='"UNIQUE,FIRST,PRIORITY,ANY,COLLECT,RULE ORDER,OUTPUT ORDER"')
        policies.add(sheet.cell(sheets.POLICY_ROW, 2))
        sheet.add_data_validation(policies)
