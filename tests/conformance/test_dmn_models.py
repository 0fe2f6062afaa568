"""The DMN files of other projects: each one loads, or is refused with the findings that are listed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from bpm_server import dmn
from bpm_server.dmn.reader import read
from bpm_server.dmn.sheetwriter import tables_of
from bpm_server.kernel.findings import RefusedFile
from bpm_server.services.deployments import read_files
from tests.unit.dmn.sheetvalues import as_values, same

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.shared

REFUSED: Final[dict[str, tuple[str, str]]] = {
    "camunda-7-code-examples__remaining-teams.dmn": ("dmn-language", "a script in JavaScript"),
    "camunda-bpm-platform__DrgWithLiteralExpression.dmn": ("dmn-language", "a script in Groovy"),
    "camunda-bpm-platform__breaking_single_quotes.dmn": ("feel-syntax", "single quotes, which FEEL does not know"),
    "camunda-bpm-platform__breaking_spin.dmn": ("juel-syntax", "calls Java's getClass"),
    "camunda-bpm-platform__drd.dmn": ("dmn-language", "a script in JavaScript"),
    "dmn-scala__cyclic-dependencies-in-decisions.dmn": ("dmn-cycle", "made to be refused"),
    "dmn-scala__expression-language.dmn": ("dmn-language", "made to be refused: Groovy"),
}
"""Files that are refused: the rule of the error, and what is wrong with them."""


@pytest.fixture(scope="module")
def files(shared: Path) -> dict[str, bytes]:
    """All DMN files by name."""
    found = {path.name: path.read_bytes() for path in sorted((shared / "models").rglob("*.dmn"))}
    assert len(found) > 60
    return found


def test_only_listed_files_are_refused(files: dict[str, bytes]) -> None:
    refused: dict[str, str] = {}
    for name, content in files.items():
        for finding in read_files({name: content}):
            if finding.severity == "error":
                assert finding.line, finding
                refused[name] = finding.rule
    assert refused == {name: rule for name, (rule, _) in REFUSED.items()}


def test_most_files_have_few_warnings(files: dict[str, bytes]) -> None:
    """Warnings are for what is wrong: a file that works and has many of them says that a check is wrong."""
    counts = {
        name: sum(finding.severity == "warning" for finding in read_files({name: content}))
        for name, content in files.items()
    }
    assert max(counts.values()) <= 4
    assert sum(1 for count in counts.values() if count) <= len(counts) / 4


def test_tables_come_back_from_excel_unchanged(files: dict[str, bytes]) -> None:
    compared = 0
    for name, content in files.items():
        if name in REFUSED or not (tables := _tables(content)):
            continue
        back = dmn.from_xlsx(dmn.to_xlsx(content, name=name), name=name, into=content)
        assert same(tables, _tables(back)), name
        compared += len(tables)
    assert compared > 60


def _tables(content: bytes) -> list[object]:
    try:
        definitions = read(content, name="m.dmn")
    except RefusedFile:
        return []
    return [(kind, element.id, as_values(table)) for kind, element, table in tables_of(definitions)]
