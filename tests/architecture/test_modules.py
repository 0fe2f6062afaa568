"""Modules explain themselves and fit a sitting."""

from __future__ import annotations

import ast

from tests.support.services import ROOT

PACKAGE = ROOT / "bpm_server"
LINES = 450
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "base", "misc"}
LONG: dict[str, str] = {
    "store/migrations/versions/0001_first_tables.py": "generated",
}
"""Files that may be longer, each with the reason."""


def test_every_module_has_a_docstring() -> None:
    missing = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert missing == []


def test_no_file_is_longer_than_a_sitting() -> None:
    long = {
        path.relative_to(PACKAGE).as_posix(): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LINES
    }
    assert set(long) <= set(LONG), f"split these by what they are about: {long}"


def test_names_say_what_is_inside() -> None:
    found = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.stem in FORBIDDEN_NAMES]
    assert found == []


def test_tables_are_named_in_the_singular() -> None:
    from bpm_server.store.tables import db

    plural = [name for name in db.metadata.tables if name.endswith("s") and not name.endswith(("ss", "requirements"))]
    assert plural == []
