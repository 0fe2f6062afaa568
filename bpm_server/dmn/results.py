"""What an evaluation of a decision says: the value, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from bpm_server.feel import Diagnostic

LogicType = Literal[
    "decision table",
    "literal expression",
    "context",
    "invocation",
    "list",
    "relation",
    "function",
    "conditional",
    "filter",
    "iterator",
    "none",
]
ElementType = Literal["decision", "business knowledge model"]


@dataclass(frozen=True, slots=True)
class EvaluatedInput:
    """An input of a decision table."""

    id: str
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class EvaluatedOutput:
    """An output of a matched rule."""

    id: str
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class MatchedRule:
    """A rule that matched; ``index`` counts from 1, as in the table."""

    id: str
    index: int
    outputs: tuple[EvaluatedOutput, ...]
    annotations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionEvaluation:
    """One decision, or one call of a business knowledge model with a decision table.

    Attributes:
        type: What it consists of.
        element: What it is in the requirements graph.
        inputs: Of a decision table the tested values; otherwise the required values that were read.
        rules: Matched rules of a decision table.
    """

    id: str
    name: str
    type: LogicType
    element: ElementType
    inputs: tuple[EvaluatedInput, ...]
    rules: tuple[MatchedRule, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The result of :meth:`bpm_server.dmn.Model.evaluate`.

    Attributes:
        value: Of the decision that was asked for.
        evaluations: All decisions that were needed, each after those it requires; the asked one is last.
        diagnostics: Why something is null, in the order in which it happened.
        failed: The decision could not be made: a table broke its hit policy, an ``assert`` failed, or the
            budget ran out. A null because no rule matches is a result.
    """

    value: Any
    evaluations: tuple[DecisionEvaluation, ...]
    diagnostics: tuple[Diagnostic, ...]
    failed: bool = False
