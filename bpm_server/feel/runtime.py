"""All that generated Python can name. Nothing else is within its reach, Python's built-ins included."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from bpm_server.feel import access, calls, operations, ranges
from bpm_server.feel.values import ExternalFunction, UserFunction, is_instance

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES: Final[dict[str, Any]] = {
    "__builtins__": {},
    "M": access.MISSING,
    "NUMBERS": frozenset({int, Decimal}),
    "ExternalFunction": ExternalFunction,
    "UserFunction": UserFunction,
    "bool": bool,
    "dict": dict,
    "str": str,
    "type": type,
    "is_instance": is_instance,
    "add": operations.add,
    "subtract": operations.subtract,
    "multiply": operations.multiply,
    "divide": operations.divide,
    "power": operations.power,
    "negate": operations.negate,
    "equal": operations.equal,
    "unequal": operations.unequal,
    "less": operations.less,
    "less_or_equal": operations.less_or_equal,
    "greater": operations.greater,
    "greater_or_equal": operations.greater_or_equal,
    "between": operations.between,
    "otherwise": operations.otherwise,
    "interval": ranges.interval,
    "contains": ranges.contains,
    "in_test": ranges.in_test,
    "looked_at": ranges.looked_at,
    "test_range": ranges.test_range,
    "each": access.each,
    "each_of_span": access.each_of_span,
    "filtered": access.filtered,
    "item_at": access.item_at,
    "items": access.items,
    "path": access.path,
    "quiet_path": access.quiet_path,
    "snapshot": access.snapshot,
    "span": access.span,
    "turns": access.turns,
    "unknown_name": access.unknown_name,
    "call": calls.call,
    "call_built_in": calls.call_built_in,
    "call_built_in_named": calls.call_built_in_named,
    "call_named": calls.call_named,
}


def load(text: str, constants: dict[str, Any]) -> Callable[..., Any]:
    """The function ``run`` that generated text defines."""
    namespace = {**NAMES, **constants}
    exec(compile(text, "<feel>", "exec"), namespace)  # noqa: S102 - generated, see bpm_server.feel.generate
    run: Callable[..., Any] = namespace["run"]
    return run
