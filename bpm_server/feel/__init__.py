"""FEEL, the expression language of DMN: compile once, evaluate often.

    >>> from bpm_server import feel
    >>> adult = feel.compile("age >= 18")
    >>> adult({"age": 21})
    True
    >>> adult.evaluate({}).diagnostics[0].message
    "Expected a variable 'age', but found none of that name"

See ``docs/how-to/use-feel-and-dmn-as-a-library.md`` and ``docs/reference/feel.md``.
"""

from bpm_server.feel.compiler import Expression, compile  # noqa: A004 - the name callers expect
from bpm_server.feel.dialects import DialectName
from bpm_server.feel.errors import Diagnostic, DiagnosticKind, FeelSyntaxError
from bpm_server.feel.evaluation import Budget, Evaluation
from bpm_server.feel.jsonvalues import NotJson, from_json, from_python, to_json
from bpm_server.feel.temporal.values import Date, DateTime, DaysDuration, MonthsDuration, Time
from bpm_server.feel.values import FeelFunction, Range

__all__ = [
    "Budget",
    "Date",
    "DateTime",
    "DaysDuration",
    "Diagnostic",
    "DiagnosticKind",
    "DialectName",
    "Evaluation",
    "Expression",
    "FeelFunction",
    "FeelSyntaxError",
    "MonthsDuration",
    "NotJson",
    "Range",
    "Time",
    "compile",
    "from_json",
    "from_python",
    "to_json",
]
