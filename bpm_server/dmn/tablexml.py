"""Decision tables written into the XML of a DMN file, so that all else in the file stays as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lxml import etree

from bpm_server.dmn import sheets
from bpm_server.kernel.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

    from bpm_server.dmn.sheetreader import SheetColumn

_NEWEST: Final = "https://www.omg.org/spec/DMN/20191111/MODEL/"
"""DMN 1.3, which the Modeler writes."""
_CAMUNDA: Final = "{http://camunda.org/schema/1.0/dmn}"
_TAGS: Final = {sheets.DECISION: "decision", sheets.KNOWLEDGE: "businessKnowledgeModel"}
_KEPT: Final = ("input", "output", "rule")
"""Elements whose extensions stay with them."""
_NOT_IN_IDS: Final = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class TableXml:
    """A table as it was read from a sheet.

    Attributes:
        rows: Rows that hold rules.
    """

    kind: str
    sheet: str
    name: str
    id: str
    hit_policy: str
    aggregation: str
    output_label: str
    orientation: str
    columns: list[SheetColumn]
    rows: list[int]

    def of_kind(self, kind: sheets.ColumnKind) -> list[SheetColumn]:
        """The columns of a kind, from left to right."""
        return [column for column in self.columns if column.kind == kind]


def new_definitions(name: str) -> _Element:
    """An empty DMN file."""
    spaces: dict[str | None, str] = {None: _NEWEST, "camunda": _CAMUNDA[1:-1]}
    root = etree.Element(f"{{{_NEWEST}}}definitions", nsmap=spaces)
    plain = _NOT_IN_IDS.sub("_", name.rpartition(".")[0] or name).strip("_") or "tables"
    root.set("id", f"definitions_{plain}")
    root.set("name", plain)
    root.set("namespace", "http://camunda.org/schema/1.0/dmn")
    return root


def serialized(root: _Element) -> bytes:
    """The file as bytes."""
    return etree.tostring(root.getroottree(), xml_declaration=True, encoding="UTF-8")


def put_table(root: _Element, table: TableXml, *, create: bool, report: Callable[[Finding], None]) -> dict[str, str]:
    """Replaces the table of a decision or business knowledge model.

    Args:
        root: The definitions.
        table: The new table.
        create: Add a decision where there is none of that id.
        report: Takes what is wrong.

    Returns:
        The places on the sheet of all ids in the table, for messages.
    """
    space = f"{{{etree.QName(root).namespace}}}"
    owner = next((each for each in root.iter(space + _TAGS[table.kind]) if each.get("id") == table.id), None)
    if owner is None and create:
        owner = _new_owner(root, space, table)
    if owner is None:
        place = f"Sheet '{table.sheet}', cell C1"
        message = f"{place}: Expected the id of a {table.kind.lower()} in the file, but found '{table.id}'"
        report(Finding("error", "xlsx-unknown-decision", message))
        return {}
    old = next(owner.iter(space + "decisionTable"), None)
    if old is None:
        parent = owner if table.kind == sheets.DECISION else etree.SubElement(owner, space + "encapsulatedLogic")
        old = etree.SubElement(parent, space + "decisionTable")
        old.set("id", f"{table.id}_table")
    return _TableWriter(space, old, table).write()


def _new_owner(root: _Element, space: str, table: TableXml) -> _Element:
    owner = etree.SubElement(root, space + "decision")
    owner.set("id", table.id or _NOT_IN_IDS.sub("_", table.name) or "decision")
    owner.set("name", table.name or table.id)
    return owner


class _TableWriter:
    """Writes the children of one decision table."""

    def __init__(self, space: str, element: _Element, table: TableXml) -> None:
        self._space = space
        self._element = element
        self._table = table
        self._places: dict[str, str] = {}
        self._cell_ids = self._known_cell_ids()
        self._old = {
            each.get("id", ""): each for each in element.iter(*(space + tag for tag in _KEPT)) if each.get("id")
        }
        self._taken = {each.get("id", "") for each in element.getroottree().iter(etree.Element)}

    def write(self) -> dict[str, str]:
        """The whole table; gives the places of ids on the sheet."""
        table, element = self._table, self._element
        for child in list(element):
            element.remove(child)
        self._set("hitPolicy", table.hit_policy, unless="UNIQUE")
        self._set("aggregation", table.aggregation)
        self._set("outputLabel", table.output_label)
        self._set("preferredOrientation", table.orientation, unless="Rule-as-Row")
        for column in table.of_kind("Input"):
            self._input(column)
        for column in table.of_kind("Output"):
            self._output(column)
        for column in table.of_kind("Annotation"):
            self._child(element, "annotation").set("name", column.label)
        for row in table.rows:
            self._rule(row)
        etree.indent(element, "  ", level=sum(1 for _ in element.iterancestors()))
        return self._places

    def _set(self, name: str, value: str, unless: str = "") -> None:
        if value and (value != unless or name in self._element.attrib):
            self._element.set(name, value)
        elif name in self._element.attrib:
            del self._element.attrib[name]

    def _known_cell_ids(self) -> dict[tuple[str, str], str]:
        """Ids of the cells of the old table, by rule and clause."""
        clauses = {
            kind: [each.get("id", "") for each in self._element.iterchildren(self._space + kind)]
            for kind in ("input", "output")
        }
        known = {}
        for rule in self._element.iterchildren(self._space + "rule"):
            for kind, tag in (("input", "inputEntry"), ("output", "outputEntry")):
                cells = rule.iterchildren(self._space + tag)
                for clause, cell in zip(clauses[kind], cells, strict=False):
                    known[rule.get("id", ""), clause] = cell.get("id", "")
        return known

    def _keep_extensions(self, element: _Element) -> None:
        """Attributes and elements of other namespaces stay with a clause or rule of the same id."""
        old = self._old.get(element.get("id", ""))
        if old is None:
            return
        for name, value in old.attrib.items():
            if str(name).startswith("{") and name != f"{_CAMUNDA}inputVariable":
                element.set(name, value)
        extensions = old.find(self._space + "extensionElements")
        if extensions is not None:
            element.insert(0, extensions)

    def _old_id(self, clause: str, tag: str) -> str:
        """The id of a child of a clause of the old table."""
        old = self._old.get(clause)
        child = None if old is None else old.find(self._space + tag)
        return "" if child is None else child.get("id", "")

    # ------------------------------------------------------------------ clauses

    def _input(self, column: SheetColumn) -> None:
        clause = self._child(self._element, "input")
        clause.set("id", self._id(column.id, f"{column.letter}_input", column, sheets.EXPRESSION_ROW))
        column.id = clause.get("id", "")
        self._keep_extensions(clause)
        if column.label:
            clause.set("label", column.label)
        if column.variable:
            clause.set(f"{_CAMUNDA}inputVariable", column.variable)
        expression = self._child(clause, "inputExpression")
        known = self._old_id(column.id, "inputExpression")
        expression.set("id", self._id(known, f"{column.id}_expression", column, sheets.EXPRESSION_ROW))
        if column.type:
            expression.set("typeRef", column.type)
        if column.language:
            expression.set("expressionLanguage", column.language)
        self._child(expression, "text").text = column.expression
        self._allowed(clause, "inputValues", column)

    def _output(self, column: SheetColumn) -> None:
        clause = self._child(self._element, "output")
        clause.set("id", self._id(column.id, f"{column.letter}_output", column, sheets.EXPRESSION_ROW))
        column.id = clause.get("id", "")
        self._keep_extensions(clause)
        for attribute, value in (("label", column.label), ("name", column.expression), ("typeRef", column.type)):
            if value:
                clause.set(attribute, value)
        self._allowed(clause, "outputValues", column)
        if column.default:
            default = self._child(clause, "defaultOutputEntry")
            known = self._old_id(column.id, "defaultOutputEntry") or f"{column.id}_default"
            self._fill(default, column, sheets.DEFAULT_ROW, column.default, known)

    def _allowed(self, clause: _Element, tag: str, column: SheetColumn) -> None:
        if column.allowed:
            allowed = self._child(clause, tag)
            known = self._old_id(column.id, tag)
            allowed.set("id", self._id(known, f"{column.id}_allowed", column, sheets.ALLOWED_ROW))
            self._child(allowed, "text").text = column.allowed

    # ------------------------------------------------------------------ rules

    def _rule(self, row: int) -> None:
        table = self._table
        rule = self._child(self._element, "rule")
        given = next((column.cells[row] for column in table.of_kind("Rule id")), "")
        first = table.columns[0]
        rule.set("id", self._id(given, f"{table.id}_rule_{row}", first, row))
        self._keep_extensions(rule)
        for column in table.of_kind("Description"):
            if column.cells[row]:
                self._child(rule, "description").text = column.cells[row]
        for kind, tag in (("Input", "inputEntry"), ("Output", "outputEntry")):
            for column in (each for each in table.columns if each.kind == kind):
                known = self._cell_ids.get((rule.get("id", ""), column.id), "")
                self._fill(self._child(rule, tag), column, row, column.cells[row], known or f"{column.letter}{row}")
        for column in table.of_kind("Annotation"):
            self._child(self._child(rule, "annotationEntry"), "text").text = column.cells[row]

    def _fill(self, cell: _Element, column: SheetColumn, row: int, text: str, id_: str) -> None:
        cell.set("id", self._id(id_, id_, column, row))
        if row in column.languages:
            cell.set("expressionLanguage", column.languages[row])
        self._child(cell, "text").text = text

    def _child(self, parent: _Element, tag: str) -> _Element:
        return etree.SubElement(parent, self._space + tag)

    def _id(self, wanted: str, otherwise: str, column: SheetColumn, row: int) -> str:
        """An id that nothing else in the table has, with its place on the sheet noted."""
        used = self._places
        plain = wanted if wanted and wanted not in used else ""
        if not plain:
            base = _NOT_IN_IDS.sub("_", f"{self._table.id}_{otherwise}").strip("_.-")
            base = base if base[:1].isalpha() or base[:1] == "_" else f"_{base}"
            plain, number = base, 2
            while plain in used or plain in self._taken:
                plain, number = f"{base}_{number}", number + 1
        used[plain] = f"Sheet '{self._table.sheet}', cell {column.letter}{row}"
        return plain
