"""Tables of expressions and their values, as text: ``expression => value``, one a line."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from bpm_server import feel
from bpm_server.feel.numbers import as_text
from bpm_server.feel.printer import string_literal

NOW = datetime(2026, 1, 31, 12, 30, 15, 250000, tzinfo=timezone(timedelta(hours=1)))


def rows(text: str) -> pytest.MarkDecorator:
    """The rows of a table, for a test of ``expression`` and ``expected``."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    pairs = [tuple(part.strip() for part in line.rsplit("=>", 1)) for line in lines]
    return pytest.mark.parametrize(("expression", "expected"), pairs, ids=[pair[0] for pair in pairs])


def shown(value: Any) -> str:
    """A value as FEEL text; digits as they are."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return as_text(value)
        case str():
            return string_literal(value)
        case list():
            return f"[{', '.join(map(shown, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    return str(value)


def evaluated(expression: str, dialect: feel.DialectName = "dmn", **variables: Any) -> str:
    """The value of an expression, as text."""
    compiled = feel.compile(expression, dialect=dialect, names=variables)
    return shown(compiled.evaluate(variables, now=NOW, seed=1).value)


def notes(expression: str, dialect: feel.DialectName = "dmn", **variables: Any) -> list[str]:
    """The diagnostics of an evaluation, as ``kind at line:column: message``."""
    result = feel.compile(expression, dialect=dialect).evaluate(variables, now=NOW)
    return [f"{note.kind} at {note.line}:{note.column}: {note.message}" for note in result.diagnostics]
