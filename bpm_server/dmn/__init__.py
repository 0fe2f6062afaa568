"""DMN 1.1 to 1.5: load a model once, make decisions often.

    >>> from bpm_server import dmn
    >>> model = dmn.load(data, name="discount.dmn")
    >>> model.evaluate("discount", {"amount": 500}).value
    5

See ``docs/how-to/use-feel-and-dmn-as-a-library.md``.
"""

from bpm_server.dmn.imports import among, imported_file
from bpm_server.dmn.model import Model, load
from bpm_server.dmn.results import (
    DecisionEvaluation,
    DecisionResult,
    EvaluatedInput,
    EvaluatedOutput,
    MatchedRule,
)
from bpm_server.dmn.sheetreader import from_xlsx
from bpm_server.dmn.sheetwriter import to_xlsx

__all__ = [
    "DecisionEvaluation",
    "DecisionResult",
    "EvaluatedInput",
    "EvaluatedOutput",
    "MatchedRule",
    "Model",
    "among",
    "from_xlsx",
    "imported_file",
    "load",
    "to_xlsx",
]
